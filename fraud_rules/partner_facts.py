"""What the nightly rules read: one partner over the last 90 days, beside the rest of the program.

The nightly job and the replay fill `PartnerFacts`; a partner rule answers with findings whose `compared` names the
conversions it speaks of. Times are UTC Unix milliseconds, shares parts per million.
"""

import msgspec

from fraud_rules.network import NetworkClass
from fraud_rules.types import LeadRecord

WINDOW_DAYS = 90


class SaleRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A sale of the partner; refunds are what was given back so far and when first.

    `released_at_ms` is when its commission became payable. `device_events_before_click` counts first-party
    events of the device within a day before the credited click, None where the device is unknown.
    """

    conversion_id: str
    at_ms: int
    amount_minor: int
    refunded_minor: int = 0
    refunded_at_ms: int | None = None
    released_at_ms: int | None = None
    click_at_ms: int | None = None
    person_key: str | None = None
    payment_key: str | None = None
    device_events_before_click: int | None = None


class Burst(msgspec.Struct, frozen=True, kw_only=True):
    """The busiest stretch of clicks over one key: from when, how many, from how many addresses and devices."""

    at_ms: int
    clicks: int
    hosts: int
    devices: int
    network_class: NetworkClass = "unknown"


class ClickTotals(msgspec.Struct, frozen=True, kw_only=True):
    """The partner's clicks of the last 30 days.

    `hits` counts every request of its links, `clicks` those that count; `stuffed` the requests that were
    loads of images, frames and the like, by Sec-Fetch-Dest. `busiest_host_hour`: most clicks of one address
    on one link within an hour; `busiest_device_day`: most clicks of one device within a day.
    """

    hits: int = 0
    clicks: int = 0
    bots: int = 0
    stuffed: dict[str, int] = {}
    hosts: int = 0
    devices: int = 0
    agents: int = 0
    busiest_host_hour: Burst | None = None
    busiest_device_day: Burst | None = None


class PartnerLink(msgspec.Struct, frozen=True, kw_only=True):
    """A strong edge between two partners: payout details, phone, device, or fixed address with one browser.

    `refers` is directed: a lead of `partner_id` is the person behind `other_id`.
    """

    partner_id: str
    other_id: str
    kind: str


class Baseline(msgspec.Struct, frozen=True, kw_only=True):
    """The rest of the program over the same days, without this partner.

    Counts, not shares: each rule sees how much is known.
    `delays`: conversions within 1 h, 24 h, 7 days of their click, and later. `partner_rates_ppm`: conversions
    per click of each other partner with at least 20 clicks, sorted.
    """

    partners: int = 0
    leads: int = 0
    anonymous_leads: int = 0
    mismatched_leads: int = 0
    comparable_leads: int = 0
    clicks: int = 0
    conversions: int = 0
    partner_rates_ppm: tuple[int, ...] = ()
    delays: tuple[int, int, int, int] = (0, 0, 0, 0)
    sales: int = 0
    refunded_sales: int = 0


class PartnerFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One partner at the instant of judgement (`at_ms`).

    `leads` are conversions judged as leads within the window, oldest first, `sales` all sales. `links` are
    all strong edges of the component the partner is in. `payout_partners` are other partners paid to one of
    its payment keys, with the names behind both sides in `payout_names`.
    """

    program_id: str
    partner_id: str
    at_ms: int
    name: str | None = None
    leads: tuple[LeadRecord, ...] = ()
    sales: tuple[SaleRecord, ...] = ()
    clicks: ClickTotals = ClickTotals()
    links: tuple[PartnerLink, ...] = ()
    payout_partners: tuple[str, ...] = ()
    payout_names: dict[str, str] = {}
    payout_changed_at_ms: int | None = None
    payout_requested_at_ms: int | None = None
    baseline: Baseline = Baseline()
