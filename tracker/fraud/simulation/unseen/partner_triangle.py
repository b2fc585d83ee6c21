"""Three partners who refer one another: each buys through the next one's link, with the own true details.

Not to be tuned on: whoever writes or tunes a rule does not look at the parameters here.
"""

from random import Random

from tracker.fraud.simulation.plan import Plan, Scheme
from tracker.fraud.simulation.scene import Act, Scene, fraudulent
from tracker.fraud.simulation.types import HOUR_MS


def run(scene: Scene, rng: Random, plan: Plan) -> None:
    """Write purchases round the circle."""
    circle = [plan.partner, *plan.accomplices]
    for index, at_ms in enumerate(plan.times(rng)):
        seller = circle[index % len(circle)]
        buyer = circle[(index + 1) % len(circle)].owner
        act = Act(
            person=buyer,
            program=seller.program,
            partner=seller,
            clicked_ms=max(at_ms, seller.joined_ms + HOUR_MS),
            buys=True,
        )
        scene.refer(rng, fraudulent(act, SCHEME.name))


SCHEME = Scheme(name="U2_partner_triangle", title="Partners refer one another", sizes=(6, 12), run=run)
