"""S8: one person collects the newcomer's bonus again and again: one mailbox respelt, one telephone number."""

from random import Random

from tracker.fraud.simulation.browsers import incognito
from tracker.fraud.simulation.names import dotted, draw_name, typed_phone
from tracker.fraud.simulation.plan import Plan, Scheme
from tracker.fraud.simulation.scene import Act, Scene, fraudulent


def run(scene: Scene, rng: Random, plan: Plan) -> None:
    """Write a stranger to the partner, at home or on the way, who shares the bonus with the partner."""
    partner = plan.partner
    hunter = scene.people.newcomer(scene.country(rng, partner.program))
    handle = hunter.handle.replace("_", "")
    for at_ms in plan.times(rng):
        email = rng.choice((f"{dotted(rng, handle)}@gmail.com", f"{handle}+{rng.randrange(99)}@gmail.com"))
        name = draw_name(rng, hunter.country)
        act = Act(
            person=hunter,
            program=partner.program,
            partner=partner,
            clicked_ms=at_ms,
            device=incognito(rng, rng.choice(hunter.devices)),
            place=rng.choice((hunter.home, hunter.mobile)),
            email=email,
            name=rng.choice((hunter.name, name.full)),
            phone=typed_phone(rng, hunter.phone, hunter.country),
            customer_id=f"c{rng.getrandbits(40)}",
        )
        scene.refer(rng, fraudulent(act, SCHEME.name))


SCHEME = Scheme(name="S8_bonus_hunter", title="One person, many spellings", sizes=(5, 12), run=run)
