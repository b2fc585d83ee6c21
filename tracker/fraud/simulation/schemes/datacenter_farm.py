"""S6: invented people register from rented servers."""

from random import Random

from tracker.fraud.simulation.browsers import draw_device
from tracker.fraud.simulation.plan import Plan, Scheme
from tracker.fraud.simulation.scene import Act, Scene, fraudulent
from tracker.fraud.simulation.types import HOUR_MS, MINUTE_MS


def run(scene: Scene, rng: Random, plan: Plan) -> None:
    """Write registrations from a handful of servers, with remote desktops that look like people's."""
    partner = plan.partner
    country = scene.country(rng, partner.program)
    servers = scene.networks.hosting(rng.randint(3, 8))
    sittings = plan.times(rng, max(plan.count // 5, 1))
    for index in range(plan.count):
        act = Act(
            person=scene.people.newcomer(country),
            program=partner.program,
            partner=partner,
            clicked_ms=sittings[index % len(sittings)] + rng.randrange(5 * HOUR_MS),
            delay=rng.randrange(20_000, 6 * MINUTE_MS),
            device=draw_device(rng, country, kind="desktop", model=rng.choice(("chrome-windows", "chrome-linux"))),
            place=servers,
        )
        scene.refer(rng, fraudulent(act, SCHEME.name))


SCHEME = Scheme(name="S6_datacenter_farm", title="A farm on rented servers", sizes=(8, 18), run=run)
