"""The stage: who and where there is, and what one visit writes. Honest people, confounders and schemes all act here.

An `Act` says what is out of the ordinary about one visit; everything else is drawn. Nothing here knows a fraud rule.
"""

from random import Random
from typing import Any

import msgspec

from tracker.fraud.simulation.browsers import headers_of_form
from tracker.fraud.simulation.draws import chance, delay_ms, token
from tracker.fraud.simulation.names import typed_phone
from tracker.fraud.simulation.networks import Networks, address_at
from tracker.fraud.simulation.people import People, place_of
from tracker.fraud.simulation.record import Record
from tracker.fraud.simulation.trade import draw_partners
from tracker.fraud.simulation.types import DAY_MS, HOUR_MS, Device, Parameters, Partner, Person, Place, Program

TRIAL_BUYS_PPM = 300_000
TRIAL_DAYS = (7, 30)
REFUND_PPM = 40_000
DEVICE_KNOWN_PPM = 800_000  # shops that hand the device's cookie on, by visit
COOKIE_DAYS = 7  # Safari forgets a script's cookies after so long

_REFERRERS = {
    "blogger": ("https://{site}/", "https://{site}/best-offers", "https://www.google.com/", ""),
    "coupon": ("https://{site}/codes", "https://{site}/", "https://www.google.com/"),
    "influencer": ("https://l.instagram.com/", "https://t.me/", "https://www.youtube.com/", ""),
    "agency": ("https://{site}/", "https://www.google.com/", ""),
    "teacher": ("https://{site}/", "", "https://mail.google.com/"),
    "reseller": ("https://{site}/", ""),
    "b2b": ("https://{site}/partners", "https://www.linkedin.com/", ""),
    "sales_agent": ("", "https://{site}/"),
}


class Act(msgspec.Struct, frozen=True, kw_only=True):
    """One visit of one person that ends in a lead or a sale.

    `clicked_ms`: when the link was followed, or the form reached. Fields left None are drawn as in life. `clicks`
    False: no link was followed (a code was typed, or nobody referred). `place_after`: where the conversion came from,
    when it was elsewhere. `again_after`: the form was sent once more, so many ms later. `source` goes into metadata.
    `label` names a scheme (with `is_fraud`) or a confounder.
    """

    person: Person
    program: Program
    partner: Partner | None
    clicked_ms: int
    delay: int | None = None
    device: Device | None = None
    place: Place | None = None
    place_after: Place | None = None
    clicks: bool = True
    with_code: bool = False
    click_headers: dict[str, str] | None = None
    click_agent: str | None = None
    landing: str = ""
    referrer: str | None = None
    agent: str | None = None
    email: str | None = None
    name: str | None = None
    phone: str | None = None
    customer_id: str | None = None
    card: str | None = None
    amount: int | None = None
    buys: bool | None = None
    buys_after_days: int | None = None
    source: str | None = None
    again_after: int | None = None
    label: str | None = None
    is_fraud: bool = False


class Scene:
    """Everything a part of the world acts with; `rng` belongs to that part."""

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self.networks = Networks(parameters.seed)
        self.people = People(parameters, self.networks)
        self.partners = draw_partners(parameters, self.people, self.networks)
        self.record = Record(parameters)
        self.shared_cards: dict[str, str] = {}
        self._visitors: dict[tuple[str, str, int], str] = {}

    def honest_partner(self, rng: Random, *kinds: str, program: str | None = None) -> Partner:
        """Return an honest partner, of these kinds if there is one."""
        honest = [each for each in self.partners if not each.is_fraud]
        fitting = [
            each
            for each in honest
            if (not kinds or each.kind in kinds) and (program is None or each.program.kind == program)
        ]
        return rng.choice(fitting or [each for each in honest if program in (None, each.program.kind)])

    def payout_card(self, partner: Partner) -> str:
        """Return the account the partner is paid to: the owner's card, unless a scheme shares one."""
        return self.shared_cards.get(partner.partner_id, partner.owner.card)

    def country(self, rng: Random, program: Program) -> str:
        """Return where a customer of this program lives."""
        return rng.choice(program.countries)

    def refer(self, rng: Random, act: Act) -> str | None:
        """Write the visit and return the conversion's id, or None when it would fall behind the world's end."""
        device = act.device or rng.choice(act.person.devices)
        place = act.place or place_of(act.person, device, at_ms=act.clicked_ms, rng=rng, networks=self.networks)
        delay = delay_ms(rng, act.program) if act.delay is None else act.delay
        at_ms = act.clicked_ms + delay
        if not self.record.covers(act.clicked_ms) or not self.record.covers(at_ms):
            return None
        if act.partner is not None and act.clicked_ms < act.partner.joined_ms:
            return None
        click_id = None
        address = self.address(rng, place, act.clicked_ms)
        if act.partner is not None and act.clicks:
            click_id = self.click(rng, act, act.partner, device=device, address=address)
        # Within the hour a visit is one session and keeps its address; later people sit somewhere else.
        if delay >= HOUR_MS or act.place_after is not None:
            after = act.place_after or act.place
            after = after or place_of(act.person, device, at_ms=at_ms, rng=rng, networks=self.networks)
            address = self.address(rng, after, at_ms)
        done = self._convert(rng, act, at_ms=at_ms, device=device, address=address, click_id=click_id)
        if act.again_after is not None and self.record.covers(at_ms + act.again_after):
            self._convert(rng, act, at_ms=at_ms + act.again_after, device=device, address=address, click_id=click_id)
        return done

    def click(self, rng: Random, act: Act, partner: Partner, *, device: Device, address: str) -> str:
        """Write one click of the act and return its id."""
        referrer = act.referrer
        if referrer is None:
            referrer = rng.choice(_REFERRERS[partner.kind]).format(site=partner.site)
        landing = f"https://{act.program.site}/{act.landing}"
        query = f"{'&' if '?' in landing else '?'}via={partner.code}"
        if "instagram" in referrer and chance(rng, 300_000):
            query += f"&fbclid=IwAR{token(rng, 20)}"
        return self.record.click(
            {
                "program_id": act.program.program_id,
                "partner_id": partner.partner_id,
                "visitor_id": self.visitor(rng, device, act.program, act.clicked_ms),
                "ip": address,
                "user_agent": act.click_agent if act.click_agent is not None else device.agent,
                "headers": device.headers if act.click_headers is None else act.click_headers,
                "device_id": device.device_id,
                "landing_url": landing + query,
                "referrer": referrer,
            },
            at_ms=act.clicked_ms,
        )

    def stray_click(
        self, rng: Random, partner: Partner, at_ms: int, *, device: Device, place: Place, **changes: Any
    ) -> None:
        """Write a click that leads to nothing, if the partner is there already."""
        act = Act(person=partner.owner, program=partner.program, partner=partner, clicked_ms=at_ms, **changes)
        if self.record.covers(at_ms) and at_ms >= partner.joined_ms:
            self.click(rng, act, partner, device=device, address=self.address(rng, place, at_ms))

    def address(self, rng: Random, place: Place, at_ms: int) -> str:
        """Return what the place looks like from outside."""
        return address_at(place, at_ms, parameters=self.parameters, rng=rng)

    def visitor(self, rng: Random, device: Device, program: Program, at_ms: int) -> str:
        """Return the cookie of this browser in this shop; Safari's live a week."""
        is_short = "Safari/60" in device.agent
        age = (at_ms - self.parameters.start_ms) // (COOKIE_DAYS * DAY_MS) if is_short else 0
        key = (device.device_id, program.program_id, age)
        if key not in self._visitors:
            self._visitors[key] = f"vis_{token(rng, 20)}"
        return self._visitors[key]

    def customer(self, rng: Random, act: Act) -> dict[str, str]:
        """Return what the person types."""
        phone = act.phone if act.phone is not None else typed_phone(rng, act.person.phone, act.person.country)
        customer = {"email": act.email or act.person.email, "name": act.name or act.person.name}
        if act.program.kind != "saas" and phone:
            customer["phone"] = phone
        if act.program.kind != "form":
            customer["country"] = act.person.country
        if act.program.kind != "form":
            customer["external_id"] = act.customer_id or f"c{act.person.person_id}"
        return customer

    def _convert(self, rng: Random, act: Act, *, at_ms: int, device: Device, address: str, click_id: str | None) -> str:
        program = act.program
        line: dict[str, Any] = {"program_id": program.program_id, "customer": self.customer(rng, act)}
        if act.partner is not None:
            line["partner_id"] = act.partner.partner_id
            if act.with_code or not act.clicks:
                line["promo_code"] = act.partner.code
        if click_id is not None:
            line["click_id"] = click_id
        if act.source is None:
            line |= {"ip": address, "user_agent": device.agent if act.agent is None else act.agent}
            line["visitor_id"] = self.visitor(rng, device, program, at_ms)
            if chance(rng, DEVICE_KNOWN_PPM):
                line["device_id"] = device.device_id
            headers = headers_of_form(device, program.sends)
            if headers is not None:
                line["headers"] = headers
        else:
            line["metadata"] = {"source": act.source}
        if program.kind == "shop":
            return self._sell(rng, act, line, at_ms=at_ms, lead_id=None)
        reward = program.lead_reward
        lead_id = self.record.lead(line, at_ms=at_ms, act=act, reward=reward)
        buys = chance(rng, TRIAL_BUYS_PPM) if act.buys is None else act.buys
        if program.kind == "saas" and buys:
            days = rng.randint(*TRIAL_DAYS) if act.buys_after_days is None else act.buys_after_days
            paid_ms = at_ms + days * DAY_MS + rng.randrange(DAY_MS)
            if self.record.covers(paid_ms):
                later: dict[str, Any] = {
                    name: line[name] for name in ("program_id", "partner_id", "customer") if name in line
                }
                self._sell(rng, act, later, at_ms=paid_ms, lead_id=lead_id)
        return lead_id

    def _sell(self, rng: Random, act: Act, line: dict[str, Any], *, at_ms: int, lead_id: str | None) -> str:
        program = act.program
        low, high = program.price
        amount = act.amount or (low + rng.randrange(high - low) * rng.randrange(1, 101) // 100) // 100 * 100
        line |= {"amount": amount, "currency": program.currency, "payment_fingerprint": act.card or act.person.card}
        if lead_id is not None:
            line["lead_id"] = lead_id
        reward = amount * program.sale_bps // 10_000 if act.partner is not None else 0
        sale_id = self.record.sale(line, at_ms=at_ms, act=act, reward=reward)
        if not act.is_fraud and act.label is None and chance(rng, REFUND_PPM):
            self.refund(sale_id, at_ms + rng.randrange(2 * DAY_MS, 20 * DAY_MS))
        return sale_id

    def refund(self, sale_id: str, at_ms: int) -> None:
        """Write the refund of a whole sale, if it still falls into the world."""
        if self.record.covers(at_ms):
            self.record.refund(sale_id, at_ms=at_ms)


def labelled(act: Act, confounder: str) -> Act:
    """Return the act under a confounder's name."""
    return msgspec.structs.replace(act, label=confounder)


def fraudulent(act: Act, scheme: str) -> Act:
    """Return the act under a scheme's name."""
    return msgspec.structs.replace(act, label=scheme, is_fraud=True)
