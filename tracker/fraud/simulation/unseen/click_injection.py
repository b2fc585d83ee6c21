"""An app on the telephone that notices a full cart and fires the partner's click before the order is sent.

Not to be tuned on: whoever writes or tunes a rule does not look at the parameters here.
"""

from random import Random

from tracker.fraud.simulation.browsers import draw_device
from tracker.fraud.simulation.plan import Plan, Scheme
from tracker.fraud.simulation.scene import Act, Scene, fraudulent
from tracker.fraud.simulation.types import Partner


def run(scene: Scene, rng: Random, plan: Plan) -> None:
    """Write true buyers on Android whose click comes moments before the conversion, without a referrer."""
    partner = plan.partner
    for at_ms in plan.times(rng):
        country = scene.country(rng, partner.program)
        person = scene.people.newcomer(country)
        device = draw_device(rng, country, kind="phone", model=rng.choice(("chrome-android", "samsung")))
        act = Act(
            person=person,
            program=partner.program,
            partner=partner,
            clicked_ms=at_ms,
            delay=rng.randrange(1500, 13_000),
            device=device,
            place=rng.choice((person.home, person.mobile)),
            referrer=f"android-app://com.{rng.choice(('cleaner', 'flash', 'weather'))}.free/",
            buys=True,
        )
        scene.refer(rng, fraudulent(act, SCHEME.name))


def has_carts(partner: Partner) -> bool:
    """Say whether there is a cart to notice."""
    return partner.program.kind == "shop"


SCHEME = Scheme(
    name="U4_click_injection", title="An app clicks before the order", sizes=(8, 16), run=run, fits=has_carts
)
