"""Everything the page of a case shows, loaded in one read and laid out for the reader.

`cases.py` calls it. Nothing here changes anything; what a verdict would do comes from the review's own preview.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection

from fraud_rules.identity import email_keys, mask_email
from fraud_rules.scoring import score
from ingest.address_keys import same_host
from tracker.admin.mode import instant_of
from tracker.audit.store import list_entries
from tracker.cases import store
from tracker.cases.decide import CaseConflictError, VerdictRefusedError, as_of
from tracker.cases.linked_store import links_of
from tracker.cases.preview import preview
from tracker.cases.types import Action, CaseView, FindingRow, Preview
from tracker.clicks import store as clicks
from tracker.conversions import store as conversions
from tracker.conversions.types import ConversionRow, Customer
from tracker.instants import DAY_MS
from tracker.ledger import store as ledger
from tracker.ledger.types import PostedLine
from tracker.partners import store as partners
from tracker.partners.types import Login, Partner
from tracker.users import store as users

SIDES_MAX = 30  # customers held against the partner on one page
EVENTS_MAX = 80  # entries of the timeline
LOGIN_SPAN_MS = 7 * DAY_MS  # sign-ins beside the conversions that are shown
LINES_MAX = 60  # ledger lines shown with their arithmetic
SPOKEN_MAX = 10  # conversions a finding about the partner is shown with
HISTORY_MAX = 40
PREVIEWED: tuple[Action, ...] = ("clear", "reject", "pause", "ban")


class Cell(NamedTuple):
    """One fact of one person; a match says what it agrees with ("partner", "customer" or "")."""

    text: str
    match: str


class Side(NamedTuple):
    """The partner, or the customer of one conversion, in facts that can agree."""

    who: str
    conversion_id: str | None
    name: Cell
    email: Cell
    phone: Cell
    address: Cell
    browser: Cell


class Moment(NamedTuple):
    """Something that happened, and how long after the thing before it."""

    at_ms: int
    kind: str
    conversion: ConversionRow | None
    since_ms: int | None


def load_case_page(conn: Connection, case_id: str, *, now_ms: int, shows_contacts: bool) -> dict[str, Any] | None:
    """Return what the page shows, or None; without `shows_contacts` e-mails and phones are masked."""
    row = store.case_row(conn, case_id)
    if row is None:
        return None
    at_ms = instant_of(conn, row.program_id, livemode=row.livemode, now_ms=now_ms)
    view = store.get_case(conn, case_id, now_ms=at_ms)
    partner = partners.get_partner(conn, view.partner_id) if view else None
    if view is None or partner is None:
        return None
    rows = [
        found
        for each in view.conversions[:EVENTS_MAX]
        if (found := conversions.get_conversion(conn, each.conversion_id)) is not None
    ]
    trail = list_entries(conn, object_id=case_id, limit=HISTORY_MAX)
    case = as_of(view.case, at_ms)
    actors = [case.claimed_by, *(entry.actor for entry in trail)]
    actors += [actor for verdict in view.verdicts for actor in (verdict.actor, verdict.confirmed_by)]
    people = conversions.names_of_customers(conn, [row.customer_id for row in rows if row.customer_id])
    lines = _lines(conn, view)
    return {
        "view": view,
        "case": case,
        "at_ms": at_ms,
        "shared": links_of(conn, partner, rows, list(people.values())),
        "undone": {verdict.undoes for verdict in view.verdicts if verdict.undoes},
        "livemode": view.case.livemode,
        "partner": partner,
        "sides": _sides(conn, partner, rows, shows_contacts=shows_contacts),
        "moments": _moments(view, rows),
        "lines": lines,
        "previews": _previews(conn, view, now_ms=at_ms),
        "without": _without(view.findings),
        "numbers": {each.conversion_id: each.external_id for each in view.conversions} | _numbers_beyond(conn, view),
        "trail": trail,
        "people": users.emails_of(conn, user_ids(actors)),
    }


def user_ids(actors: Iterable[str | None]) -> set[str]:
    """Return the ids of the people among actors; an API key claims and judges too, and is nobody."""
    return {actor.removeprefix("user:") for actor in actors if actor is not None and actor.startswith("user:")}


def _numbers_beyond(conn: Connection, view: CaseView) -> dict[str, str]:
    """Return the shop's numbers of the first conversions that findings about the partner speak of beside the case's."""
    spoken = [each for row in view.findings if row.conversion_id is None for each in row.finding.compared[:SPOKEN_MAX]]
    return conversions.external_ids(conn, spoken, program_id=view.case.program_id, livemode=view.case.livemode)


def _lines(conn: Connection, view: CaseView) -> list[PostedLine]:
    covered = [each.conversion_id for each in view.conversions]
    return ledger.lines_of_conversions(conn, covered)[:LINES_MAX]


def _previews(conn: Connection, view: CaseView, *, now_ms: int) -> dict[str, Preview]:
    """Return what each kind of verdict would do now; nothing for a decided case."""
    found: dict[str, Preview] = {}
    for action in PREVIEWED if view.case.status != "decided" else ():
        try:
            found[action] = preview(conn, view.case.case_id, action=action, now_ms=now_ms)
        except (CaseConflictError, VerdictRefusedError):
            continue  # Nobody is banned who is not in the program.
    return found


def _without(findings: Sequence[FindingRow]) -> dict[str, int]:
    """Return, by rule, the score the weightiest conversion would have without it."""
    by_conversion: dict[str, list[FindingRow]] = defaultdict(list)
    for row in findings:
        if row.allowed_by is None:
            by_conversion[row.conversion_id or ""].append(row)
    scores = [score(row.finding for row in rows) for rows in by_conversion.values()]
    return max(scores, key=lambda each: each.points).without_each if scores else {}


def _moments(view: CaseView, rows: Sequence[ConversionRow]) -> list[Moment]:
    """Return clicks, conversions, the case and its verdicts in time order, each with the time since the one before."""
    clicked = {(row.click_at_ms, row.click_id or row.visitor_id): row for row in rows if row.click_at_ms is not None}
    found: list[tuple[int, int, str, ConversionRow | None]] = [
        (at_ms or 0, 0, "click", row) for (at_ms, _), row in clicked.items()
    ]
    found += [(row.occurred_at_ms, 1, row.kind, row) for row in rows]
    found.append((view.case.opened_at_ms, 2, "case", None))
    found += [(verdict.at_ms, 3, f"verdict:{verdict.action}", None) for verdict in view.verdicts]
    found += [(message.at_ms, 4, message.kind, None) for message in view.messages]
    found.sort(key=lambda each: each[:3])
    moments: list[Moment] = []
    for at_ms, _, kind, row in found[:EVENTS_MAX]:
        since_ms = at_ms - moments[-1].at_ms if moments else None
        moments.append(Moment(at_ms=at_ms, kind=kind, conversion=row, since_ms=since_ms))
    return moments


def _sides(conn: Connection, partner: Partner, rows: Sequence[ConversionRow], *, shows_contacts: bool) -> list[Side]:
    """Return the partner, then the customers of the conversions, with what agrees marked."""
    shown = rows[:SIDES_MAX]
    people = conversions.names_of_customers(conn, [row.customer_id for row in shown if row.customer_id])
    agents = clicks.agents_of(conn, [row.agent_id for row in shown if row.agent_id is not None])
    browsers = {number: f"{agent.browser}, {agent.os}" for number, agent in agents.items()}
    keys = {number: agent.agent_key for number, agent in agents.items()}
    logins = _logins(conn, partner, shown)
    sides = [_partner_side(partner, logins, shown, keys, shows_contacts=shows_contacts)]
    for row in shown:
        customer = people.get(row.customer_id) if row.customer_id else None
        others = [
            (other, people.get(other.customer_id) if other.customer_id else None)
            for other in shown
            if other.conversion_id != row.conversion_id and other.customer_id != row.customer_id
        ]
        sides.append(
            Side(
                who=row.external_id,
                conversion_id=row.conversion_id,
                name=Cell(_of(customer, "name"), _same_name(partner, customer, others)),
                email=_email(customer, partner, others, shows_contacts=shows_contacts),
                phone=_phone(customer, partner, others, shows_contacts=shows_contacts),
                address=Cell(
                    " ".join(filter(None, (row.masked_ip, row.country))),
                    _same_address(row, logins, others),
                ),
                browser=Cell(
                    browsers.get(row.agent_id or 0, ""),
                    _agrees(
                        keys.get(row.agent_id or 0),
                        # A browser many people have says something only behind the same address.
                        {login.agent_key for login in logins if same_host(login, row)},
                        {keys.get(other.agent_id or 0) for other, _ in others if same_host(other, row)},
                    ),
                ),
            )
        )
    return sides


def _partner_side(
    partner: Partner,
    logins: Sequence[Login],
    rows: Sequence[ConversionRow],
    keys: dict[int, str],
    *,
    shows_contacts: bool,
) -> Side:
    """Return the partner; the address and browser shown are those customers used too, for the others are only keys."""
    browsers = {login.agent_key for login in logins}
    shared = sorted({row.masked_ip for row in rows if row.masked_ip and any(same_host(login, row) for login in logins)})
    used = sorted({keys[row.agent_id] for row in rows if row.agent_id in keys and keys[row.agent_id] in browsers})
    emails = [partner.email, *([partner.payout_email] if partner.payout_email else [])]
    written = emails if shows_contacts else [mask_email(email) for email in emails]
    return Side(
        who="partner",
        conversion_id=None,
        name=Cell(partner.name, ""),
        email=Cell(", ".join(dict.fromkeys(written)), ""),
        phone=Cell(_shown_phone(partner.phone, shows_contacts=shows_contacts), ""),
        address=Cell(", ".join(shared), ""),
        browser=Cell(", ".join(used), ""),
    )


def _logins(conn: Connection, partner: Partner, rows: Sequence[ConversionRow]) -> list[Login]:
    """Return the partner's sign-ins around the conversions, by which address and browser can agree."""
    if not rows:
        return []
    instants = [row.occurred_at_ms for row in rows]
    return partners.logins_between(
        conn,
        partner_id=partner.partner_id,
        from_ms=min(instants) - LOGIN_SPAN_MS,
        to_ms=max(instants) + LOGIN_SPAN_MS,
    )


_Others = Sequence[tuple[ConversionRow, Customer | None]]


def _same_address(row: ConversionRow, logins: Sequence[Login], others: _Others) -> str:
    """Return whose address the row's is; keys are compared across epochs."""
    if any(same_host(login, row) for login in logins):
        return "partner"
    return "customer" if any(same_host(other, row) for other, _ in others) else ""


def _email(customer: Customer | None, partner: Partner, others: _Others, *, shows_contacts: bool) -> Cell:
    email = _of(customer, "email")
    mine = _mailbox(email)
    theirs = {_mailbox(partner.email), _mailbox(partner.payout_email or "")}
    match = _agrees(mine, theirs, {_mailbox(_of(other, "email")) for _, other in others})
    return Cell(email if shows_contacts or not email else mask_email(email), match)


def _phone(customer: Customer | None, partner: Partner, others: _Others, *, shows_contacts: bool) -> Cell:
    phone = _of(customer, "phone")
    match = _agrees(
        _digits(phone), {_digits(partner.phone or "")}, {_digits(_of(other, "phone")) for _, other in others}
    )
    return Cell(_shown_phone(phone, shows_contacts=shows_contacts), match)


def _same_name(partner: Partner, customer: Customer | None, others: _Others) -> str:
    return _agrees(
        _words(_of(customer, "name")), {_words(partner.name)}, {_words(_of(each, "name")) for _, each in others}
    )


def _agrees(value: Any, partners_values: Iterable[Any], others_values: Iterable[Any]) -> str:
    """Return whose value this one equals; nothing equals a missing value."""
    if not value:
        return ""
    if value in set(partners_values):
        return "partner"
    return "customer" if value in set(others_values) else ""


def _of(customer: Customer | None, field: str) -> str:
    return (getattr(customer, field) or "") if customer is not None else ""


def _mailbox(email: str) -> str | None:
    keys = email_keys(email) if email else None
    return keys.canonical if keys else None


def _words(name: str) -> tuple[str, ...]:
    """Return the words of a name without case and order: people write them either way round."""
    return tuple(sorted(name.casefold().split()))


def _digits(phone: str) -> str:
    return "".join(character for character in phone if character.isdigit())


def _shown_phone(phone: str | None, *, shows_contacts: bool) -> str:
    if not phone:
        return ""
    return phone if shows_contacts else f"…{_digits(phone)[-2:]}"
