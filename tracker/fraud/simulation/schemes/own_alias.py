"""S2: the partner buys under other spellings of the own mailbox."""

from random import Random

from tracker.fraud.simulation.browsers import incognito
from tracker.fraud.simulation.names import dotted, draw_name, draw_phone
from tracker.fraud.simulation.plan import Plan, Scheme
from tracker.fraud.simulation.scene import Act, Scene, fraudulent
from tracker.fraud.simulation.types import Partner

TAGGING = ("gmail.com", "outlook.com", "outlook.de", "icloud.com", "yandex.ru", "ya.ru")


def run(scene: Scene, rng: Random, plan: Plan) -> None:
    """Write purchases under tags and moved dots, often on the telephone and away from home."""
    partner = plan.partner
    local, _, domain = partner.owner.email.rpartition("@")
    bare = local.partition("+")[0]
    for at_ms in plan.times(rng):
        spellings = [f"{bare}+{rng.choice(('a', 'shop', 'new', 'x', '2', 'my'))}{rng.randrange(30)}@{domain}"]
        if domain == "gmail.com":
            spellings += [f"{dotted(rng, bare)}@googlemail.com", f"{dotted(rng, bare)}@gmail.com"]
        device = rng.choice(partner.owner.devices)
        act = Act(
            person=partner.owner,
            program=partner.program,
            partner=partner,
            clicked_ms=at_ms,
            device=incognito(rng, device),
            place=rng.choice((None, partner.owner.mobile)),
            email=rng.choice([each for each in spellings if each != partner.owner.email]),
            name=draw_name(rng, partner.owner.country).full,
            phone=draw_phone(rng, partner.owner.country),
            customer_id=f"c{rng.getrandbits(40)}",
            buys=True,
        )
        scene.refer(rng, fraudulent(act, SCHEME.name))


def has_tags(partner: Partner) -> bool:
    """Say whether the partner's mail provider knows other spellings."""
    return partner.owner.email.lower().rpartition("@")[2] in TAGGING


SCHEME = Scheme(name="S2_own_alias", title="Own purchases, mailbox respelt", sizes=(3, 6), run=run, fits=has_tags)
