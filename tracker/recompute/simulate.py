"""Deciding a batch again from what was loaded, conversion by conversion as they happened; pure.

It does in memory what deciding does in the database: a lead comes before its sales, a binding goes on to what happened
later, and whatever that moves is decided once more. Every engine ends here; engines only find touches.
"""

from collections import deque
from collections.abc import Sequence
from operator import attrgetter

import msgspec

from attribution.binding import partner_to_bind
from attribution.engine import attribute
from attribution.types import Credit, Decision, Settings, Touch
from tracker.clicks.touches import TOUCHES_MAX, Touches
from tracker.conversions.binding import next_binding
from tracker.conversions.journey import Known, assemble, binding_for
from tracker.programs.types import Program
from tracker.recompute import checksum
from tracker.recompute.types import EVIDENCE_GONE, Batch, BatchResult, Member, Outcome, Summary, WhatIf, World

AGAIN_MAX = 8  # times a conversion of a group is decided on average; circles of leads and bindings end here


def simulate(batch: Batch, world: World, touches: Touches, what_if: WhatIf) -> BatchResult:
    """Return what deciding the batch gives; locked results go on standing, but for a what-if."""
    return _Simulation(batch, world, touches, what_if).run()


def keep_ends(touches: Sequence[Touch]) -> Sequence[Touch]:
    """Return touches; of more than TOUCHES_MAX the first half and the last half, in their order, as deciding does."""
    if len(touches) <= TOUCHES_MAX:
        return touches
    ordered = sorted(touches, key=attrgetter("at_ms", "seq"))
    half = TOUCHES_MAX // 2
    return ordered[:half] + ordered[-half:]


def summarize(decision: Decision) -> Summary:
    """Return a decision as far as anybody earns by it."""
    return Summary(
        status=decision.status,
        via=decision.via,
        credits=decision.credits,
        is_commissionable=decision.commissionable,
    )


class _Simulation:
    """One batch on its way."""

    def __init__(self, batch: Batch, world: World, touches: Touches, what_if: WhatIf) -> None:
        self._batch, self._world, self._touches, self._what_if = batch, world, touches, what_if
        self._members = {member.row.conversion_id: member for member in batch.members}
        self._decided: dict[str, tuple[Decision, Summary]] = {}
        self._bindings = dict(batch.bindings)
        self._of_customer: dict[str, list[str]] = {}
        self._naming: dict[str, list[str]] = {}
        self._settings: dict[tuple[str, int], Settings] = {}
        for key, member in self._members.items():
            if member.row.customer_id is not None:
                self._of_customer.setdefault(member.row.customer_id, []).append(key)
            if member.lead_id is not None:
                self._naming.setdefault(member.lead_id, []).append(key)
        self._queue: deque[str] = deque()
        self._waiting: set[str] = set()

    def run(self) -> BatchResult:
        """Decide everything until nothing moves any more."""
        for member in sorted(self._batch.members, key=lambda each: (each.row.occurred_at_ms, each.row.seq)):
            self._ask(member.row.conversion_id)
        left = AGAIN_MAX * len(self._members)
        while self._queue and left:
            key = self._queue.popleft()
            if key in self._waiting:
                self._decide(key)
                left -= 1
        return self._result()

    def _ask(self, key: str) -> None:
        if key not in self._waiting:
            self._waiting.add(key)
            self._queue.append(key)

    def _decide(self, key: str) -> None:
        self._waiting.discard(key)
        member = self._members[key]
        if member.lead_id in self._waiting:
            self._decide(member.lead_id)
        program = self._world.program_as_of(member.row.program_id, member.row.occurred_at_ms)
        settings = self._settings_of(program)
        conversion, journey = assemble(member.row, program, self._known(member), histories=self._world.histories)
        decision = attribute(conversion, journey, settings)
        before = self._decided.get(key)
        stands = summarize(decision) if self._is_free(member) else member.stored
        self._decided[key] = (decision, stands)
        self._bind(member, stands, binds=settings.binding == "first_conversion")
        if before is not None and before[1] != stands:
            for sale in self._naming.get(key, ()):
                self._ask(sale)

    def _known(self, member: Member) -> Known:
        row = member.row
        found: list[Touch] = []
        for visitor in member.visitors:
            found += self._touches.by_visitor.get((row.program_id, visitor), ())
        touches = tuple(keep_ends(found))
        click = self._click(member) if member.named else None
        if click is not None and click not in touches:
            touches = (*touches, click)
        bound = None if row.customer_id is None else self._bindings.get(row.customer_id)
        return Known(
            visitors=frozenset(member.visitors),
            touches=touches,
            named=None if click is None else click.touch_id,
            codes=member.codes,
            inherited=self._inherited(member),
            binding=None if bound is None else binding_for(row, bound),
        )

    def _click(self, member: Member) -> Touch | None:
        clicks = (self._touches.by_click.get((member.row.program_id, named)) for named in member.named)
        return next((each for each in clicks if each is not None), None)

    def _inherited(self, member: Member) -> tuple[Credit, ...] | None:
        if member.lead_id is None:
            return member.inherited
        decided = self._decided.get(member.lead_id)
        if decided is None or decided[1].status != "attributed":
            return None
        return None if self._members[member.lead_id].row.status == "rejected" else decided[1].credits

    def _bind(self, member: Member, stands: Summary, *, binds: bool) -> None:
        row = member.row
        if row.customer_id is None:
            return
        known = self._bindings.get(row.customer_id)
        binding = next_binding(row, known, credited=partner_to_bind(stands.credits), binds=binds)
        if binding == known:
            return
        if binding is None:
            del self._bindings[row.customer_id]
        else:
            self._bindings[row.customer_id] = binding
        for other in self._of_customer[row.customer_id]:
            if other != row.conversion_id and other in self._decided:
                self._ask(other)

    def _settings_of(self, program: Program) -> Settings:
        key = (program.program_id, program.version)
        known = self._settings.get(key)
        if known is None:
            known = changed_by(self._what_if, program.settings.attribution)
            self._settings[key] = known
        return known

    def _is_free(self, member: Member) -> bool:
        return member.locked_by is None or (self._what_if.is_given and member.locked_by not in EVIDENCE_GONE)

    def _result(self) -> BatchResult:
        differing = []
        digests = []
        for key, (decision, after) in self._decided.items():
            digest = checksum.digest_of(decision)
            digests.append(digest)
            member = self._members[key]
            if not self._is_free(member):
                after = summarize(decision)  # noqa: PLW2901  # What stands is not what was decided.
            if after != member.stored:
                differing.append(Outcome(conversion_id=key, digest=digest, after=after))
        return BatchResult(
            number=self._batch.number,
            position=self._batch.position,
            decided=len(digests),
            digest_sum=checksum.add(digests),
            differing=tuple(differing),
        )


def changed_by(what_if: WhatIf, settings: Settings) -> Settings:
    """Return attribution settings with what a what-if puts in their place."""
    changed = {name: value for name in what_if.__struct_fields__ if (value := getattr(what_if, name)) is not None}
    return msgspec.structs.replace(settings, **changed) if changed else settings
