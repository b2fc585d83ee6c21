"""The record of an event as the API and the command line show it, whatever became of it."""

import msgspec

from tracker.quarantine.types import Verdict


class ShownEvent(msgspec.Struct, frozen=True, kw_only=True):
    r"""An event as received; instants are ISO 8601 in UTC.

    `code` is the cause's code of a refused event and the name of a custom one. `payload` is text: bytes that are no
    UTF-8 stand there as `\xff`. `result_id` is what a refused event became once it was taken.
    """

    id: str
    program_id: str
    livemode: bool
    received_at: str
    source: str
    verdict: Verdict
    code: str
    cause: str
    payload: str
    payload_bytes: int
    corrected: str | None = None
    judged_at: str | None = None
    judged_by: str | None = None
    reason: str | None = None
    result_id: str | None = None
