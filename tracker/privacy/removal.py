"""What an erasure changes in the tables; one function a kind of row, each called inside the erasing transaction.

Rows stay where others refer to them and lose what tells of the person. Guards of append-only tables are lifted for
their own statement only. Every function returns how many rows it changed, so that a second erasure counts nothing.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Table, and_, delete, func, literal, or_, select, type_coerce, update

from ingest.enrich import read_agent
from tracker.audit.tables import audit_entries
from tracker.cases.tables import cases, findings, partner_messages, verdict_proposals, verdicts
from tracker.clicks import store as clicks_store
from tracker.clicks.tables import clicks, identity_links
from tracker.conversions import store as conversions_store
from tracker.conversions.tables import conversions, customers
from tracker.conversions.types import ConversionRow, Customer
from tracker.custom_events.tables import custom_events
from tracker.db.columns import Str
from tracker.fraud.allow.tables import allow_entries
from tracker.idempotency.tables import idempotent_answers
from tracker.ledger.tables import transfers
from tracker.partners import store as partners_store
from tracker.partners.tables import enrollments, partner_logins, partners
from tracker.partners.types import Partner
from tracker.privacy.lifting import lifted
from tracker.privacy.mentions import ERASED, Traces, without_person
from tracker.privacy.store import ROWS_MAX, chunks
from tracker.privacy.types import Browser
from tracker.quarantine.tables import quarantined_events

# What a report must keep: money is computed of it, and whether a person of the shop typed it.
KEPT_OF_REPORT = ("source", "tax", "shipping", "discount", "items")
# Columns of a conversion and of a click that came from the person's machine.
OF_MACHINE = ("host_key", "net_key", "next_host_key", "next_net_key", "masked_ip", "country", "asn")
OF_CONVERSION = (*OF_MACHINE, "network_class", "visitor_id", "agent_id", "payment_key", "signs")
OF_PAGE = ("page_id", "page_tail", "http_referer_id", "context_id", "details")
OF_CLICK = (*OF_MACHINE, *OF_PAGE, "network_class_id", "visitor_key")
OF_CUSTOMER = ("external_id", "email", "email_canonical", "email_domain", "phone", "phone_key", "name", "country")
# Names of a finding's parameters and evidence that show a part of a mailbox or an address.
OF_FINDING = ("email", "partner_email", "address", "phone", "domain", "shape")
# Facts that findings and cases are joined by, where they are named by ids of ours. All others tell of a person: a
# phone, mailbox, mail domain, address or browser, and whatever an installed rule may take.
OWN_CLUSTERS = ("order:cnv_", "code:", "ring:enr_", "email:cus_", "partner:enr_", "audit:cnv_", "erased:")
# What a report tells of the browser that sent it.
OF_BROWSER = frozenset({"user_agent", "visitor_id", "click_id"})
EMPTY_DIGEST = bytes(32)


def empty_customers(conn: Connection, customer_ids: Sequence[str], *, now_ms: int) -> int:
    """Take everything but the ids from customers."""
    changed = 0
    for chunk in chunks(customer_ids):
        statement = update(customers).where(customers.c.customer_id.in_(chunk), customers.c.erased_at_ms.is_(None))
        values = dict.fromkeys(OF_CUSTOMER) | {"erased_at_ms": now_ms}
        changed += conn.execute(statement.values(**values)).rowcount
    return changed


def strip_conversions(conn: Connection, rows: Sequence[ConversionRow], *, strip_reports_of: frozenset[str]) -> int:
    """Take from conversions what came from the machine, and from the person's own ones the report as it was sent."""
    changed = 0
    for row in rows:
        values: dict[str, Any] = dict.fromkeys(OF_CONVERSION)
        # Decided again, the conversion must still find the touch it was credited to, now that the visitor is gone.
        values["click_id"] = row.click_id or _credited_click(conn, row)
        if row.conversion_id in strip_reports_of:
            values["report"] = {name: row.report[name] for name in KEPT_OF_REPORT if name in row.report}
            # The digest covers the whole report: who guesses it would find the guess confirmed.
            values["request_digest"] = EMPTY_DIGEST
        else:
            values["report"] = {name: value for name, value in row.report.items() if name not in OF_BROWSER}
        if all(getattr(row, name) == value for name, value in values.items()):
            continue
        conn.execute(update(conversions).where(conversions.c.conversion_id == row.conversion_id).values(**values))
        changed += 1
    return changed


def _credited_click(conn: Connection, row: ConversionRow) -> str | None:
    """Return the last click that the newest decision credits, None when it credits a code or a binding alone."""
    decision = conversions_store.newest_decision(conn, row.conversion_id)
    parts = [] if decision is None else conversions_store.credits_of(conn, decision.decision_id)
    touches = [part.touch for part in reversed(parts) if part.touch is not None]
    return next(
        (touch for touch in touches if clicks_store.find_click(conn, program_id=row.program_id, click_id=touch)), None
    )


def strip_findings(conn: Connection, conversion_ids: Sequence[str]) -> int:
    """Take masked mailboxes, phones and addresses, mail domains, and keys of addresses and browsers from findings."""
    changed = 0
    with lifted(conn, "findings"):
        for chunk in chunks(conversion_ids):
            for row in conn.execute(select(findings).where(findings.c.conversion_id.in_(chunk))).all():
                values = {
                    "params": row.params | {name: ERASED for name in OF_FINDING if name in row.params},
                    "evidence": row.evidence | {name: None for name in OF_FINDING if name in row.evidence},
                    "cluster_key": row.cluster_key if (row.cluster_key or "").startswith(OWN_CLUSTERS) else None,
                }
                if all(getattr(row, name) == value for name, value in values.items()):
                    continue
                conn.execute(update(findings).where(findings.c.finding_id == row.finding_id).values(**values))
                changed += 1
    return changed


def strip_clusters(conn: Connection, case_ids: Sequence[str], people: Sequence[Customer]) -> int:
    """Take from cases the fact they were opened over, where it tells of the person, and from findings about partners.

    Those speak of a customer by mailbox or phone, which nobody else has as a person. Cases keep a name of their own.
    """
    changed = 0
    for chunk in chunks(case_ids):
        for row in conn.execute(select(cases.c.case_id, cases.c.cluster_key).where(cases.c.case_id.in_(chunk))).all():
            if not row.cluster_key.startswith(OWN_CLUSTERS):
                named = {"cluster_key": f"erased:{row.case_id}"}
                conn.execute(update(cases).where(cases.c.case_id == row.case_id).values(**named))
                changed += 1
    keys = {f"person:email:{each.email_canonical}" for each in people if each.email_canonical}
    keys |= {f"person:phone:{each.phone_key}" for each in people if each.phone_key}
    with lifted(conn, "findings"):
        for chunk in chunks(sorted(keys)):
            about = and_(findings.c.cluster_key.in_(chunk), findings.c.conversion_id.is_(None))
            changed += conn.execute(update(findings).where(about).values(cluster_key=None)).rowcount
    return changed


def unlink(conn: Connection, customer_ids: Sequence[str], browsers: Iterable[Browser]) -> int:
    """Forget which browser was which customer."""
    gone = 0
    for chunk in chunks(customer_ids):
        gone += conn.execute(delete(identity_links).where(identity_links.c.customer_id.in_(chunk))).rowcount
    for browser in browsers:
        same = and_(
            identity_links.c.program_id == browser.program_id, identity_links.c.visitor_id == browser.visitor_id
        )
        gone += conn.execute(delete(identity_links).where(same)).rowcount
    return gone


def strip_clicks(conn: Connection, seqs: Sequence[int]) -> int:
    """Take everything from clicks but when they were and whose link it was; `dictionary.py` forgets their texts.

    The visitor becomes the click itself, so that nothing ties the clicks of one browser together.
    """
    nobody = _no_agent(conn)
    changed = 0
    with lifted(conn, "clicks"):
        for start in range(0, len(seqs), 500):
            chosen = clicks.c.seq.in_(list(seqs[start : start + 500]))
            differs = or_(*(clicks.c[name].is_not(None) for name in OF_CLICK), clicks.c.agent_id != nobody)
            values: dict[str, Any] = dict.fromkeys(OF_CLICK) | {"agent_id": nobody}
            changed += conn.execute(update(clicks).where(chosen, differs).values(**values)).rowcount
    return changed


def delete_custom_events(conn: Connection, event_ids: Sequence[str]) -> int:
    """Delete custom events: nothing refers to them."""
    gone = 0
    for chunk in chunks(event_ids):
        gone += conn.execute(delete(custom_events).where(custom_events.c.event_id.in_(chunk))).rowcount
    return gone


def empty_refused_events(conn: Connection, event_ids: Sequence[str], *, actor: str, now_ms: int) -> int:
    """Leave of refused events that there was one, at which door and why; what waited is discarded."""

    def values_of(row: Any) -> dict[str, Any]:
        values: dict[str, Any] = dict.fromkeys(("corrected", "circumstances", "external_id"))
        values |= {"payload": b"", "payload_bytes": 0, "cause": ""}
        if row.verdict == "quarantined":
            judged = {"judged_at_ms": now_ms, "judged_by": actor, "judge_reason": ERASED}
            values |= {"verdict": "discarded", **judged}
        return values

    return _change(conn, quarantined_events, event_ids, values_of)


def delete_answers(conn: Connection, rows: Sequence[Any]) -> int:
    """Delete stored answers."""
    keys = list(idempotent_answers.primary_key.columns)
    return sum(
        conn.execute(delete(idempotent_answers).where(*(key == getattr(row, key.name) for key in keys))).rowcount
        for row in rows
    )


def empty_partner(conn: Connection, partner: Partner, *, actor: str, now_ms: int) -> int:
    """Take name, mailboxes and phone from a partner and close what is open; codes and slugs stay taken for ever."""
    gone = f"{partner.partner_id}@erased.invalid"
    if partner.email == gone:
        return 0
    values = {"name": ERASED, "email": gone, "payout_email": None, "phone": None}
    conn.execute(update(partners).where(partners.c.partner_id == partner.partner_id).values(**values))
    conn.execute(delete(partner_logins).where(partner_logins.c.partner_id == partner.partner_id))
    own = enrollments.c.partner_id == partner.partner_id
    conn.execute(update(enrollments).where(own).values(payment_key=None))
    for one in partners_store.enrollments_of(conn, partner.partner_id):
        target = {"active": "left", "paused": "left", "invited": "declined", "applied": "rejected"}.get(one.status)
        if target is not None:
            partners_store.change_status(
                conn,
                enrollment_id=one.enrollment_id,
                status=target,
                reason_code="other",
                reason=ERASED,
                role="owner",
                actor=actor,
                now_ms=now_ms,
            )
    return 1


def clean_texts(conn: Connection, traces: Traces) -> int:
    """Replace the person's mailboxes and phones in what was typed: verdicts, messages, what the ledger tells."""
    changed = 0
    typed = ("public_text", "note")
    texts = (
        (verdicts, typed),
        (verdict_proposals, typed),
        (partner_messages, ("text",)),
        (transfers, ("public_text",)),
    )
    for table, names in texts:
        key = next(iter(table.primary_key.columns))
        found = conn.execute(select(table).where(_names(table, names, traces)).limit(ROWS_MAX)).all()
        if not found:
            continue
        with lifted(conn, table.name):
            for row in found:
                values = {name: without_person(getattr(row, name), traces) for name in names}
                conn.execute(update(table).where(key == getattr(row, key.name)).values(**values))
                changed += 1
    return changed


def clean_allow_entries(
    conn: Connection, traces: Traces, browsers: Sequence[Browser], *, actor: str, now_ms: int
) -> int:
    """Take the person's browsers, mailboxes and phones from the allow list; an entry over such a browser ends."""
    devices = {(browser.program_id, browser.visitor_id) for browser in browsers}
    named = _names(allow_entries, ("reason",), traces)
    over_browser = allow_entries.c.visitor_id.in_(sorted({visitor_id for _, visitor_id in devices}))
    changed = 0
    for row in conn.execute(select(allow_entries).where(or_(named, over_browser)).limit(ROWS_MAX)).all():
        values: dict[str, Any] = {"reason": without_person(row.reason, traces)}
        if (row.program_id, row.visitor_id) in devices:
            values["visitor_id"] = ERASED
            if row.revoked_at_ms is None:
                values |= {"revoked_at_ms": now_ms, "revoked_by": actor}
        if all(getattr(row, name) == value for name, value in values.items()):
            continue
        conn.execute(update(allow_entries).where(allow_entries.c.allow_id == row.allow_id).values(**values))
        changed += 1
    return changed


def trail_mentions(conn: Connection, traces: Traces) -> list[int]:
    """Return the numbers of the trail's entries in which somebody wrote the person's mailbox or phone."""
    query = select(audit_entries.c.seq).where(_names(audit_entries, ("reason", "before", "after"), traces))
    return [int(seq) for seq in conn.execute(query.order_by(audit_entries.c.seq).limit(ROWS_MAX)).scalars()]


def clean(text: str, traces: Traces) -> str:
    """Return a reason without the person's mailboxes and phones, for a trail that nothing can be taken from."""
    return str(without_person(text, traces))


def _names(table: Table, names: Sequence[str], traces: Traces) -> Any:
    """Say that one of the text columns names the person; SQLite and PostgreSQL fold ASCII alike."""
    columns = [func.lower(type_coerce(table.c[name], Str)) for name in names]
    found = [column.contains(text.lower(), autoescape=True) for column in columns for text in traces.texts]
    return or_(*found) if found else literal(value=False)


def _change(conn: Connection, table: Table, ids: Sequence[str], values_of: Callable[[Any], dict[str, Any]]) -> int:
    key = next(iter(table.primary_key.columns))
    changed = 0
    for chunk in chunks(ids):
        for row in conn.execute(select(table).where(key.in_(chunk))).all():
            values = values_of(row)
            if all(getattr(row, name) == value for name, value in values.items()):
                continue
            conn.execute(update(table).where(key == getattr(row, key.name)).values(**values))
            changed += 1
    return changed


def _no_agent(conn: Connection) -> int:
    """Return the number of the agent that says nothing."""
    empty = read_agent("")
    return clicks_store.agent_ids(conn, [empty])[empty.text]
