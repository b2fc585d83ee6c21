"""S11: an extension puts the partner's link under a purchase that is about to be paid."""

from random import Random

import msgspec

from tracker.fraud.simulation.plan import Plan, Scheme
from tracker.fraud.simulation.scene import Act, Scene, fraudulent
from tracker.fraud.simulation.types import MINUTE_MS, Partner


def run(scene: Scene, rng: Random, plan: Plan) -> None:
    """Write buyers who came by another partner or by themselves, and the click seconds before they pay."""
    partner = plan.partner
    rivals = [each for each in scene.partners if each.program is partner.program and each is not partner]
    for at_ms in plan.times(rng):
        person = scene.people.newcomer(scene.country(rng, partner.program))
        device = rng.choice(person.devices)
        act = Act(
            person=person,
            program=partner.program,
            partner=partner,
            clicked_ms=at_ms,
            delay=rng.randrange(4000, 50_000),
            device=device,
            place=person.home,
            landing="checkout",
            referrer=f"https://{partner.program.site}/cart",
            with_code=rng.random() < 0.5,
        )
        if rivals and rng.random() < 0.6:
            before_ms = at_ms - rng.randrange(3 * MINUTE_MS, 40 * MINUTE_MS)
            scene.stray_click(rng, rng.choice(rivals), before_ms, device=device, place=person.home)
        scene.refer(rng, fraudulent(msgspec.structs.replace(act, buys=True), SCHEME.name))


def has_carts(partner: Partner) -> bool:
    """Say whether there is a cart to notice."""
    return partner.program.kind == "shop"


SCHEME = Scheme(name="S11_checkout_hijack", title="A click while paying", sizes=(6, 14), run=run, fits=has_carts)
