"""S7: invented people register through a VPN, each from another exit."""

from random import Random

from tracker.fraud.simulation.browsers import draw_device, incognito
from tracker.fraud.simulation.plan import Plan, Scheme
from tracker.fraud.simulation.scene import Act, Scene, fraudulent
from tracker.fraud.simulation.types import MINUTE_MS


def run(scene: Scene, rng: Random, plan: Plan) -> None:
    """Write registrations spread over the window, on one machine that forgets its cookies."""
    partner = plan.partner
    country = scene.country(rng, partner.program)
    machine = draw_device(rng, country, kind="desktop")
    for at_ms in plan.times(rng):
        act = Act(
            person=scene.people.newcomer(country),
            program=partner.program,
            partner=partner,
            clicked_ms=at_ms,
            delay=rng.randrange(30_000, 8 * MINUTE_MS),
            device=incognito(rng, machine),
            place=scene.networks.egress("vpn"),
        )
        scene.refer(rng, fraudulent(act, SCHEME.name))


SCHEME = Scheme(name="S7_vpn_rotation", title="A farm behind a VPN", sizes=(8, 16), run=run)
