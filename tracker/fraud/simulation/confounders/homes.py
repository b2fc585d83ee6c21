"""Honest people who share a home, a device, a card or a name."""

from random import Random

from tracker.fraud.simulation.browsers import draw_device
from tracker.fraud.simulation.draws import chance, moment
from tracker.fraud.simulation.names import draw_name, typed_phone
from tracker.fraud.simulation.plan import Confounder
from tracker.fraud.simulation.scene import Act, Scene, labelled
from tracker.fraud.simulation.types import DAY_MS, HOUR_MS, MINUTE_MS


def family_referral(scene: Scene, rng: Random) -> None:
    """Write a family that follows one recommendation: within an evening or over three days."""
    partner = scene.honest_partner(rng, "blogger", "teacher", "influencer")
    people = scene.people.family(scene.country(rng, partner.program), rng.randint(2, 4))
    start_ms = moment(rng, scene.parameters, since_ms=partner.joined_ms)
    span_ms = rng.choice((2 * HOUR_MS, DAY_MS, 3 * DAY_MS))
    for person in people:
        at_ms = start_ms + rng.randrange(span_ms)
        place = None if chance(rng, 200_000) else person.home
        act = Act(person=person, program=partner.program, partner=partner, clicked_ms=at_ms, place=place)
        scene.refer(rng, labelled(act, "family_referral"))


def partners_relative(scene: Scene, rng: Random) -> None:
    """Write a grown-up who lives with a partner and buys for real, with a mailbox and device of their own."""
    partner = scene.honest_partner(rng)
    relative = scene.people.newcomer(partner.owner.country, home=partner.owner.home)
    at_ms = moment(rng, scene.parameters, since_ms=partner.joined_ms)
    act = Act(person=relative, program=partner.program, partner=partner, clicked_ms=at_ms, place=relative.home)
    scene.refer(rng, labelled(act, "partners_relative"))


def helped_parents(scene: Scene, rng: Random) -> None:
    """Write a son or daughter who registers one or two parents on the own computer."""
    partner = scene.honest_partner(rng)
    family = scene.people.family(scene.country(rng, partner.program), rng.randint(2, 3))
    device = family[0].devices[0]
    at_ms = moment(rng, scene.parameters, since_ms=partner.joined_ms)
    for person in family:
        act = Act(person=person, program=partner.program, partner=partner, clicked_ms=at_ms, device=device)
        scene.refer(rng, labelled(act, "helped_parents"))
        at_ms += rng.randrange(4 * MINUTE_MS, 5 * DAY_MS)


def couple_one_card(scene: Scene, rng: Random) -> None:
    """Write a couple with one card: two customers, two mailboxes, days apart."""
    partner = scene.honest_partner(rng, program=rng.choice(("shop", "saas")))
    first, second = scene.people.family(scene.country(rng, partner.program), 2)
    at_ms = moment(rng, scene.parameters, since_ms=partner.joined_ms)
    for person in (first, second):
        act = Act(person=person, program=partner.program, partner=partner, clicked_ms=at_ms, card=first.card, buys=True)
        scene.refer(rng, labelled(act, "couple_one_card"))
        at_ms += rng.randrange(HOUR_MS, 9 * DAY_MS)


def family_phone(scene: Scene, rng: Random) -> None:
    """Write two of a family who give the same telephone number."""
    partner = scene.honest_partner(rng, program=rng.choice(("form", "shop")))
    family = scene.people.family(scene.country(rng, partner.program), 2)
    at_ms = moment(rng, scene.parameters, since_ms=partner.joined_ms)
    for person in family:
        phone = typed_phone(rng, family[0].phone, person.country)
        act = Act(person=person, program=partner.program, partner=partner, clicked_ms=at_ms, phone=phone)
        scene.refer(rng, labelled(act, "family_phone"))
        at_ms += rng.randrange(HOUR_MS, 12 * DAY_MS)


def reassigned_phone(scene: Scene, rng: Random) -> None:
    """Write a number that a carrier gave to somebody else: two strangers, seven weeks apart."""
    partner = scene.honest_partner(rng, program=rng.choice(("form", "shop")))
    country = scene.country(rng, partner.program)
    before, after = scene.people.newcomer(country), scene.people.newcomer(country)
    early_ms = partner.joined_ms + rng.randrange(6 * DAY_MS)
    second = scene.honest_partner(rng, program=partner.program.kind)
    scene.refer(
        rng,
        labelled(Act(person=before, program=partner.program, partner=partner, clicked_ms=early_ms), "reassigned_phone"),
    )
    scene.refer(
        rng,
        labelled(
            Act(
                person=after,
                program=partner.program,
                partner=second,
                clicked_ms=max(early_ms, second.joined_ms) + 49 * DAY_MS,
                delay=9 * MINUTE_MS,
                phone=before.phone,
            ),
            "reassigned_phone",
        ),
    )


def honest_reregistration(scene: Scene, rng: Random) -> None:
    """Write somebody who forgot the account and registers again with the mailbox in another spelling."""
    partner = scene.honest_partner(rng, program=rng.choice(("form", "saas")))
    person = scene.people.newcomer(scene.country(rng, partner.program))
    at_ms = partner.joined_ms + rng.randrange(15 * DAY_MS)
    email = f"{person.handle}@gmail.com"
    for spelling in (email, rng.choice((email, f"{person.handle}+new@gmail.com", email.capitalize()))):
        act = Act(person=person, program=partner.program, partner=partner, clicked_ms=at_ms, email=spelling)
        scene.refer(rng, labelled(act, "honest_reregistration"))
        at_ms += rng.randrange(12 * DAY_MS, 42 * DAY_MS)


def tag_for_every_shop(scene: Scene, rng: Random) -> None:
    """Write tidy people who give each shop a tag of its own."""
    for _ in range(4):
        partner = scene.honest_partner(rng)
        person = scene.people.newcomer(scene.country(rng, partner.program))
        email = f"{person.handle}+{partner.program.site.split('.')[0]}@gmail.com"
        at_ms = moment(rng, scene.parameters, since_ms=partner.joined_ms)
        act = Act(person=person, program=partner.program, partner=partner, clicked_ms=at_ms, email=email)
        scene.refer(rng, labelled(act, "tag_for_every_shop"))


def namesake(scene: Scene, rng: Random) -> None:
    """Write a stranger with the partner's common name, who lives elsewhere."""
    partner = scene.honest_partner(rng)
    stranger = scene.people.newcomer(partner.owner.country)
    first, last = partner.owner.name.split(" ", 1)
    name = f"{first} {last}" if chance(rng, 500_000) else draw_name(rng, partner.owner.country, last=last).full
    at_ms = moment(rng, scene.parameters, since_ms=partner.joined_ms)
    act = Act(person=stranger, program=partner.program, partner=partner, clicked_ms=at_ms, name=name)
    scene.refer(rng, labelled(act, "namesake"))


def old_phone(scene: Scene, rng: Random) -> None:
    """Write people with browsers too old to say where a click came from."""
    for _ in range(3):
        partner = scene.honest_partner(rng)
        country = scene.country(rng, partner.program)
        device = draw_device(rng, country, kind="phone", model="old-safari")
        person = scene.people.newcomer(country, devices=(device,))
        at_ms = moment(rng, scene.parameters, since_ms=partner.joined_ms)
        act = Act(person=person, program=partner.program, partner=partner, clicked_ms=at_ms)
        scene.refer(rng, labelled(act, "old_phone"))


CONFOUNDERS = (
    Confounder(name="family_referral", title="A family follows one recommendation", run=family_referral),
    Confounder(name="partners_relative", title="A relative at the partner's home", run=partners_relative),
    Confounder(name="helped_parents", title="Parents registered on one computer", run=helped_parents),
    Confounder(name="couple_one_card", title="A couple with one card", run=couple_one_card),
    Confounder(name="family_phone", title="Two of a family with one number", run=family_phone),
    Confounder(name="reassigned_phone", title="A number that changed hands", run=reassigned_phone),
    Confounder(name="honest_reregistration", title="A forgotten account", run=honest_reregistration),
    Confounder(name="tag_for_every_shop", title="A mailbox tag for every shop", run=tag_for_every_shop),
    Confounder(name="namesake", title="A stranger with the partner's name", run=namesake),
    Confounder(name="old_phone", title="A browser without fetch metadata", run=old_phone),
)
