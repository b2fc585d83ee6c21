"""Records of refused events."""

from typing import Literal, get_args

import msgspec

from ingest.directory import Circumstances

PAYLOAD_MAX = 64 * 1024  # bytes kept of one refused event

Verdict = Literal["quarantined", "accepted", "discarded"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


class QuarantinedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A refused report: why, and exactly what was sent. Times in Unix ms.

    `source` is the door's name, `payload` what was sent (the first PAYLOAD_MAX of `payload_bytes`), `corrected` what a
    person made of it, `result_id` what it became when it was taken at last, `external_id` the number of the
    order or lead it is about.
    """

    event_id: str
    program_id: str
    livemode: bool
    received_at_ms: int
    source: str
    code: str
    cause: str
    payload: bytes
    payload_bytes: int
    circumstances: Circumstances = Circumstances()
    corrected: bytes | None = None
    verdict: Verdict = "quarantined"
    judged_at_ms: int | None = None
    judged_by: str | None = None
    judge_reason: str | None = None
    result_id: str | None = None
    external_id: str | None = None

    @property
    def is_cut(self) -> bool:
        """Whether more was sent than is kept."""
        return self.payload_bytes > PAYLOAD_MAX


class EventFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What to list; None means everything. Instants in Unix ms, both bounds included."""

    livemode: bool | None = None
    program_id: str | None = None
    verdict: Verdict | None = None
    source: str | None = None
    code: str | None = None
    received_from_ms: int | None = None
    received_to_ms: int | None = None


class EventCount(msgspec.Struct, frozen=True, kw_only=True):
    """Refused events of one door and cause: how many wait for a person, how many made room for newer ones."""

    source: str
    code: str
    waiting: int = 0
    lost: int = 0


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """What a door of one program and mode holds: rows and bytes of payload."""

    events: int
    payload_bytes: int
