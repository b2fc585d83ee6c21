"""Recording reports: one idempotent insert, then the answer; deciding comes later.

The number a shop gives (order, lead, refund) is unique per program, mode and kind among verified reports. A browser's
claim never blocks or alters a verified report; a verified report of an id only claimed so far confirms it.
"""

import msgspec
from sqlalchemy import Connection

from fraud_rules.domains import registrable_domain
from fraud_rules.identity import email_keys, phone_digits
from ingest.conversions import ConversionReport, CustomerReport, RecordOutcome
from ingest.enrich import Agent
from ingest.whereabouts import WhereColumns, columns_of
from tracker.audit import store as audit
from tracker.clicks import store as clicks
from tracker.clicks.project import Enricher
from tracker.conversions import store
from tracker.conversions.late import AT_ONCE, DECIDE, after_identity
from tracker.conversions.types import ConversionRow, Customer
from tracker.db.ids import new_id
from tracker.db.sequences import next_seq
from tracker.fraud.payment_keys import payment_key_of
from tracker.jobs import store as jobs
from tracker.programs import store as programs

_OF_ADDRESS = tuple(WhereColumns.__annotations__)

REFUSED_MS = 10_000  # within which a refused report lies in the quarantine
SOURCE_MAX = 64  # characters of metadata.source that are looked at

# What the row keeps in its own columns, or never keeps (the raw address).
_NOT_KEPT = frozenset({"program_id", "livemode", "kind", "trust", "request_digest", "address", "signs"})


def record(conn: Connection, report: ConversionReport, *, agent: Agent | None, enricher: Enricher) -> RecordOutcome:
    """Store a report once and say what became of it; see RecordOutcome. Call it in one write transaction."""
    known = store.find_conversion(
        conn,
        program_id=report.program_id,
        livemode=report.livemode,
        kind=report.kind,
        external_id=report.external_id,
    )
    if known is None:
        return _create(conn, report, agent, enricher)
    if report.trust == "unverified":
        same = known.trust == "unverified" and known.request_digest == report.request_digest
        return RecordOutcome(conversion_id=known.conversion_id, status="replayed" if same else "ignored")
    if known.trust == "unverified":
        return _confirm(conn, known, report, agent, enricher)
    if known.request_digest == report.request_digest:
        return RecordOutcome(conversion_id=known.conversion_id, status="replayed")
    # Another order under its number is a sign of forgery; the door keeps what it refuses a moment from now.
    jobs.enqueue(
        conn,
        kind=DECIDE,
        subject_id=known.conversion_id,
        run_at_ms=report.received_at_ms + REFUSED_MS if report.livemode else AT_ONCE,
        cause="reused_number",
    )
    return RecordOutcome(conversion_id=known.conversion_id, status="conflict")


def _create(conn: Connection, report: ConversionReport, agent: Agent | None, enricher: Enricher) -> RecordOutcome:
    row = make_row(
        report,
        enricher,
        conversion_id=new_id("cnv", report.received_at_ms),
        seq=next_seq(conn, "conversions"),
        customer_id=_customer_id(conn, report),
        agent_id=_agent_id(conn, agent),
    )
    store.insert_conversion(conn, row)
    link(conn, row)
    jobs.enqueue(conn, kind=DECIDE, subject_id=row.conversion_id, run_at_ms=AT_ONCE)
    return RecordOutcome(conversion_id=row.conversion_id, status="created")


def _confirm(
    conn: Connection, known: ConversionRow, report: ConversionReport, agent: Agent | None, enricher: Enricher
) -> RecordOutcome:
    """Make a claim a verified conversion: the server's amount wins, the claim's click evidence stays."""
    row = make_row(
        report,
        enricher,
        conversion_id=known.conversion_id,
        seq=known.seq,
        customer_id=_customer_id(conn, report),
        agent_id=_agent_id(conn, agent),
    )
    evidence = ["visitor_id", "click_id", "promo_code", "partner_code", "agent_id"]
    kept = {name: getattr(known, name) for name in evidence if getattr(row, name) is None}
    if "agent_id" in kept:
        # What a browser said of itself belongs to its agent.
        kept["signs"] = known.signs
    if row.host_key is None:
        # All of one address or nothing: hashes of two would be compared as one.
        kept |= {name: getattr(known, name) for name in _OF_ADDRESS}
    row = msgspec.structs.replace(row, **kept, received_at_ms=known.received_at_ms)
    store.replace_conversion(conn, row)
    link(conn, row)
    jobs.enqueue(conn, kind=DECIDE, subject_id=known.conversion_id, run_at_ms=AT_ONCE)
    shown = ("trust", "amount_minor", "currency", "customer_id", "click_id", "visitor_id", "promo_code")
    audit.record(
        conn,
        at_ms=report.received_at_ms,
        actor=f"system:{report.source}",
        action="conversion.confirmed",
        object_id=known.conversion_id,
        reason="A verified report arrived for an id that only a browser had claimed.",
        before={name: getattr(known, name) for name in shown},
        after={name: getattr(row, name) for name in shown},
    )
    return RecordOutcome(conversion_id=known.conversion_id, status="confirmed")


def _agent_id(conn: Connection, agent: Agent | None) -> int | None:
    return clicks.agent_ids(conn, [agent])[agent.text] if agent else None


def make_row(
    report: ConversionReport,
    enricher: Enricher,
    *,
    conversion_id: str,
    seq: int,
    customer_id: str | None,
    agent_id: int | None,
) -> ConversionRow:
    """Return a report as the row that is stored of it."""
    where = enricher.locate(report.address, report.received_at_ms) if report.address else None
    kept = msgspec.to_builtins(report)
    # Anyone could excuse himself, or accuse others, in the browser.
    told = report.metadata if report.trust == "verified" else {}
    source = told.get("source")
    return ConversionRow(
        conversion_id=conversion_id,
        seq=seq,
        program_id=report.program_id,
        livemode=report.livemode,
        kind=report.kind,
        external_id=report.external_id,
        trust=report.trust,
        status="received",
        request_digest=report.request_digest,
        amount_minor=report.amount,
        currency=report.currency,
        customer_id=customer_id,
        visitor_id=report.visitor_id,
        click_id=report.click_id,
        promo_code=report.promo_code,
        partner_code=report.partner_code,
        lead_id=report.lead_id,
        refund_of=report.refund_of,
        occurred_at_ms=report.occurred_at_ms,
        received_at_ms=report.received_at_ms,
        agent_id=agent_id,
        **columns_of(where),
        payment_key=payment_key_of(enricher.payments, report.program_id, told),
        source=source[:SOURCE_MAX] if isinstance(source, str) else None,
        signs=kept.get("signs"),
        report={name: value for name, value in kept.items() if name not in _NOT_KEPT},
    )


def _customer_id(conn: Connection, report: ConversionReport) -> str | None:
    """Return the customer the report names, stored or completed; None when it names nobody."""
    told = report.customer or CustomerReport()
    canonical = canonical_email(told)
    if told.external_id is None and canonical is None:
        return None
    known = store.find_customer(
        conn,
        program_id=report.program_id,
        livemode=report.livemode,
        external_id=told.external_id,
        email_canonical=canonical,
    )
    if known is None:
        customer = make_customer(conn, report)
        store.save_customer(conn, customer)
        return customer.customer_id
    if report.trust == "verified" and (news := news_of(known, told)):
        store.save_customer(conn, _compared(conn, msgspec.structs.replace(known, **news)))
    return known.customer_id


def canonical_email(told: CustomerReport) -> str | None:
    """Return the mailbox a customer's address stands for, None without one."""
    keys = email_keys(told.email) if told.email else None
    return keys.canonical if keys else None


def make_customer(conn: Connection, report: ConversionReport) -> Customer:
    """Return the new customer that a report names."""
    told = report.customer or CustomerReport()
    made = Customer(
        customer_id=new_id("cus", report.received_at_ms),
        program_id=report.program_id,
        livemode=report.livemode,
        external_id=told.external_id,
        email=told.email,
        email_canonical=canonical_email(told),
        phone=told.phone,
        name=told.name,
        country=told.country,
        created_at_ms=report.received_at_ms,
    )
    return _compared(conn, made)


def _compared(conn: Connection, customer: Customer) -> Customer:
    """Return the customer with what it is compared by: its phone in the program's region, its mailbox's domain."""
    region = programs.region_of_program(conn, customer.program_id) if customer.phone else None
    domain = None if customer.email_canonical is None else customer.email_canonical.rpartition("@")[2]
    return msgspec.structs.replace(
        customer, phone_key=phone_digits(customer.phone, region=region), email_domain=registrable_domain(domain)
    )


def news_of(known: Customer, told: CustomerReport) -> dict[str, str]:
    """Return what is told of a customer that was not known; what the shop said before stays."""
    offered = {
        "email": told.email,
        "email_canonical": canonical_email(told),
        "phone": told.phone,
        "name": told.name,
        "country": told.country,
    }
    return {name: value for name, value in offered.items() if value is not None and getattr(known, name) is None}


def link(conn: Connection, row: ConversionRow) -> None:
    """Note which browser the customer used; only verified reports may tie people together."""
    if row.customer_id is None or row.visitor_id is None or row.trust != "verified":
        return
    if row.visitor_id not in clicks.visitors_of(conn, row.customer_id):
        clicks.link_identity(
            conn,
            program_id=row.program_id,
            visitor_id=row.visitor_id,
            customer_id=row.customer_id,
            at_ms=row.occurred_at_ms,
        )
        after_identity(conn, row)
