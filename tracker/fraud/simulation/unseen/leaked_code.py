"""A code put on coupon sites: real buyers who would have come anyway, with invented ones among them.

Not to be tuned on: whoever writes or tunes a rule does not look at the parameters here.
"""

from random import Random

from tracker.fraud.simulation.browsers import draw_device, incognito
from tracker.fraud.simulation.plan import Plan, Scheme
from tracker.fraud.simulation.scene import Act, Scene, fraudulent
from tracker.fraud.simulation.types import DAY_MS


def run(scene: Scene, rng: Random, plan: Plan) -> None:
    """Write a wave of code users without a click over two days; every third is invented at one desk."""
    partner = plan.partner
    country = scene.country(rng, partner.program)
    desk = draw_device(rng, country, kind="desktop")
    place = scene.networks.public(country)
    for index in range(plan.count):
        is_invented = index % 3 == 0
        act = Act(
            person=scene.people.newcomer(country),
            program=partner.program,
            partner=partner,
            clicked_ms=plan.begins_ms + rng.randrange(2 * DAY_MS),
            clicks=False,
            delay=0,
            device=incognito(rng, desk) if is_invented else None,
            place=place if is_invented else None,
        )
        scene.refer(rng, fraudulent(act, SCHEME.name))


SCHEME = Scheme(name="U3_leaked_code", title="A code leaked to coupon sites", sizes=(12, 24), run=run)
