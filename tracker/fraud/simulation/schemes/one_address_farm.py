"""S5: invented people register from one address, in a few sittings."""

from random import Random

from tracker.fraud.simulation.browsers import draw_device, incognito
from tracker.fraud.simulation.plan import Plan, Scheme
from tracker.fraud.simulation.scene import Act, Scene, fraudulent
from tracker.fraud.simulation.types import HOUR_MS, MINUTE_MS


def run(scene: Scene, rng: Random, plan: Plan) -> None:
    """Write sittings of an hour or three at one desk with two machines."""
    partner = plan.partner
    country = scene.country(rng, partner.program)
    desk = scene.networks.public(country)
    machines = [draw_device(rng, country, kind="desktop"), draw_device(rng, country, kind="phone")]
    sittings = plan.times(rng, max(plan.count // 7, 1))
    for index in range(plan.count):
        begins_ms = sittings[index % len(sittings)]
        act = Act(
            person=scene.people.newcomer(country),
            program=partner.program,
            partner=partner,
            clicked_ms=begins_ms + rng.randrange(3 * HOUR_MS),
            delay=rng.randrange(25_000, 4 * MINUTE_MS),
            device=incognito(rng, rng.choice(machines)),
            place=desk,
        )
        scene.refer(rng, fraudulent(act, SCHEME.name))


SCHEME = Scheme(name="S5_one_address_farm", title="A farm behind one address", sizes=(8, 18), run=run)
