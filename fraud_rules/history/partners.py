"""`PartnerFacts` of a program's partners, built from its history in memory for the nightly rules.

What all partners share (edges, counts of the program) is computed once a night in `Night`.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from fraud_rules.countries import places_of
from fraud_rules.history.program import DAY_MS, HOUR_MS, ProgramHistory
from fraud_rules.identity import email_keys
from fraud_rules.partner_facts import (
    WINDOW_DAYS,
    Baseline,
    Burst,
    ClickTotals,
    PartnerFacts,
    PartnerLink,
    SaleRecord,
)
from fraud_rules.types import FORCED_DESTS, PPM, ClickFacts, LeadRecord, Subject

CLICK_DAYS = 30
ANONYMOUS = frozenset({"hosting", "vpn", "tor"})
RATE_CLICKS_MIN = 20
PROMPT_MS = 60_000  # hardly anybody comes, chooses and pays within a minute
# A home address shared by two partners' sign-ins says something; a café's or a carrier's does not.
HOME_CLASSES = frozenset({"fixed"})

_DELAY_BOUNDS_MS = (HOUR_MS, DAY_MS, 7 * DAY_MS)


class _Counts(msgspec.Struct, kw_only=True):
    """Counts of one partner, to be summed over the others."""

    leads: int = 0
    anonymous: int = 0
    mismatched: int = 0
    comparable: int = 0
    clicks: int = 0
    clicked: int = 0
    delays: tuple[int, int, int, int] = (0, 0, 0, 0)
    sales: int = 0
    refunded: int = 0
    timed: int = 0
    prompt: int = 0


class Night:
    """One night of one program: what every partner's facts share."""

    def __init__(self, past: ProgramHistory, *, at_ms: int) -> None:
        self.past = past
        self.at_ms = at_ms
        self.since_ms = at_ms - WINDOW_DAYS * DAY_MS
        self.counts = {partner_id: self._count(partner_id) for partner_id in self.partner_ids()}
        self.links = edges(past, at_ms=at_ms)
        self.component = _components(self.links)

    def partner_ids(self) -> list[str]:
        """Return all partners that did anything, in order."""
        past = self.past
        return sorted({*past.partners, *past.partner_leads, *past.partner_sales, *past.partner_clicks})

    def facts_of(self, partner_id: str) -> PartnerFacts:
        """Return one partner's facts."""
        past = self.past
        card = past.partners.get(partner_id)
        keys = () if card is None else card.payment_keys
        sharers = sorted({other for key in keys for other in past.payout_partners.get(key, ())} - {partner_id})
        group = self.component.get(partner_id)
        links = tuple(
            link
            for link in self.links
            if partner_id in {link.partner_id, link.other_id}
            or (group is not None and self.component.get(link.partner_id) == group)
        )
        members = {partner_id, *sharers, *(each for link in links for each in (link.partner_id, link.other_id))}
        return PartnerFacts(
            program_id=past.program_id,
            partner_id=partner_id,
            at_ms=self.at_ms,
            name=card.name if card else None,
            leads=tuple(self._leads(partner_id)),
            sales=tuple(self._sale(sale) for sale in self._sales(partner_id)),
            clicks=click_totals(self._clicks(partner_id)),
            links=links,
            payout_partners=tuple(sharers),
            payout_names={
                each: past.partners[each].name or ""
                for each in sorted(members)
                if each in past.partners and past.partners[each].name
            },
            payout_changed_at_ms=card.payout_changed_at_ms if card else None,
            payout_requested_at_ms=card.payout_requested_at_ms if card else None,
            baseline=self._baseline(partner_id),
        )

    def _leads(self, partner_id: str) -> list[LeadRecord]:
        return [lead for lead in self.past.partner_leads.get(partner_id, ()) if self._is_seen(lead.at_ms)]

    def _sales(self, partner_id: str) -> list[Subject]:
        return [sale for sale in self.past.partner_sales.get(partner_id, ()) if self._is_seen(sale.occurred_at_ms)]

    def _clicks(self, partner_id: str) -> list[ClickFacts]:
        since_ms = self.at_ms - CLICK_DAYS * DAY_MS
        return [
            click for click in self.past.partner_clicks.get(partner_id, ()) if since_ms <= click.at_ms <= self.at_ms
        ]

    def _is_seen(self, at_ms: int) -> bool:
        return self.since_ms <= at_ms <= self.at_ms

    def _sale(self, sale: Subject) -> SaleRecord:
        refunds = self.past.refunds.get(sale.conversion_id, ())
        return SaleRecord(
            conversion_id=sale.conversion_id,
            at_ms=sale.occurred_at_ms,
            amount_minor=sale.amount_minor or 0,
            refunded_minor=sum(refund.amount_minor for refund in refunds),
            refunded_at_ms=min((refund.at_ms for refund in refunds), default=None),
            click_at_ms=sale.click_at_ms,
            person_key=sale.person_key,
            payment_key=sale.payment_key,
            device_events_before_click=self._events_before(sale),
        )

    def _events_before(self, sale: Subject) -> int | None:
        if sale.device_key is None or sale.click_at_ms is None:
            return None
        clicks = self.past.device_clicks.get(sale.device_key, ())
        return sum(sale.click_at_ms - DAY_MS <= click.at_ms < sale.click_at_ms for click in clicks)

    def _count(self, partner_id: str) -> _Counts:
        leads, sales = self._leads(partner_id), self._sales(partner_id)
        clicks = [click for click in self._clicks(partner_id) if is_counted(click)]
        recent_ms = self.at_ms - CLICK_DAYS * DAY_MS
        counts = _Counts(
            leads=len(leads),
            anonymous=sum(lead.network_class in ANONYMOUS for lead in leads),
            clicks=len(clicks),
            clicked=sum(lead.click_at_ms is not None and lead.at_ms >= recent_ms for lead in leads),
            delays=delay_buckets(leads),
            sales=len(sales),
            refunded=sum(sale.conversion_id in self.past.refunds for sale in sales),
            timed=sum(sale.click_at_ms is not None for sale in sales),
            prompt=sum(
                sale.click_at_ms is not None and 0 <= sale.occurred_at_ms - sale.click_at_ms < PROMPT_MS
                for sale in sales
            ),
        )
        for lead in leads:
            places = places_of(lead.country, number=lead.phone_key, home=lead.home_country, network=lead.network_class)
            counts.comparable += places is not None
            counts.mismatched += places is not None and places.differ
        return counts

    def _baseline(self, partner_id: str) -> Baseline:
        others = [counts for each, counts in self.counts.items() if each != partner_id]
        rates = sorted(counts.clicked * PPM // counts.clicks for counts in others if counts.clicks >= RATE_CLICKS_MIN)
        return Baseline(
            partners=len(others),
            leads=sum(counts.leads for counts in others),
            anonymous_leads=sum(counts.anonymous for counts in others),
            mismatched_leads=sum(counts.mismatched for counts in others),
            comparable_leads=sum(counts.comparable for counts in others),
            clicks=sum(counts.clicks for counts in others),
            conversions=sum(counts.clicked for counts in others),
            partner_rates_ppm=tuple(rates),
            delays=(
                sum(counts.delays[0] for counts in others),
                sum(counts.delays[1] for counts in others),
                sum(counts.delays[2] for counts in others),
                sum(counts.delays[3] for counts in others),
            ),
            sales=sum(counts.sales for counts in others),
            refunded_sales=sum(counts.refunded for counts in others),
            timed_sales=sum(counts.timed for counts in others),
            prompt_sales=sum(counts.prompt for counts in others),
        )


def is_counted(click: ClickFacts) -> bool:
    """Say whether a person may have clicked: no program, no load by a page, no prefetch."""
    return not click.is_bot and click.fetch_dest not in FORCED_DESTS and click.is_prefetch is not True


def delay_buckets(leads: Iterable[LeadRecord]) -> tuple[int, int, int, int]:
    """Return how many came within an hour, a day, a week of their click, and later."""
    counts = [0, 0, 0, 0]
    for lead in leads:
        if lead.click_at_ms is not None and lead.at_ms >= lead.click_at_ms:
            counts[sum(lead.at_ms - lead.click_at_ms > bound for bound in _DELAY_BOUNDS_MS)] += 1
    return counts[0], counts[1], counts[2], counts[3]


def click_totals(clicks: Sequence[ClickFacts]) -> ClickTotals:
    """Return the counts of a partner's clicks."""
    counted = [click for click in clicks if is_counted(click)]
    stuffed = Counter(click.fetch_dest for click in clicks if click.fetch_dest in FORCED_DESTS)
    return ClickTotals(
        hits=len(clicks),
        clicks=len(counted),
        bots=sum(click.is_bot for click in clicks),
        stuffed={dest: stuffed[dest] for dest in sorted(dest for dest in stuffed if dest)},
        hosts=len({click.host_key for click in counted if click.host_key}),
        devices=len({click.device_key for click in counted if click.device_key}),
        agents=len({click.agent_key for click in counted if click.agent_key}),
        # A program is excluded from the counts and cannot flood them, so bots are looked at here too.
        busiest_host_hour=_busiest(clicks, key="host_key", span_ms=HOUR_MS),
        busiest_device_day=_busiest(clicks, key="device_key", span_ms=DAY_MS),
    )


def edges(past: ProgramHistory, *, at_ms: int) -> tuple[PartnerLink, ...]:
    """Return all strong edges between partners; an address alone is none, it needs a home and one browser."""
    holders: dict[tuple[str, str], set[str]] = defaultdict(set)
    owners: dict[str, set[str]] = defaultdict(set)
    for partner_id, card in past.partners.items():
        for key in card.payment_keys:
            holders["payout", key].add(partner_id)
        for phone in card.phones:
            holders["phone", phone].add(partner_id)
            owners[f"phone:{phone}"].add(partner_id)
        for email in (*card.emails, *card.payout_emails):
            keys = email_keys(email)
            if keys is not None:
                owners[f"email:{keys.canonical}"].add(partner_id)
    homes = _home_hosts(past)
    for partner_id, logins in past.logins.items():
        for login in logins:
            if login.device_key is not None:
                holders["device", login.device_key].add(partner_id)
            if login.host_key in homes and login.agent_key is not None:
                holders["host_agent", f"{login.host_key} {login.agent_key}"].add(partner_id)
    found = {
        (min(one, other), max(one, other), kind)
        for (kind, _), partners in holders.items()
        if len(partners) > 1
        for one in partners
        for other in partners
        if one < other
    }
    for partner_id, leads in past.partner_leads.items():
        for lead in leads:
            if lead.at_ms > at_ms:
                continue
            people = {lead.person_key, f"phone:{lead.phone_key}" if lead.phone_key else None}
            for other in sorted(each for key in people if key for each in owners.get(key, ())):
                if other != partner_id:
                    found.add((partner_id, other, "refers"))
    return tuple(PartnerLink(partner_id=one, other_id=other, kind=kind) for one, other, kind in sorted(found))


def _home_hosts(past: ProgramHistory) -> set[str]:
    """Return addresses known to be home connections, by the leads and clicks seen from them."""
    homes = {host for host, leads in past.by_host.items() if leads and leads[-1].network_class in HOME_CLASSES}
    homes |= {
        click.host_key for click in past.clicks.values() if click.host_key and click.network_class in HOME_CLASSES
    }
    return homes | {
        login.host_key
        for logins in past.logins.values()
        for login in logins
        if login.host_key and login.network_class in HOME_CLASSES
    }


def _components(links: Iterable[PartnerLink]) -> dict[str, str]:
    """Return for each partner on a strong edge the smallest partner of its component."""
    root: dict[str, str] = {}

    def find(each: str) -> str:
        while root.setdefault(each, each) != each:
            root[each] = root[root[each]]
            each = root[each]
        return each

    for link in links:
        if link.kind != "refers":
            one, other = find(link.partner_id), find(link.other_id)
            root[max(one, other)] = min(one, other)
    return {each: find(each) for each in root}


def _busiest(clicks: Sequence[ClickFacts], *, key: str, span_ms: int) -> Burst | None:
    """Return the fullest span of clicks over one key; sliding, both ends included."""
    groups: dict[tuple[str, str | None], list[ClickFacts]] = defaultdict(list)
    for click in clicks:
        value = getattr(click, key)
        if value is not None:
            groups[value, click.partner_id].append(click)
    best: Burst | None = None
    for group in groups.values():
        start = 0
        for end, click in enumerate(group):
            while click.at_ms - group[start].at_ms >= span_ms:
                start += 1
            if best is None or end - start + 1 > best.clicks:
                span = group[start : end + 1]
                best = Burst(
                    at_ms=span[0].at_ms,
                    clicks=len(span),
                    hosts=len({each.host_key for each in span if each.host_key}),
                    devices=len({each.device_key for each in span if each.device_key}),
                    network_class=span[0].network_class,
                )
    return best
