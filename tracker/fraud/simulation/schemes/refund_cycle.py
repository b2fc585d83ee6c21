"""S12: accomplices buy, wait until the reward is released after its hold, and send everything back."""

from random import Random

from tracker.fraud.simulation.plan import Plan, Scheme
from tracker.fraud.simulation.scene import Act, Scene, fraudulent
from tracker.fraud.simulation.types import DAY_MS, HOUR_MS, Partner

HOLD_DAYS = 30
JOINED_DAY_MAX = 14  # twelve days of buying, the hold and three more still fit in


def run(scene: Scene, rng: Random, plan: Plan) -> None:
    """Write large purchases by people of their own, each refunded within three days of the hold's end."""
    partner = plan.partner
    first_ms = max(partner.joined_ms, scene.parameters.start_ms) + HOUR_MS
    low, high = partner.program.price
    for _ in range(plan.count):
        at_ms = first_ms + rng.randrange(12 * DAY_MS)
        act = Act(
            person=scene.people.newcomer(scene.country(rng, partner.program)),
            program=partner.program,
            partner=partner,
            clicked_ms=at_ms,
            delay=rng.randrange(4 * HOUR_MS),
            amount=(low + (high - low) * rng.randrange(40, 95) // 100) // 100 * 100 or None,
        )
        sale_id = scene.refer(rng, fraudulent(act, SCHEME.name))
        if sale_id is not None and partner.program.kind == "shop":
            scene.refund(sale_id, at_ms + HOLD_DAYS * DAY_MS + rng.randrange(6 * HOUR_MS, 3 * DAY_MS))


def sells_early(partner: Partner) -> bool:
    """Say whether a hold can be waited for: in the shop, from early on."""
    return partner.program.kind == "shop" and partner.joined_day <= JOINED_DAY_MAX


SCHEME = Scheme(name="S12_refund_cycle", title="Bought, paid out, sent back", sizes=(6, 12), run=run, fits=sells_early)
