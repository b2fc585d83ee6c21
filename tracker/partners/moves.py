"""The states of an enrollment and the only moves between them; pure.

The store asks before it writes, the pages ask which buttons to show. Nothing else decides about a status.
"""

from tracker.i18n.messages import InputError, msg
from tracker.partners.types import EnrollmentStatus
from tracker.users.types import Role

MOVES: dict[EnrollmentStatus, tuple[EnrollmentStatus, ...]] = {
    "invited": ("active", "declined"),
    "applied": ("active", "rejected"),
    "active": ("paused", "banned", "left"),
    "paused": ("active", "banned", "left"),
    "banned": ("active",),
    "left": (),
    "declined": (),
    "rejected": (),
}


def moves_for(status: EnrollmentStatus, role: Role) -> tuple[EnrollmentStatus, ...]:
    """Return where a person of a role may move an enrollment; only an owner lifts a ban."""
    return () if status == "banned" and role != "owner" else MOVES[status]


def check_move(status: EnrollmentStatus, target: EnrollmentStatus, *, role: Role) -> None:
    """Refuse a move the state machine does not know, or this role may not make."""
    if target not in MOVES[status]:
        raise InputError(
            "status",
            msg(
                'An enrollment cannot go from "%(status)s" to "%(target)s"; reload the page.',
                status=status,
                target=target,
            ),
        )
    if target not in moves_for(status, role):
        raise InputError("status", msg("Only an owner can lift a ban; ask one."))
