"""What else shares a fact with a case: conversions and partners with one host, network, device, phone or mailbox.

The page of a case calls it. Values are given masked; what they are compared by never leaves this file.
"""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple, TypeVar

from sqlalchemy import ColumnElement, Connection, Select, func, or_, select

from fraud_rules.identity import email_keys, mask_email
from tracker.conversions.tables import conversions, customers
from tracker.conversions.types import ConversionRow, Customer
from tracker.partners.tables import enrollments, partners
from tracker.partners.types import Partner

T = TypeVar("T")
Shared = Literal["host", "network", "device", "phone", "mailbox", "payout"]
SHOWN_MAX = 5  # conversions and partners named of each kind; the count says how many there are
VALUES_MAX = 100  # addresses, devices or people of a case that are looked for
DEVICE_SHOWN = 6  # characters of a browser's id; enough to tell two apart


class LinkedConversion(NamedTuple):
    """Another conversion that shares the fact."""

    conversion_id: str
    kind: str
    external_id: str


class LinkedPartner(NamedTuple):
    """Another partner that shares the fact, or earned by a conversion that does."""

    partner_id: str
    name: str


class Link(NamedTuple):
    """One shared fact: what it is, masked, how many others share it, and the newest of them."""

    shared: Shared
    values: tuple[str, ...]
    conversion_count: int
    conversions: tuple[LinkedConversion, ...]
    partner_count: int
    partners: tuple[LinkedPartner, ...]


def links_of(
    conn: Connection, partner: Partner, rows: Sequence[ConversionRow], people: Sequence[Customer]
) -> list[Link]:
    """Return what other conversions and partners share with the covered ones, in a fixed order.

    Rows: the conversions of one case, all of one program and mode; people: their customers. Empty facts are left out.
    """
    if not rows:
        return []
    shown_hosts = _distinct(row.masked_ip for row in rows)
    hosts = _keys(row for row in rows)
    networks = _distinct(key for row in rows for key in (row.net_key, row.next_net_key) if key)
    devices = _distinct(row.visitor_id for row in rows)
    phones = _distinct(customer.phone for customer in people)
    mailboxes = _distinct(customer.email_canonical for customer in people)
    table = conversions.c
    same_phone = _of_people(rows[0], customers.c.phone.in_(_spellings(phones)))
    same_mailbox = _of_people(rows[0], customers.c.email_canonical.in_(mailboxes))
    found = [
        _linked(
            conn,
            "host",
            rows,
            values=shown_hosts,
            same=or_(table.host_key.in_(hosts), table.next_host_key.in_(hosts)) if hosts else None,
        ),
        _linked(conn, "network", rows, values=shown_hosts, same=table.net_key.in_(networks) if networks else None),
        _linked(
            conn,
            "device",
            rows,
            values=[f"{each[:DEVICE_SHOWN]}…" for each in devices],
            same=table.visitor_id.in_(devices) if devices else None,
        ),
        _linked(
            conn,
            "phone",
            rows,
            values=[f"…{each[-2:]}" for each in phones],
            same=table.customer_id.in_(same_phone) if phones else None,
        ),
        _linked(
            conn,
            "mailbox",
            rows,
            values=_distinct(mask_email(each.email) for each in people if each.email),
            same=table.customer_id.in_(same_mailbox) if mailboxes else None,
        ),
    ]
    return [link for link in (*found, _payout(conn, partner), _partner_phone(conn, partner)) if link is not None]


def _linked(
    conn: Connection,
    shared: Shared,
    rows: Sequence[ConversionRow],
    *,
    values: Sequence[str],
    same: ColumnElement[bool] | None,
) -> Link | None:
    """Return the other leads and sales of the program and mode that meet a condition, None when there are none."""
    if same is None:
        return None
    conditions = (
        conversions.c.program_id == rows[0].program_id,
        conversions.c.livemode == rows[0].livemode,
        conversions.c.kind.in_(["lead", "sale"]),
        conversions.c.conversion_id.not_in([row.conversion_id for row in rows]),
        same,
    )
    count = int(conn.execute(select(func.count()).select_from(conversions).where(*conditions)).scalar_one())
    if not count:
        return None
    newest = conn.execute(
        select(conversions.c.conversion_id, conversions.c.kind, conversions.c.external_id)
        .where(*conditions)
        .order_by(conversions.c.seq.desc())
        .limit(SHOWN_MAX)
    )
    through = (
        select(partners.c.partner_id, partners.c.name)
        .join(enrollments, enrollments.c.partner_id == partners.c.partner_id)
        .join(conversions, conversions.c.enrollment_id == enrollments.c.enrollment_id)
        .where(*conditions, conversions.c.enrollment_id.is_not(None))
        .group_by(partners.c.partner_id, partners.c.name)
        .order_by(func.count().desc(), partners.c.partner_id)
    )
    people = conn.execute(through.limit(VALUES_MAX)).all()
    return Link(
        shared=shared,
        values=tuple(values[:SHOWN_MAX]),
        conversion_count=count,
        conversions=tuple(LinkedConversion(row.conversion_id, row.kind, row.external_id) for row in newest),
        partner_count=len(people),
        partners=tuple(LinkedPartner(row.partner_id, row.name) for row in people[:SHOWN_MAX]),
    )


def _payout(conn: Connection, partner: Partner) -> Link | None:
    """Return other partners who are paid to the same mailbox, or write from it."""
    mine = _distinct(_mailbox(each) for each in (partner.payout_email, partner.email) if each)
    paid_to = partner.payout_email or partner.email
    # Partners are few beside conversions, and their payout address has no index.
    others = conn.execute(
        select(partners.c.partner_id, partners.c.name, partners.c.email, partners.c.payout_email).where(
            partners.c.partner_id != partner.partner_id, partners.c.payout_email.is_not(None)
        )
    )
    same = [row for row in others if _mailbox(row.payout_email) in mine]
    if partner.payout_email:
        writers = select(partners).where(
            partners.c.partner_id != partner.partner_id, partners.c.email == partner.payout_email.lower()
        )
        same += [row for row in conn.execute(writers) if row.partner_id not in {each.partner_id for each in same}]
    return _partners_link("payout", mask_email(paid_to), [LinkedPartner(row.partner_id, row.name) for row in same])


def _partner_phone(conn: Connection, partner: Partner) -> Link | None:
    """Return other partners with the partner's own phone."""
    if not partner.phone:
        return None
    query = select(partners.c.partner_id, partners.c.name).where(
        partners.c.partner_id != partner.partner_id, partners.c.phone.in_(_spellings([partner.phone]))
    )
    same = [LinkedPartner(row.partner_id, row.name) for row in conn.execute(query.order_by(partners.c.partner_id))]
    return _partners_link("phone", f"…{partner.phone[-2:]}", same)


def _partners_link(shared: Shared, value: str, same: Sequence[LinkedPartner]) -> Link | None:
    if not same:
        return None
    return Link(shared, (value,), 0, (), len(same), tuple(same[:SHOWN_MAX]))


def _of_people(row: ConversionRow, same: ColumnElement[bool]) -> Select[tuple[str]]:
    mine = (customers.c.program_id == row.program_id, customers.c.livemode == row.livemode)
    return select(customers.c.customer_id).where(*mine, same)


def _keys(rows: Iterable[ConversionRow]) -> list[bytes]:
    return _distinct(key for row in rows for key in (row.host_key, row.next_host_key) if key)


def _spellings(phones: Iterable[str]) -> list[str]:
    """Return a phone as typed, as bare digits, and with a plus; other spellings of it are not found."""
    found: list[str] = []
    for phone in phones:
        digits = "".join(character for character in phone if character.isdigit())
        found += [phone, digits, f"+{digits}"]
    return _distinct(found)


def _mailbox(email: str) -> str:
    keys = email_keys(email)
    return keys.canonical if keys else email.lower()


def _distinct(values: Iterable[T | None]) -> list[T]:
    return list(dict.fromkeys(value for value in values if value))[:VALUES_MAX]
