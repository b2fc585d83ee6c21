"""Honest people with unusual networks, machines, tempo, traffic or money."""

from random import Random

import msgspec

from tracker.fraud.simulation.browsers import APPLE, draw_device, incognito
from tracker.fraud.simulation.draws import chance, moment, moment_of_day
from tracker.fraud.simulation.honest import stray
from tracker.fraud.simulation.names import DISPOSABLE, typed_phone
from tracker.fraud.simulation.networks import COUNTRIES
from tracker.fraud.simulation.plan import Confounder
from tracker.fraud.simulation.scene import Act, Scene, labelled
from tracker.fraud.simulation.types import DAY_MS, HOUR_MS, MINUTE_MS, Device, Partner

SCANNERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) LinkScanner/4.2",
    "TelegramBot (like TwitterBot)",
    "WhatsApp/2.24.6.77 A",
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "Mozilla/5.0 (compatible; vkShare; +http://vk.com/dev/Share)",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
)


def autofill_buyers(scene: Scene, rng: Random) -> None:
    """Write people who know the shop, let the browser fill the form and are done in seconds."""
    for _ in range(rng.randint(4, 9)):
        partner, act = _ordinary(scene, rng)
        device = act.person.devices[0]
        before_ms = act.clicked_ms - rng.randrange(DAY_MS, 5 * DAY_MS)
        scene.stray_click(rng, partner, before_ms, device=device, place=act.person.home)
        quick = msgspec.structs.replace(act, device=device, delay=rng.randrange(3500, 16_000))
        scene.refer(rng, labelled(quick, "autofill_buyers"))


def traveller(scene: Scene, rng: Random) -> None:
    """Write people abroad: the hotel's network, their own telephone number and language."""
    for _ in range(rng.randint(3, 7)):
        partner, act = _ordinary(scene, rng)
        abroad = rng.choice([each for each in COUNTRIES if each != act.person.country])
        hotel = scene.networks.public(abroad)
        scene.refer(rng, labelled(msgspec.structs.replace(act, partner=partner, place=hotel), "traveller"))


def relay_user(scene: Scene, rng: Random) -> None:
    """Write people with Apple devices whose addresses a private relay hides."""
    for _ in range(rng.randint(4, 9)):
        _, act = _ordinary(scene, rng)
        kind = rng.choice(("safari-ios", "safari-mac"))
        assert kind in APPLE
        device = draw_device(rng, act.person.country, kind="phone" if kind == "safari-ios" else "desktop", model=kind)
        hidden = msgspec.structs.replace(act, device=device, place=scene.networks.egress("relay"))
        scene.refer(rng, labelled(hidden, "relay_user"))


def company_vpn(scene: Scene, rng: Random) -> None:
    """Write remote workers of one company, whose laptops all come out of its gateway or a rented server."""
    partner = scene.honest_partner(rng)
    country = scene.country(rng, partner.program)
    exit_place = rng.choice((rng.choice(scene.networks.gateways), scene.networks.hosting(1)))
    domain = f"{rng.choice(('nordwerk', 'altamed', 'finora', 'logistar'))}{rng.randrange(2, 90)}.com"
    start_ms = moment(rng, scene.parameters, since_ms=partner.joined_ms)
    for _ in range(rng.randint(2, 4)):
        person = scene.people.newcomer(country)
        at_ms = start_ms + rng.randrange(10 * DAY_MS)
        act = Act(
            person=person,
            program=partner.program,
            partner=partner,
            clicked_ms=at_ms,
            place=exit_place,
            email=f"{person.handle.rstrip('0123456789')}@{domain}",
        )
        scene.refer(rng, labelled(act, "company_vpn"))


def tor_reader(scene: Scene, rng: Random) -> None:
    """Write a reader who values privacy and comes by Tor, with a browser that looks like all others of its kind."""
    _, act = _ordinary(scene, rng)
    device = draw_device(rng, act.person.country, kind="desktop", model="firefox")
    hidden = msgspec.structs.replace(act, device=device, place=scene.networks.egress("tor"))
    scene.refer(rng, labelled(hidden, "tor_reader"))


def vpn_reader(scene: Scene, rng: Random) -> None:
    """Write the readers of a blog about privacy: half of them behind a VPN."""
    partner = scene.honest_partner(rng, "blogger")
    for _ in range(rng.randint(5, 12)):
        person = scene.people.newcomer(scene.country(rng, partner.program))
        at_ms = moment(rng, scene.parameters, since_ms=partner.joined_ms)
        place = scene.networks.egress("vpn") if chance(rng, 550_000) else None
        act = Act(person=person, program=partner.program, partner=partner, clicked_ms=at_ms, place=place)
        scene.refer(rng, labelled(act, "vpn_reader"))


def mistaken_provider(scene: Scene, rng: Random) -> None:
    """Write customers of a small town's provider that the lists take for server hosting."""
    partner = scene.honest_partner(rng, program="form")
    for _ in range(rng.randint(2, 5)):
        home = scene.networks.town_home("DE", days=scene.parameters.days)
        person = scene.people.newcomer("DE", home=home)
        at_ms = moment(rng, scene.parameters, since_ms=partner.joined_ms)
        act = Act(person=person, program=partner.program, partner=partner, clicked_ms=at_ms, place=home)
        scene.refer(rng, labelled(act, "mistaken_provider"))


def preview_bots(scene: Scene, rng: Random) -> None:
    """Write links that a mail scanner or a messenger opens first, and a person afterwards."""
    for _ in range(rng.randint(4, 10)):
        partner, act = _ordinary(scene, rng)
        servers = scene.networks.hosting(2)
        agent = rng.choice(SCANNERS)
        for _ in range(rng.randint(1, 3)):
            at_ms = act.clicked_ms - rng.randrange(2000, 10 * MINUTE_MS)
            machine = Device(device_id="", agent=agent, headers={}, mobile=False, platform="scanner")
            scene.stray_click(
                rng, partner, at_ms, device=incognito(rng, machine), place=servers, click_headers={}, referrer=""
            )
        scene.refer(rng, labelled(act, "preview_bots"))


def double_submit(scene: Scene, rng: Random) -> None:
    """Write people whose form was slow and who pressed the button again."""
    for _ in range(rng.randint(3, 6)):
        _, act = _ordinary(scene, rng, program="form")
        phone = typed_phone(rng, act.person.phone, act.person.country)
        twice = msgspec.structs.replace(act, phone=phone, again_after=rng.randrange(800, 9000))
        scene.refer(rng, labelled(twice, "double_submit"))


def crm_reimport(scene: Scene, rng: Random) -> None:
    """Write an afternoon on which the merchant loads old leads again from the CRM."""
    partner = scene.honest_partner(rng, "blogger", "agency", program="form")
    at_ms = scene.parameters.start_ms + rng.randrange(25, scene.parameters.days) * DAY_MS + 14 * HOUR_MS
    for customer in scene.record.emails_of(partner, before_ms=at_ms)[-rng.randint(12, 30) :]:
        act = Act(
            person=partner.owner,
            program=partner.program,
            partner=partner,
            clicked_ms=at_ms,
            delay=0,
            clicks=False,
            email=customer["email"],
            name=customer["name"],
            phone=customer.get("phone", ""),
            source="import",
        )
        scene.refer(rng, labelled(act, "crm_reimport"))
        at_ms += 5000


def disposable_alone(scene: Scene, rng: Random) -> None:
    """Write one person who does not want mail, and nothing else about whom is odd."""
    _, act = _ordinary(scene, rng)
    email = f"{act.person.handle}@{rng.choice(DISPOSABLE)}"
    scene.refer(rng, labelled(msgspec.structs.replace(act, email=email), "disposable_alone"))


def seasonal_returns(scene: Scene, rng: Random) -> None:
    """Write gifts that come back after the holidays: a third of an honest partner's sales in two weeks."""
    partner = scene.honest_partner(rng, "influencer", "blogger", program="shop")
    start_ms = partner.joined_ms + rng.randrange(20) * DAY_MS
    count = rng.randint(8, 16)
    stray(scene, rng, partner, conversions=count, within=(start_ms, start_ms + 10 * DAY_MS))
    for _ in range(count):
        person = scene.people.newcomer(scene.country(rng, partner.program))
        at_ms = start_ms + rng.randrange(10) * DAY_MS + moment_of_day(rng)
        act = Act(person=person, program=partner.program, partner=partner, clicked_ms=at_ms)
        sale_id = scene.refer(rng, labelled(act, "seasonal_returns"))
        if sale_id is not None and chance(rng, 330_000):
            scene.refund(sale_id, at_ms + rng.randrange(4 * DAY_MS, 18 * DAY_MS))


def long_cycle_b2b(scene: Scene, rng: Random) -> None:
    """Write buyers from companies, who decide weeks after the click."""
    partner = scene.honest_partner(rng, "b2b", program="saas")
    count = rng.randint(8, 16)
    stray(scene, rng, partner, conversions=count)
    for _ in range(count):
        person = scene.people.newcomer(scene.country(rng, partner.program))
        at_ms = partner.joined_ms + rng.randrange(25 * DAY_MS)
        delay = rng.randrange(4 * DAY_MS, 30 * DAY_MS)
        act = Act(person=person, program=partner.program, partner=partner, clicked_ms=at_ms, delay=delay)
        scene.refer(rng, labelled(act, "long_cycle_b2b"))


def own_ads_gclid(scene: Scene, rng: Random) -> None:
    """Write people who saw the merchant's own advertisement, whose tagging stuck to a partner's link."""
    partner = scene.honest_partner(rng, "blogger", "coupon", "agency")
    for _ in range(rng.randint(4, 9)):
        person = scene.people.newcomer(scene.country(rng, partner.program))
        at_ms = moment(rng, scene.parameters, since_ms=partner.joined_ms)
        act = Act(
            person=person,
            program=partner.program,
            partner=partner,
            clicked_ms=at_ms,
            landing=f"sale?utm_source=google&utm_campaign=brand&gclid=Cj0KCQ{rng.getrandbits(80):020x}",
            referrer="https://www.google.com/",
        )
        scene.refer(rng, labelled(act, "own_ads_gclid"))


def _ordinary(scene: Scene, rng: Random, program: str | None = None) -> tuple[Partner, Act]:
    """Return an honest partner and a visit by somebody new, ordinary in every way."""
    partner = scene.honest_partner(rng, program=program)
    person = scene.people.newcomer(scene.country(rng, partner.program))
    at_ms = moment(rng, scene.parameters, since_ms=partner.joined_ms)
    return partner, Act(person=person, program=partner.program, partner=partner, clicked_ms=at_ms)


CONFOUNDERS = (
    Confounder(name="autofill_buyers", title="The browser fills the form", run=autofill_buyers),
    Confounder(name="traveller", title="Customers abroad", run=traveller),
    Confounder(name="relay_user", title="Private relay", run=relay_user),
    Confounder(name="company_vpn", title="Remote workers on the company's VPN", run=company_vpn),
    Confounder(name="tor_reader", title="A reader by Tor", run=tor_reader),
    Confounder(name="vpn_reader", title="Readers of a privacy blog", run=vpn_reader),
    Confounder(name="mistaken_provider", title="A provider listed as hosting", run=mistaken_provider),
    Confounder(name="preview_bots", title="Scanners and previews open the link", run=preview_bots),
    Confounder(name="double_submit", title="The button pressed twice", run=double_submit),
    Confounder(name="crm_reimport", title="Old leads loaded again", run=crm_reimport),
    Confounder(name="disposable_alone", title="A throw-away address, nothing else", run=disposable_alone),
    Confounder(name="seasonal_returns", title="Gifts that come back", run=seasonal_returns),
    Confounder(name="long_cycle_b2b", title="Companies that decide late", run=long_cycle_b2b),
    Confounder(name="own_ads_gclid", title="The merchant's own advertisement", run=own_ads_gclid),
)
