"""Which role may do what: one declared table; pure.

Every admin route names the permission it needs, and the tests generate the matrix of routes and roles from
both.
"""

from tracker.users.types import Role

_EVERYONE: frozenset[Role] = frozenset({"owner", "admin", "manager", "reviewer", "finance", "viewer"})
_HEADS: frozenset[Role] = frozenset({"owner", "admin"})
_MANAGERS: frozenset[Role] = _HEADS | {"manager"}
_REVIEWERS: frozenset[Role] = _MANAGERS | {"reviewer"}
_MONEY: frozenset[Role] = _HEADS | {"finance"}

# A permission is "area.verb"; view is never wider than the pages a role can make sense of.
PERMISSIONS: dict[str, frozenset[Role]] = {
    "overview.view": _EVERYONE,
    "programs.view": _EVERYONE,
    "programs.edit": _HEADS,
    "keys.edit": _HEADS,
    "partners.view": _EVERYONE,
    "partners.edit": _MANAGERS,
    # Lifting a ban needs a reason as well; the state machine asks for it.
    "partners.lift_ban": frozenset({"owner"}),
    "conversions.view": _EVERYONE,
    "conversions.edit": _MANAGERS,
    "events.view": _EVERYONE,
    "events.edit": _MANAGERS,
    "reports.view": _EVERYONE,
    "cases.view": _EVERYONE,
    "cases.decide": _REVIEWERS,
    # To pause or ban over a case changes the partner too, as partners.edit does.
    "cases.sanction": _MANAGERS,
    # Many at once, without a page for each.
    "cases.bulk": _MANAGERS,
    "ledger.view": _EVERYONE,
    "ledger.edit": _MONEY,
    "users.view": _HEADS,
    "users.edit": _HEADS,
    # Giving out or erasing one person's data.
    "privacy.edit": _HEADS,
    "audit.view": _HEADS | {"reviewer", "finance"},
    "account.edit": _EVERYONE,
}


def is_allowed(role: Role, permission: str) -> bool:
    """Tell whether a role holds a permission.

    An undeclared permission is a mistake in the code and raises KeyError.
    """
    return role in PERMISSIONS[permission]


def may_manage(actor: Role, target: Role) -> bool:
    """Tell whether a person may create, change or disable people of a role: only owners touch owners and admins."""
    return actor == "owner" or (actor == "admin" and target not in _HEADS)
