"""What `molva doctor` needs to send a test click and a test sale: a partner, and keys that live as long as the trial.

Run by a running `serve` over its control socket, or in the examining process itself. Everything is in test mode: no
report, balance or partner's page ever shows it.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from sqlalchemy import Connection

from tracker.keys import store as keys
from tracker.partners import store as partners
from tracker.programs import store as programs
from tracker.services import Services

ACTOR = "doctor"
BEGIN, END = "trial begin", "trial end"


async def begin_trial(services: Services, _params: dict[str, Any]) -> dict[str, Any]:
    """Return a program with an active partner and new test keys for it; `program_id` is None where there is none."""
    now_ms = services.now_ms()

    def begin(conn: Connection) -> dict[str, Any]:
        enrolled = next((one for one in partners.all_enrollments(conn) if one.status == "active"), None)
        program = None if enrolled is None else programs.get_program(conn, enrolled.program_id)
        if enrolled is None or program is None:
            return {"program_id": None}
        made = {
            kind: keys.create_key(
                conn,
                program_id=program.program_id,
                kind=kind,
                livemode=False,
                scopes=("track",) if kind == "secret" else (),
                secret=services.secret,
                actor=ACTOR,
                now_ms=now_ms,
            )
            for kind in ("publishable", "secret")
        }
        return {
            "program_id": program.program_id,
            "currency": program.currency,
            "code": enrolled.code,
            "partner_id": enrolled.partner_id,
            "origin": next(iter(programs.sites_of(conn, program.program_id)), None),
            "publishable_key": made["publishable"].value,
            "secret_key": made["secret"].value,
            "key_ids": [key.key_id for key in made.values()],
        }

    begun = await services.db.write(begin)
    await services.refresh()
    return begun


async def end_trial(services: Services, params: dict[str, Any]) -> dict[str, Any]:
    """Remove the trial's keys."""
    now_ms = services.now_ms()

    def end(conn: Connection) -> None:
        for key_id in params["key_ids"]:
            keys.delete_test_key(conn, key_id=key_id, actor=ACTOR, now_ms=now_ms)

    await services.db.write(end)
    await services.refresh()
    return {"ok": True}


TRIAL_COMMANDS: dict[str, Callable[[Services, dict[str, Any]], Awaitable[dict[str, Any]]]] = {
    BEGIN: begin_trial,
    END: end_trial,
}
