"""Pages of the allow list: whom named rules leave alone, a new entry (by hand or out of a case), revoking one.

Addresses typed here are hashed at once and forgotten; out of a case only hashes are at hand.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.responses import Response

from fraud_rules.identity import email_domain
from tracker.admin.case_facts import user_ids
from tracker.admin.forms import Form
from tracker.admin.policy import action, page
from tracker.admin.render import render
from tracker.admin.visit import Visit
from tracker.cases import store as cases
from tracker.cases.types import CaseRow
from tracker.conversions import store as conversions
from tracker.conversions.types import ConversionRow
from tracker.fraud.allow import store
from tracker.fraud.allow.networks import network_of_rows, read_network
from tracker.fraud.allow.types import AllowedNetwork, EntryRow, NetworkScope, NewEntry
from tracker.fraud.rules import rule_titles
from tracker.i18n.messages import InputError, msg
from tracker.i18n.translator import Translator
from tracker.partners import store as partners
from tracker.programs import store as programs
from tracker.programs.types import Program
from tracker.users import store as users

EXPIRES_DAYS = 90  # offered end: an exception nobody remembers is a hole
ROWS_MAX = 200  # conversions of a case whose addresses are compared
VISITOR_MAX = 128
_SCOPES: tuple[NetworkScope, ...] = ("host", "net")


class CaseOffer(NamedTuple):
    """What a case offers an entry: its program and partner, its rules, the network all of it came from."""

    case: CaseRow
    partner_name: str
    code: str
    rules: list[str]
    networks: dict[str, AllowedNetwork]


async def allow_list(visit: Visit) -> Response:
    """List the entries, those in force first."""
    program_id = visit.query_id("program", "prg")

    def load(conn: Connection) -> dict[str, Any]:
        rows = store.list_entries(conn, program_id=program_id)
        known = programs.list_programs(conn)
        enrolled = [row.enrollment_id for row in rows if row.enrollment_id]
        return {
            "rows": rows,
            "programs": known,
            "zones": {each.program_id: each.time_zone for each in known},
            "program_names": {each.program_id: each.name for each in known},
            "partners": partners.people_of(conn, enrolled),
            "people": users.emails_of(
                conn, user_ids([*(row.author for row in rows), *(row.revoked_by for row in rows)])
            ),
        }

    facts = await visit.db.read(load)
    return render(
        visit,
        "allow_list.html",
        program_id=program_id,
        titles=rule_titles(),
        state_of=lambda row: state_of(row, now_ms=visit.now_ms),
        dates_of=lambda row: dates_of(row, facts["zones"].get(row.program_id, "UTC"), visit.speech),
        **facts,
    )


async def allow_new(visit: Visit) -> Response:
    """Show the form of a new entry; `?case=` fills in what the case's conversions share."""
    known = await visit.db.read(programs.list_programs)
    offer = await _offer(visit, visit.query_id("case", "cas"))
    program = _program(known, offer.case.program_id if offer else visit.query_id("program", "prg"))
    values: list[tuple[str, str]] = []
    if program is not None:
        values = [("program_id", program.program_id), ("expires", _offered_end(visit, program))]
    if offer is not None:
        values += [("rules", rule) for rule in offer.rules]
        shares_address = offer.case.cluster_key.startswith("host:") and "host" in offer.networks
        values.append(("case_network", "host") if shares_address else ("partner", offer.code))
    return _new_page(visit, Form(values), known, offer=offer)


async def allow_add(visit: Visit) -> Response:
    """Add an entry, in force from now on."""
    form = visit.form
    known = await visit.db.read(programs.list_programs)
    offer = await _offer(visit, _case_id(form))
    program = _program(known, offer.case.program_id if offer else form.get("program_id"))
    if program is None:
        form.errors["program_id"] = msg("Choose one of the list.")
        return _new_page(visit, form, known, offer=offer, status=422)
    new = await _read(visit, program, offer)
    if form.errors:
        return _new_page(visit, form, known, offer=offer, status=422)
    try:
        row = await visit.db.write(
            lambda conn: store.add_entry(
                conn, new, known_rules=list(rule_titles()), actor=visit.actor, now_ms=visit.now_ms
            )
        )
    except InputError as error:
        return _new_page(visit, form.refuse(error), known, offer=offer, status=422)
    notice = msg("The rules leave it alone from now on. Cases that are open already wait for your verdict.")
    return visit.redirect(f"/admin/cases/{row.case_id}" if row.case_id else "/admin/fraud/allow", notice)


async def allow_revoke(visit: Visit) -> Response:
    """End an entry now."""
    allow_id = visit.path_id("allow_id", "alw")
    row = await visit.db.write(lambda conn: store.revoke_entry(conn, allow_id, actor=visit.actor, now_ms=visit.now_ms))
    if row is None:
        raise HTTPException(404)
    return visit.redirect("/admin/fraud/allow", msg("Revoked: the rules judge it again from now on."))


def state_of(row: EntryRow, *, now_ms: int) -> str:
    """Return whether an entry is in force, over or revoked."""
    if row.revoked_at_ms is not None:
        return "revoked"
    return "over" if row.expires_at_ms is not None and row.expires_at_ms <= now_ms else "in_force"


def dates_of(row: EntryRow, zone: str, speech: Translator) -> str:
    """Return the days of the event an entry is for, in the program's time zone; "" without any."""
    starts = None if row.starts_at_ms is None else speech.date(row.starts_at_ms, zone)
    ends = None if row.ends_at_ms is None else speech.date(row.ends_at_ms, zone)
    if starts and ends:
        return starts if starts == ends else f"{starts} – {ends}"
    if starts:
        return speech.gettext("from %(day)s on", day=starts)
    return speech.gettext("until and with %(day)s", day=ends) if ends else ""


async def _read(visit: Visit, program: Program, offer: CaseOffer | None) -> NewEntry:
    """Return the entry in the form; what is wrong is noted on it."""
    form, zone = visit.form, ZoneInfo(program.time_zone)
    starts = _begin(form, "starts", zone)
    ends, expires = (_begin(form, field, zone, days=1) for field in ("ends", "expires"))
    visitor = form.get("visitor_id")
    if len(visitor) > VISITOR_MAX:
        form.errors["visitor_id"] = msg(
            "Has %(length)s characters; give at most %(most)s.", length=len(visitor), most=VISITOR_MAX
        )
    return NewEntry(
        program_id=program.program_id,
        rules=tuple(form.all("rules")),
        reason=form.get("reason"),
        enrollment_id=await _enrollment(visit, program),
        network=_network(visit, offer),
        email_domain=_domain(form),
        visitor_id=visitor or None,
        starts_at_ms=starts,
        ends_at_ms=None if ends is None else ends - 1,
        expires_at_ms=expires,
        case_id=offer.case.case_id if offer else None,
    )


async def _enrollment(visit: Visit, program: Program) -> str | None:
    code = visit.form.get("partner")
    if not code:
        return None
    found = await visit.db.read(lambda conn: partners.enrollment_by_code(conn, program.program_id, code))
    if found is None:
        visit.form.errors["partner"] = msg("No partner of this program has this code; look it up under Partners.")
        return None
    return found.enrollment_id


def _network(visit: Visit, offer: CaseOffer | None) -> AllowedNetwork | None:
    form = visit.form
    chosen = form.get("case_network")
    if offer is not None and chosen in offer.networks:
        return offer.networks[chosen]
    if not form.get("network"):
        return None
    try:
        return read_network(form.get("network"), visit.services.enricher.keyring)
    except InputError as error:
        form.refuse(error)
        return None


def _domain(form: Form) -> str | None:
    typed = form.get("email_domain").rpartition("@")[2]
    if not typed:
        return None
    domain = email_domain(f"x@{typed}")
    if domain is None:
        form.errors["email_domain"] = msg("This is no domain; give one such as school.example.")
    return domain


def _begin(form: Form, field: str, zone: ZoneInfo, *, days: int = 0) -> int | None:
    """Return when a day, or so many days after it, begins in the program's time zone; None for an empty field."""
    typed = form.get(field)
    if not typed:
        return None
    try:
        day = date.fromisoformat(typed)
    except ValueError:
        day = date.min
    # Years outside of these are no days of any program, and some have no instant.
    if not 2000 <= day.year <= 2200:
        form.errors[field] = msg("Give a day, such as 2026-03-31.")
        return None
    day += timedelta(days=days)
    return int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp()) * 1000


def _offered_end(visit: Visit, program: Program) -> str:
    today = datetime.fromtimestamp(visit.now_ms / 1000, ZoneInfo(program.time_zone)).date()
    return (today + timedelta(days=EXPIRES_DAYS)).isoformat()


def _program(known: Sequence[Program], wanted: str | None) -> Program | None:
    if not wanted:
        return known[0] if known else None
    return next((each for each in known if each.program_id == wanted), None)


def _case_id(form: Form) -> str | None:
    return form.get("case_id") or None


async def _offer(visit: Visit, case_id: str | None) -> CaseOffer | None:
    if case_id is None:
        return None

    def load(conn: Connection) -> tuple[CaseRow, list[ConversionRow], list[str], dict[str, Any]] | None:
        case = cases.case_row(conn, case_id)
        if case is None:
            return None
        covered = cases.covered_ids(conn, case_id)[:ROWS_MAX]
        rows = [row for each in covered if (row := conversions.get_conversion(conn, each)) is not None]
        fired = [row.finding for row in cases.findings_of(conn, covered) if row.finding.factor_ppm > 0]
        about = list(dict.fromkeys(finding.rule for finding in fired))
        return case, rows, about, partners.people_of(conn, [case.enrollment_id])

    found = await visit.db.read(load)
    if found is None:
        raise HTTPException(404)
    case, rows, rules, people = found
    keyring = visit.services.enricher.keyring
    networks = {scope: network_of_rows(rows, scope=scope, keyring=keyring) for scope in _SCOPES}
    enrollment, partner = people[case.enrollment_id]
    return CaseOffer(
        case=case,
        partner_name=partner.name,
        code=enrollment.code,
        rules=rules,
        networks={scope: network for scope, network in networks.items() if network is not None},
    )


def _new_page(
    visit: Visit, form: Form, known: Sequence[Program], *, offer: CaseOffer | None, status: int = 200
) -> Response:
    return render(
        visit,
        "allow_new.html",
        status=status,
        form=form,
        programs=known,
        offer=offer,
        titles=rule_titles(),
        chosen_rules=form.all("rules"),
    )


ROUTES = (
    page("/admin/fraud/allow", allow_list, permission="cases.view"),
    page("/admin/fraud/allow/new", allow_new, permission="cases.decide"),
    action("/admin/fraud/allow", allow_add, permission="cases.decide"),
    action("/admin/fraud/allow/{allow_id}/revoke", allow_revoke, permission="cases.decide"),
)
