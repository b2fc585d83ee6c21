"""The laws of the ledger, checked row by row; pure.

`verify.py` streams every transfer and hold through a `LedgerCheck` in the order of their numbers. Nothing is repaired
here: the ledger is append-only, so a broken law is told, with its row, to a person.
"""

from collections.abc import Iterator

from tracker.ledger.verification.types import CheckedEntry, CheckedHold, CheckedTransfer, Problem, StoredTotals

PROBLEMS_MAX = 100  # one is enough to act on; a hundred show the pattern
CAUSES = ("decision:", "refund:", "verdict:")


class LedgerCheck:
    """What has been seen so far and the problems found in it."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.seen = 0
        self._entries = 0
        self._last_transfer = 0
        self._last_hold = 0
        self._accruals: dict[str, CheckedTransfer] = {}
        self._left: dict[str, int] = {}
        self._frozen: dict[tuple[str, str], CheckedHold] = {}
        self._sums: dict[str, int] = {}

    def see_transfer(self, transfer: CheckedTransfer) -> None:
        """Check the next transfer; they come in the order of their numbers."""
        self.seen += 1
        self._entries += len(transfer.entries)
        for entry in transfer.entries:
            self._sums[entry.currency] = self._sums.get(entry.currency, 0) + entry.amount_minor
        if transfer.seq != self._last_transfer + 1:
            detail = f"number {transfer.seq} follows {self._last_transfer}"
            self._tell("numbers_have_no_gaps", transfer.transfer_id, detail)
        self._last_transfer = transfer.seq
        for law, detail in _broken_by_itself(transfer):
            self._tell(law, transfer.transfer_id, detail)
        if transfer.kind == "accrual":
            self._accruals[transfer.transfer_id] = transfer
            self._left[transfer.transfer_id] = _payable(transfer)
        else:
            self._see_reversal(transfer)

    def see_hold(self, hold: CheckedHold) -> None:
        """Check the next hold; they come in the order of their numbers, after all transfers."""
        if hold.seq != self._last_hold + 1:
            self._tell("numbers_have_no_gaps", hold.hold_id, f"number {hold.seq} follows {self._last_hold}")
        self._last_hold = hold.seq
        if hold.transfer_kind != "accrual":
            self._tell("holds_refer_to_accruals", hold.hold_id, f"{hold.transfer_id} is {hold.transfer_kind}")
        if hold.case_status is None:
            self._tell("holds_refer_to_cases", hold.hold_id, f"there is no {hold.case_id}")
        pair = (hold.transfer_id, hold.case_id)
        is_frozen = pair in self._frozen
        if (hold.kind == "freeze") == is_frozen:
            self._tell("freezes_and_releases_alternate", hold.hold_id, f"{hold.kind} while frozen is {is_frozen}")
        if hold.kind == "freeze":
            self._frozen[pair] = hold
        else:
            self._frozen.pop(pair, None)

    def finish(self, totals: StoredTotals) -> None:
        """Check what only all rows together show."""
        for currency in sorted(totals.sums.keys() | self._sums.keys()):
            total = totals.sums.get(currency, 0)
            if total != 0 or self._sums.get(currency, 0) != 0:
                self._tell("entries_sum_to_zero", currency, f"all entries in {currency} sum to {total}")
        if totals.entries != self._entries:
            self._tell("entries_belong_to_transfers", "entries", f"{totals.entries} stored, {self._entries} traced")
        if totals.transfers_counter != self._last_transfer:
            self._tell(
                "numbers_have_no_gaps", "transfers", f"{totals.transfers_counter} given, {self._last_transfer} last"
            )
        if totals.holds_counter != self._last_hold:
            self._tell("numbers_have_no_gaps", "holds", f"{totals.holds_counter} given, {self._last_hold} last")
        for hold in self._frozen.values():
            if hold.case_status == "decided":
                self._tell("decided_cases_hold_nothing", hold.hold_id, f"{hold.case_id} is decided and still freezes")

    def _see_reversal(self, reversal: CheckedTransfer) -> None:
        accrual = self._accruals.get(reversal.reverses_id or "")
        if accrual is None:
            self._tell(
                "reversals_name_an_accrual", reversal.transfer_id, f"{reversal.reverses_id} is no earlier accrual"
            )
            return
        for field in ("livemode", "program_id", "enrollment_id", "conversion_id", "reward_id"):
            here, there = getattr(reversal, field), getattr(accrual, field)
            if here != there:
                detail = f"{field} is {here}, but {there} in {accrual.transfer_id}"
                self._tell("reversals_agree_with_their_accrual", reversal.transfer_id, detail)
        if _terms(reversal) != _terms(accrual):
            detail = f"currency or availability differ from {accrual.transfer_id}"
            self._tell("reversals_agree_with_their_accrual", reversal.transfer_id, detail)
        self._left[accrual.transfer_id] += _payable(reversal)
        if self._left[accrual.transfer_id] < 0:
            detail = f"{accrual.transfer_id} is left at {self._left[accrual.transfer_id]}"
            self._tell("reversals_never_exceed_their_accrual", reversal.transfer_id, detail)

    def _tell(self, law: str, row: str, detail: str) -> None:
        if len(self.problems) < PROBLEMS_MAX:
            self.problems.append(Problem(law=law, row=row, detail=detail))


def _broken_by_itself(transfer: CheckedTransfer) -> Iterator[tuple[str, str]]:
    """Give every law that the transfer breaks whatever else is posted."""
    total = sum(entry.amount_minor for entry in transfer.entries)
    if total != 0:
        yield "transfers_sum_to_zero", f"legs sum to {total}"
    if sorted(entry.account for entry in transfer.entries) != ["partner_payable", "program_expense"]:
        yield "transfers_have_two_legs", f"accounts are {[entry.account for entry in transfer.entries]}"
    if len(_terms(transfer)) > 1:
        yield "legs_agree", "legs differ in currency or availability"
    if any(entry.enrollment_id != transfer.enrollment_id for entry in transfer.entries):
        yield "legs_agree", "a leg names another enrollment"
    amount = _payable(transfer)
    if (transfer.kind == "accrual") != (amount > 0):
        yield "kinds_fit_their_sign", f"{transfer.kind} of {amount}"
    if transfer.program_of_enrollment != transfer.program_id:
        yield "references_agree", f"{transfer.enrollment_id} is of program {transfer.program_of_enrollment}"
    if transfer.program_of_conversion != transfer.program_id:
        yield "references_agree", f"{transfer.conversion_id} is of program {transfer.program_of_conversion}"
    if transfer.livemode_of_conversion != transfer.livemode:
        yield "references_agree", f"{transfer.conversion_id} has livemode {transfer.livemode_of_conversion}"
    if transfer.conversion_of_decision != transfer.conversion_id:
        yield "lines_trace_to_a_decision", f"{transfer.decision_id} is about {transfer.conversion_of_decision}"
    if not transfer.is_credited:
        yield "lines_trace_to_a_decision", f"{transfer.decision_id} gives {transfer.enrollment_id} no credit"
    if not transfer.cause.startswith(CAUSES):
        yield "lines_name_their_cause", f'cause is "{transfer.cause}"'


def _payable(transfer: CheckedTransfer) -> int:
    return sum(entry.amount_minor for entry in transfer.entries if entry.account == "partner_payable")


def _terms(transfer: CheckedTransfer) -> set[tuple[str, int]]:
    return {_term(entry) for entry in transfer.entries}


def _term(entry: CheckedEntry) -> tuple[str, int]:
    return entry.currency, entry.available_at_ms
