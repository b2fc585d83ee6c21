"""Whether stored text or a stored body speaks of a person, and that text without the person; pure.

Export and erasure ask about bodies that were kept as they came: events, refused reports, texts that staff typed. A body
is searched by its fields (whose customer, which browser) and as text (mailboxes, phones).
"""

import hashlib
import re
from typing import Any

import msgspec

from tracker.privacy.types import Person

ERASED = "[erased]"
PHONE_MIN = 7  # digits; shorter texts are numbers of anything

# Names under which bodies carry a customer's number, a mailbox's digest and a browser, on the wire and in the API.
_CUSTOMER_NAMES = ("x",)
_DIGEST_NAMES = ("h", "email_sha256")
_BROWSER_NAMES = ("w", "c", "visitor_id", "click_id")


class Traces(msgspec.Struct, frozen=True, kw_only=True):
    """By what a person is recognised in bodies and texts."""

    texts: tuple[str, ...]
    digests: frozenset[str]
    # Program, mode and the shop's own number of the customer.
    numbers: frozenset[tuple[str, bool, str]]
    browsers: frozenset[tuple[str, str]]


def traces_of(person: Person, click_ids: frozenset[tuple[str, str]] = frozenset()) -> Traces:
    """Return the traces of a person. Click ids: (program, id) of the clicks of the person's browsers."""
    emails = {customer.email for customer in person.customers if customer.email} | person.emails
    phones = {customer.phone for customer in person.customers if customer.phone}
    if person.partner is not None:
        emails |= {person.partner.email, *([person.partner.payout_email] if person.partner.payout_email else [])}
        phones |= {person.partner.phone} if person.partner.phone else set()
    texts = emails | {phone for phone in phones if sum(each.isdigit() for each in phone) >= PHONE_MIN}
    return Traces(
        texts=tuple(sorted(texts, key=len, reverse=True)),
        digests=frozenset(hashlib.sha256(email.strip().lower().encode()).hexdigest() for email in emails),
        numbers=frozenset(
            (customer.program_id, customer.livemode, customer.external_id)
            for customer in person.customers
            if customer.external_id
        ),
        browsers=frozenset((each.program_id, each.visitor_id) for each in person.browsers) | click_ids,
    )


def body_mentions(body: bytes, traces: Traces, *, program_id: str, livemode: bool) -> bool:
    """Tell whether a body that was kept as it came is about the person, or names the person."""
    text = body.decode("utf-8", "replace")
    if text_mentions(text, traces):
        return True
    try:
        fields: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    if not isinstance(fields, dict):
        return False
    told = fields.get("customer")
    numbers = {str(fields[name]) for name in _CUSTOMER_NAMES if name in fields}
    numbers |= {str(told["external_id"])} if isinstance(told, dict) and "external_id" in told else set()
    if any((program_id, livemode, number) in traces.numbers for number in numbers):
        return True
    if any(str(fields.get(name, "")).lower() in traces.digests for name in _DIGEST_NAMES):
        return True
    if any((program_id, str(fields.get(name, ""))) in traces.browsers for name in _BROWSER_NAMES):
        return True
    # Written with escapes, a mailbox is not found in the raw text.
    return text_mentions(msgspec.json.encode(fields).decode(), traces)


def text_mentions(text: str, traces: Traces) -> bool:
    """Tell whether a text has one of the person's mailboxes or phones in it, without case."""
    folded = text.casefold()
    return any(each.casefold() in folded for each in traces.texts)


def without_person(value: Any, traces: Traces) -> Any:
    """Return plain data with the person's mailboxes and phones replaced in every text of it."""
    if isinstance(value, str):
        for each in traces.texts:
            value = re.sub(re.escape(each), ERASED, value, flags=re.IGNORECASE)
        return value
    if isinstance(value, dict):
        return {name: without_person(inner, traces) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [without_person(inner, traces) for inner in value]
    return value
