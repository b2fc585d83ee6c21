"""Pages of the ledger: what each partner is owed, and one partner's statement, line by line."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.responses import Response

from tracker.admin.arithmetic import sum_steps
from tracker.admin.conversions import before_seq
from tracker.admin.mode import instant_of, is_live
from tracker.admin.paging import PAGE_SIZE, Pager, pager_of
from tracker.admin.policy import page
from tracker.admin.render import render
from tracker.admin.visit import Visit
from tracker.ledger import store
from tracker.ledger.types import Balance, StatementLine
from tracker.partners import store as partners
from tracker.partners.types import Enrollment, Partner
from tracker.programs import store as programs
from tracker.programs.types import Program


class Account(NamedTuple):
    """One partner in one program, and what is owed there."""

    enrollment: Enrollment
    partner: Partner
    program: Program
    balances: list[Balance]


class Check(NamedTuple):
    """A currency's total found in two ways: by adding what is shown, and by the ledger itself."""

    currency: str
    shown_minor: int
    ledger_minor: int

    @property
    def agrees(self) -> bool:
        """Tell whether both ways give the same."""
        return self.shown_minor == self.ledger_minor


async def ledger_list(visit: Visit) -> Response:
    """List what each partner is owed in each program, with totals that check themselves."""
    livemode, program_id = is_live(visit), visit.query_id("program", "prg")
    facts = await visit.db.read(
        lambda conn: _load_accounts(conn, livemode=livemode, program_id=program_id, now_ms=visit.now_ms)
    )
    return render(visit, "ledger_list.html", livemode=livemode, program_id=program_id, **facts)


async def ledger_statement(visit: Visit) -> Response:
    """Show the statement of one partner in one program."""
    enrollment_id = visit.path_id("enrollment_id", "enr")
    livemode, before = is_live(visit), before_seq(visit)

    def load(conn: Connection) -> dict[str, Any] | None:
        found = partners.people_of(conn, [enrollment_id]).get(enrollment_id)
        if found is None:
            return None
        enrollment, partner = found
        at_ms = instant_of(conn, enrollment.program_id, livemode=livemode, now_ms=visit.now_ms)
        balances = store.balances(conn, enrollment_id, livemode=livemode, now_ms=at_ms)
        newest = store.statement(conn, enrollment_id, livemode=livemode, now_ms=at_ms)
        return {
            "enrollment": enrollment,
            "partner": partner,
            "program": programs.get_program(conn, enrollment.program_id),
            "balances": balances,
            "checks": _check_running(newest, balances),
            "lines": store.statement(
                conn, enrollment_id, livemode=livemode, now_ms=at_ms, before_seq=before, limit=PAGE_SIZE + 1
            ),
        }

    facts = await visit.db.read(load)
    if facts is None:
        raise HTTPException(404)
    pager: Pager[StatementLine] = pager_of(facts.pop("lines"), visit, key=lambda line: str(line.commission.line.seq))
    return render(
        visit,
        "ledger_statement.html",
        pager=pager,
        livemode=livemode,
        steps_of=lambda line: sum_steps(line, visit.speech),
        **facts,
    )


def _load_accounts(conn: Connection, *, livemode: bool, program_id: str | None, now_ms: int) -> dict[str, Any]:
    known = programs.list_programs(conn)
    accounts: list[Account] = []
    owed: dict[str, int] = {}
    for program in known:
        if program_id not in (None, program.program_id):
            continue
        at_ms = instant_of(conn, program.program_id, livemode=livemode, now_ms=now_ms)
        balances = store.balances_of_program(conn, program.program_id, livemode=livemode, now_ms=at_ms)
        for enrollment, partner in partners.people_of(conn, list(balances)).values():
            accounts.append(Account(enrollment, partner, program, balances[enrollment.enrollment_id]))
        for debt in store.debts(conn, livemode=livemode, now_ms=at_ms, program_id=program.program_id):
            owed[debt.balance.currency] = owed.get(debt.balance.currency, 0) + debt.balance.total_minor
    accounts.sort(key=lambda one: (one.partner.name.casefold(), one.program.name.casefold(), one.partner.partner_id))
    totals = _totals(balance for account in accounts for balance in account.balances)
    return {
        "programs": known,
        "accounts": accounts,
        "totals": totals,
        "checks": [Check(one.currency, one.total_minor, owed.get(one.currency, 0)) for one in totals],
    }


def _totals(balances: Iterable[Balance]) -> list[Balance]:
    """Return the sums of balances by currency."""
    sums: dict[str, list[int]] = {}
    for one in balances:
        total = sums.setdefault(one.currency, [0, 0, 0])
        for place, part in enumerate((one.pending_minor, one.payable_minor, one.frozen_minor)):
            total[place] += part
    return [
        Balance(
            currency=currency,
            pending_minor=pending,
            payable_minor=payable,
            frozen_minor=frozen,
            next_available_at_ms=None,
        )
        for currency, (pending, payable, frozen) in sorted(sums.items())
    ]


def _check_running(newest: list[StatementLine], balances: list[Balance]) -> list[Check]:
    """Hold the running balance after each currency's newest line against the balance by status."""
    running: dict[str, int] = {}
    for line in newest:
        running.setdefault(line.commission.line.currency, line.balance_minor)
    return [Check(one.currency, running[one.currency], one.total_minor) for one in balances if one.currency in running]


ROUTES = (
    page("/admin/ledger", ledger_list, permission="ledger.view"),
    page("/admin/ledger/{enrollment_id}", ledger_statement, permission="ledger.view"),
)
