"""Gift cards bought with one card through two partners' links, for two rewards and a resale.

Not to be tuned on: whoever writes or tunes a rule does not look at the parameters here.
"""

from random import Random

from tracker.fraud.simulation.plan import Plan, Scheme
from tracker.fraud.simulation.scene import Act, Scene, fraudulent
from tracker.fraud.simulation.types import HOUR_MS, Partner


def run(scene: Scene, rng: Random, plan: Plan) -> None:
    """Write purchases under several names; only the card is the same."""
    sellers = [plan.partner, *(each for each in plan.accomplices if each.program is plan.partner.program)][:2]
    card = f"card_{rng.getrandbits(64):016x}"
    low, high = plan.partner.program.price
    for index, at_ms in enumerate(plan.times(rng)):
        seller = sellers[index % len(sellers)]
        act = Act(
            person=scene.people.newcomer(scene.country(rng, seller.program)),
            program=seller.program,
            partner=seller,
            clicked_ms=max(at_ms, seller.joined_ms + HOUR_MS),
            delay=rng.randrange(HOUR_MS),
            card=card,
            amount=(low + (high - low) // 5) // 1000 * 1000 or None,
            buys=True,
            buys_after_days=1,
        )
        scene.refer(rng, fraudulent(act, SCHEME.name))


def sells(partner: Partner) -> bool:
    """Say whether the program takes payments."""
    return partner.program.kind != "form"


SCHEME = Scheme(name="U7_gift_card_resale", title="One card, two partners", sizes=(6, 12), run=run, fits=sells)
