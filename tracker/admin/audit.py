"""The page of the audit trail: who changed what, newest first, of one object or of all."""

from sqlalchemy import Connection
from starlette.responses import Response

from tracker.admin.paging import PAGE_SIZE, Pager, pager_of
from tracker.admin.policy import page
from tracker.admin.render import render
from tracker.admin.visit import Visit
from tracker.audit.store import list_entries
from tracker.audit.types import AuditEntry
from tracker.users import store as users

SEQ_DIGITS_MAX = 18  # a larger number is beyond 64 bits


async def audit_list(visit: Visit) -> Response:
    """List entries, filtered by object."""
    object_id = visit.query("object")
    typed = visit.query("before")
    before = int(typed) if typed.isascii() and typed.isdigit() and len(typed) <= SEQ_DIGITS_MAX else None

    def load(conn: Connection) -> tuple[list[AuditEntry], dict[str, str]]:
        entries = list_entries(conn, object_id=object_id or None, before_seq=before, limit=PAGE_SIZE + 1)
        people = {entry.actor.removeprefix("user:") for entry in entries if entry.actor.startswith("user:")}
        return entries, users.emails_of(conn, people)

    entries, people = await visit.db.read(load)
    pager: Pager[AuditEntry] = pager_of(entries, visit, key=lambda entry: str(entry.seq))
    return render(visit, "audit_list.html", pager=pager, people=people, object_id=object_id)


ROUTES = (page("/admin/audit", audit_list, permission="audit.view"),)
