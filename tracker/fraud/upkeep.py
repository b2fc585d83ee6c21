"""What the fraud rules need now and then: random checks drawn, weights learned from verdicts. A background task."""

from functools import partial

import structlog

from tracker.fraud.checks.store import find_checks, open_checks
from tracker.fraud.lessons.store import scales_for
from tracker.programs import store as programs
from tracker.services import Services, purpose_key

log = structlog.get_logger()


async def look_after_rules(services: Services) -> None:
    """Draw the random checks that are due and bring learned weights up to now, one program at a time."""
    key = purpose_key(services.secret, b"random checks v1")
    for program in await services.db.read(programs.list_programs):
        now_ms, program_id = services.now_ms(), program.program_id
        await services.db.write(partial(scales_for, program_id=program_id, livemode=True, now_ms=now_ms))
        # Looked for beside the writer, which must not be kept waiting.
        due = await services.db.read(partial(find_checks, program_id=program_id, key=key, now_ms=now_ms))
        if due:
            await services.db.write(partial(open_checks, program_id=program_id, drawn=due, now_ms=now_ms))
            log.info("random_checks_drawn", program_id=program_id, count=len(due))
