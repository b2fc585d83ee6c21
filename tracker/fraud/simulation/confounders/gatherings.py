"""Honest crowds: many people through one partner, one address, one device or one hour."""

from random import Random

from tracker.fraud.simulation.browsers import draw_device
from tracker.fraud.simulation.draws import chance, moment, moment_of_day
from tracker.fraud.simulation.honest import stray
from tracker.fraud.simulation.plan import Confounder
from tracker.fraud.simulation.scene import Act, Scene, labelled
from tracker.fraud.simulation.types import DAY_MS, HOUR_MS, MINUTE_MS, Partner

EUROPE_CAMPUS = frozenset({"DE", "FR", "GB", "PL", "RU", "US"})


def colleagues(scene: Scene, rng: Random) -> None:
    """Write an office where word goes round within a week."""
    partner = scene.honest_partner(rng)
    country = scene.country(rng, partner.program)
    office = scene.people.office(country)
    monday_ms = _monday(scene, rng, partner)
    for person in scene.people.crew(country, rng.randint(3, 6), work=office):
        at_ms = monday_ms + rng.randrange(5) * DAY_MS + rng.randrange(9 * HOUR_MS, 17 * HOUR_MS)
        act = Act(person=person, program=partner.program, partner=partner, clicked_ms=at_ms, place=office)
        scene.refer(rng, labelled(act, "colleagues"))


def partners_colleague(scene: Scene, rng: Random) -> None:
    """Write somebody from the partner's own company: same office, same mail domain."""
    partner = scene.honest_partner(rng, "agency", "b2b", "sales_agent")
    owner = partner.owner
    domain = owner.email.rpartition("@")[2]
    person = scene.people.newcomer(owner.country, work=owner.work)
    email = f"{person.handle}@{domain}" if owner.email.startswith(("hello", "info")) else person.email
    at_ms = _monday(scene, rng, partner) + rng.randrange(9 * HOUR_MS, 17 * HOUR_MS)
    act = Act(person=person, program=partner.program, partner=partner, clicked_ms=at_ms, place=owner.work, email=email)
    scene.refer(rng, labelled(act, "partners_colleague"))


def workshop_one_address(scene: Scene, rng: Random) -> None:
    """Write an evening of 5 to 25 people in one room who all follow the speaker's link."""
    partner = scene.honest_partner(rng, "teacher", "reseller", "influencer")
    country = scene.country(rng, partner.program)
    venue = scene.networks.public(country)
    start_ms = _monday(scene, rng, partner) + rng.randrange(5) * DAY_MS + 17 * HOUR_MS
    for _ in range(rng.randint(5, 25)):
        person = scene.people.newcomer(country)
        at_ms = start_ms + rng.randrange(2 * HOUR_MS)
        place = person.mobile if chance(rng, 200_000) else venue
        delay = rng.randrange(40_000, 12 * MINUTE_MS)
        act = Act(person=person, program=partner.program, partner=partner, clicked_ms=at_ms, place=place, delay=delay)
        scene.refer(rng, labelled(act, "workshop_one_address"))


def hostel(scene: Scene, rng: Random) -> None:
    """Write guests of one house, over weeks, who read the same recommendation on its wall."""
    partner = scene.honest_partner(rng)
    country = scene.country(rng, partner.program)
    house = scene.networks.public(country)
    start_ms = moment(rng, scene.parameters, since_ms=partner.joined_ms)
    for _ in range(rng.randint(4, 9)):
        at_ms = start_ms + rng.randrange(30 * DAY_MS)
        person = scene.people.newcomer(country)
        act = Act(person=person, program=partner.program, partner=partner, clicked_ms=at_ms, place=house)
        scene.refer(rng, labelled(act, "hostel"))


def dormitory(scene: Scene, rng: Random) -> None:
    """Write students of one dormitory with mailboxes of one school, in the first weeks of term."""
    partner = scene.honest_partner(rng, "teacher", "blogger")
    country = scene.country(rng, partner.program)
    campus = scene.people.campus(country if country in EUROPE_CAMPUS else "RU")
    start_ms = _monday(scene, rng, partner)
    for person in scene.people.crew(country, rng.randint(5, 12), work=campus):
        at_ms = start_ms + rng.randrange(14) * DAY_MS + moment_of_day(rng)
        act = Act(person=person, program=partner.program, partner=partner, clicked_ms=at_ms, place=campus)
        scene.refer(rng, labelled(act, "dormitory"))


def school_emails(scene: Scene, rng: Random) -> None:
    """Write a teacher's class: addresses from one naming scheme, one campus, one week."""
    partner = scene.honest_partner(rng, "teacher")
    owner = partner.owner
    school = owner.work or scene.networks.public(owner.country)
    start_ms = _monday(scene, rng, partner)
    domain = f"gymnasium-{rng.randrange(3, 90)}.{owner.country.lower()}"
    for _ in range(rng.randint(7, 14)):
        pupil = scene.people.newcomer(owner.country)
        stem, _, digits = pupil.handle.replace("_", ".").partition(".")
        email = f"{stem}.{digits or 'k'}.7b@{domain}"
        at_ms = start_ms + rng.randrange(5) * DAY_MS + rng.randrange(8 * HOUR_MS, 14 * HOUR_MS)
        act = Act(person=pupil, program=partner.program, partner=partner, clicked_ms=at_ms, place=school, email=email)
        scene.refer(rng, labelled(act, "school_emails"))


def shop_tablet(scene: Scene, rng: Random) -> None:
    """Write a reseller's counter: customers register on one tablet, over weeks."""
    partner = scene.honest_partner(rng, "reseller", "sales_agent")
    country = scene.country(rng, partner.program)
    tablet = draw_device(rng, country, kind="phone", model="chrome-android")
    counter = scene.networks.public(country)
    start_ms = _monday(scene, rng, partner)
    for _ in range(rng.randint(6, 20)):
        at_ms = start_ms + rng.randrange(24) * DAY_MS + rng.randrange(9 * HOUR_MS, 19 * HOUR_MS)
        act = Act(
            person=scene.people.newcomer(country),
            program=partner.program,
            partner=partner,
            clicked_ms=at_ms,
            delay=rng.randrange(MINUTE_MS, 9 * MINUTE_MS),
            device=tablet,
            place=counter,
        )
        scene.refer(rng, labelled(act, "shop_tablet"))


def call_centre(scene: Scene, rng: Random) -> None:
    """Write an operator who types callers in, with the partner's code, during one shift a day."""
    partner = scene.honest_partner(rng, "sales_agent", "agency")
    country = scene.country(rng, partner.program)
    start_ms = _monday(scene, rng, partner)
    for _ in range(rng.randint(8, 18)):
        at_ms = start_ms + rng.randrange(5) * DAY_MS + rng.randrange(8 * HOUR_MS, 16 * HOUR_MS)
        act = Act(
            person=scene.people.newcomer(country),
            program=partner.program,
            partner=partner,
            clicked_ms=at_ms,
            delay=0,
            clicks=False,
            source="call-centre",
        )
        scene.refer(rng, labelled(act, "call_centre"))


def influencer_burst(scene: Scene, rng: Random) -> None:
    """Write what a post brings: half of it within the first hour, nearly all from telephones."""
    partner = scene.honest_partner(rng, "influencer")
    country = scene.country(rng, partner.program)
    posted_ms = _monday(scene, rng, partner) + rng.randrange(7) * DAY_MS + rng.randrange(15 * HOUR_MS, 20 * HOUR_MS)
    count = rng.randint(30, 80)
    stray(scene, rng, partner, conversions=count, within=(posted_ms, posted_ms + 6 * HOUR_MS))
    for _ in range(count):
        person = scene.people.newcomer(country)
        at_ms = posted_ms + min(rng.randrange(3 * HOUR_MS), rng.randrange(3 * HOUR_MS))
        device = next((each for each in person.devices if each.mobile), person.devices[0])
        act = Act(
            person=person,
            program=partner.program,
            partner=partner,
            clicked_ms=at_ms,
            device=device,
            referrer="https://l.instagram.com/",
        )
        scene.refer(rng, labelled(act, "influencer_burst"))


def mailing(scene: Scene, rng: Random) -> None:
    """Write a newsletter that goes out at ten sharp."""
    partner = scene.honest_partner(rng, "blogger", "agency")
    country = scene.country(rng, partner.program)
    sent_ms = _monday(scene, rng, partner) + rng.randrange(1, 4) * DAY_MS + 10 * HOUR_MS
    count = rng.randint(18, 45)
    stray(scene, rng, partner, conversions=count, within=(sent_ms, sent_ms + 5 * HOUR_MS))
    for _ in range(count):
        at_ms = sent_ms + min(rng.randrange(20_000, 4 * HOUR_MS) for _ in range(3))
        person = scene.people.newcomer(country)
        act = Act(person=person, program=partner.program, partner=partner, clicked_ms=at_ms, referrer="")
        scene.refer(rng, labelled(act, "mailing"))


def coupon_fans(scene: Scene, rng: Random) -> None:
    """Write a code on a day of sales: typed by people who followed no link."""
    partner = scene.honest_partner(rng, "coupon")
    country = scene.country(rng, partner.program)
    start_ms = _monday(scene, rng, partner) + 4 * DAY_MS
    for _ in range(rng.randint(12, 32)):
        at_ms = start_ms + rng.randrange(3) * DAY_MS + moment_of_day(rng)
        person = scene.people.newcomer(country)
        act = Act(person=person, program=partner.program, partner=partner, clicked_ms=at_ms, clicks=False)
        scene.refer(rng, labelled(act, "coupon_fans"))


def sales_agent_codes(scene: Scene, rng: Random) -> None:
    """Write an agent who visits customers and leaves a code: no clicks, every one a sale."""
    partner = scene.honest_partner(rng, "sales_agent", "reseller")
    country = scene.country(rng, partner.program)
    start_ms = _monday(scene, rng, partner)
    for _ in range(rng.randint(8, 16)):
        at_ms = start_ms + rng.randrange(21) * DAY_MS + rng.randrange(9 * HOUR_MS, 20 * HOUR_MS)
        person = scene.people.newcomer(country)
        act = Act(person=person, program=partner.program, partner=partner, clicked_ms=at_ms, clicks=False, buys=True)
        scene.refer(rng, labelled(act, "sales_agent_codes"))


def _monday(scene: Scene, rng: Random, partner: Partner) -> int:
    """Return the midnight of a Monday in the first seven weeks, after the partner joined."""
    since = (partner.joined_ms - scene.parameters.start_ms) // (7 * DAY_MS) + (
        partner.joined_ms > scene.parameters.start_ms
    )
    last = max(scene.parameters.days // 7 - 1, since + 1)
    return scene.parameters.start_ms + rng.randrange(since, last) * 7 * DAY_MS


CONFOUNDERS = (
    Confounder(name="colleagues", title="Word goes round an office", run=colleagues),
    Confounder(name="partners_colleague", title="A colleague of the partner", run=partners_colleague),
    Confounder(name="workshop_one_address", title="A workshop behind one address", run=workshop_one_address),
    Confounder(name="hostel", title="Guests of one house", run=hostel),
    Confounder(name="dormitory", title="Students of one dormitory", run=dormitory),
    Confounder(name="school_emails", title="A class with addresses of one scheme", run=school_emails),
    Confounder(name="shop_tablet", title="A tablet on the counter", run=shop_tablet),
    Confounder(name="call_centre", title="An operator types callers in", run=call_centre),
    Confounder(name="influencer_burst", title="A post brings a crowd", run=influencer_burst),
    Confounder(name="mailing", title="A newsletter at ten", run=mailing),
    Confounder(name="coupon_fans", title="A code on a day of sales", run=coupon_fans),
    Confounder(name="sales_agent_codes", title="An agent who leaves codes", run=sales_agent_codes),
)
