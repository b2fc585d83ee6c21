"""S1: the partner buys through the own link, under the very mailbox the partner is known by."""

from random import Random

from tracker.fraud.simulation.plan import Plan, Scheme
from tracker.fraud.simulation.scene import Act, Scene, fraudulent


def run(scene: Scene, rng: Random, plan: Plan) -> None:
    """Write a few own purchases, from wherever the partner is."""
    partner = plan.partner
    for at_ms in plan.times(rng):
        act = Act(person=partner.owner, program=partner.program, partner=partner, clicked_ms=at_ms, buys=True)
        scene.refer(rng, fraudulent(act, SCHEME.name))


SCHEME = Scheme(name="S1_own_email", title="Own purchases, own mailbox", sizes=(2, 5), run=run)
