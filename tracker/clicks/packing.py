"""A click as its table keeps it: short keys and numbers instead of ids and texts.

Pure; the projector packs before its transaction, `store.py` unpacks what it reads. What many clicks share (pages,
referrers, codes, headers) stands in a dictionary and the click holds its number; see docs in `tables.py`.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

from tracker.clicks.encoding import pack_browser_id, pack_masked, split_page, unpack_browser_id, unpack_masked
from tracker.clicks.types import ClickRow

# Details that come in few combinations and are therefore kept together in the dictionary.
SHARED_DETAILS = ("bot_sign", "headers", "parameter", "warnings")
# Columns that hold a number of the dictionary of texts.
TEXT_COLUMNS = ("source_id", "network_class_id", "page_id", "http_referer_id", "context_id", "code_id")

_encoder = msgspec.json.Encoder(order="sorted")


class PackedClick(NamedTuple):
    """A click on its way into the table; what the dictionaries number is still spelled out."""

    seq: int
    program_id: str
    enrollment_id: str
    click_key: bytes
    visitor_key: bytes | None
    livemode: int
    source: str
    received_at_ms: int
    age_ms: int
    agent: str
    is_bot: int
    host_key: bytes | None
    net_key: bytes | None
    next_host_key: bytes | None
    next_net_key: bytes | None
    masked_ip: bytes | None
    country: str | None
    asn: int | None
    network_class: str | None
    page: str | None
    page_tail: str | None
    http_referer: str | None
    context: str | None
    code: str | None
    details: str | None

    def texts(self) -> tuple[str | None, ...]:
        """Return what goes into the dictionary, in the order of TEXT_COLUMNS."""
        return (self.source, self.network_class, self.page, self.http_referer, self.context, self.code)


def pack(row: ClickRow, agent: str) -> PackedClick:
    """Return the packed form of a click whose agent is spelled out; `row.agent_id` is not looked at."""
    details = dict(row.details)
    code = details.pop("code", None)
    shared = {name: details.pop(name) for name in SHARED_DETAILS if name in details}
    page, tail = (None, None) if row.page_url is None else split_page(row.page_url)
    return PackedClick(
        row.seq,
        row.program_id,
        row.enrollment_id,
        pack_browser_id(row.click_id),
        None if row.visitor_id == row.click_id else pack_browser_id(row.visitor_id),
        int(row.livemode),
        row.source,
        row.received_at_ms,
        row.received_at_ms - row.occurred_at_ms,
        agent,
        int(row.is_bot),
        row.host_key,
        row.net_key,
        row.next_host_key,
        row.next_net_key,
        None if row.masked_ip is None else pack_masked(row.masked_ip),
        row.country,
        row.asn,
        row.network_class,
        page,
        tail,
        row.http_referer,
        _encoder.encode(shared).decode() if shared else None,
        code,
        _encoder.encode(details).decode() if details else None,
    )


def numbered(
    one: PackedClick,
    *,
    programs: Mapping[str, int],
    enrollments: Mapping[str, int],
    agents: Mapping[str, int],
    texts: Mapping[str | None, int | None],
) -> tuple[Any, ...]:
    """Return the values of the table's columns, in their order. Texts: with None for None."""
    return (
        one.seq,
        programs[one.program_id],
        enrollments[one.enrollment_id],
        one.click_key,
        one.visitor_key,
        one.livemode,
        texts[one.source],
        one.received_at_ms,
        one.age_ms,
        agents[one.agent],
        one.is_bot,
        one.host_key,
        one.net_key,
        one.next_host_key,
        one.next_net_key,
        one.masked_ip,
        one.country,
        one.asn,
        texts[one.network_class],
        texts[one.page],
        one.page_tail,
        texts[one.http_referer],
        texts[one.context],
        texts[one.code],
        one.details,
    )


def text_numbers(rows: Iterable[Any]) -> set[int]:
    """Return the numbers of the dictionary that rows of the table name."""
    return {number for row in rows for name in TEXT_COLUMNS if (number := getattr(row, name)) is not None}


def unpack(
    row: Any, *, programs: Mapping[int, str], enrollments: Mapping[int, str], texts: Mapping[int | None, str]
) -> ClickRow:
    """Return a row of the table as a click. A text that was erased from the dictionary reads as absent."""
    click_id = unpack_browser_id(row.click_key)
    page, code, context = texts.get(row.page_id), texts.get(row.code_id), texts.get(row.context_id)
    details: dict[str, Any] = {} if row.details is None else msgspec.json.decode(row.details)
    if context is not None:
        details |= msgspec.json.decode(context)
    if code is not None:
        details["code"] = code
    return ClickRow(
        seq=row.seq,
        program_id=programs[row.program_number],
        click_id=click_id,
        enrollment_id=enrollments[row.enrollment_number],
        visitor_id=click_id if row.visitor_key is None else unpack_browser_id(row.visitor_key),
        livemode=row.livemode,
        source=texts.get(row.source_id, ""),
        occurred_at_ms=row.received_at_ms - row.age_ms,
        received_at_ms=row.received_at_ms,
        agent_id=row.agent_id,
        is_bot=row.is_bot,
        host_key=row.host_key,
        net_key=row.net_key,
        next_host_key=row.next_host_key,
        next_net_key=row.next_net_key,
        masked_ip=None if row.masked_ip is None else unpack_masked(row.masked_ip),
        country=row.country,
        asn=row.asn,
        network_class=texts.get(row.network_class_id),
        page_url=None if page is None else page + (row.page_tail or ""),
        http_referer=texts.get(row.http_referer_id),
        details=details,
    )
