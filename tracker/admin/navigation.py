"""The menu of the staff pages: one list, in the order shown. A page joins it in the commit that builds the page."""

from typing import NamedTuple

from tracker.i18n.messages import mark


class MenuItem(NamedTuple):
    """One entry: where it leads, what it says, who sees it, its icon and its group."""

    path: str
    label: str
    permission: str
    icon: str
    group: str


MENU: tuple[MenuItem, ...] = (
    MenuItem("/admin/", mark("Overview"), "overview.view", "overview", mark("Work")),
    MenuItem("/admin/cases", mark("Cases"), "cases.view", "cases", mark("Work")),
    MenuItem("/admin/fraud", mark("Fraud"), "cases.view", "fraud", mark("Work")),
    MenuItem("/admin/conversions", mark("Conversions"), "conversions.view", "conversions", mark("Work")),
    MenuItem("/admin/clicks", mark("Clicks"), "conversions.view", "clicks", mark("Work")),
    MenuItem("/admin/events", mark("Refused events"), "events.view", "events", mark("Work")),
    MenuItem("/admin/ledger", mark("Ledger"), "ledger.view", "ledger", mark("Work")),
    MenuItem("/admin/reports/models", mark("Models compared"), "reports.view", "reports", mark("Work")),
    MenuItem("/admin/programs", mark("Programs"), "programs.view", "programs", mark("Work")),
    MenuItem("/admin/partners", mark("Partners"), "partners.view", "partners", mark("Work")),
    MenuItem("/admin/links", mark("Links"), "partners.view", "links", mark("Work")),
    MenuItem("/admin/installation", mark("Installation"), "programs.view", "installation", mark("House")),
    MenuItem("/admin/users", mark("People"), "users.view", "people", mark("House")),
    MenuItem("/admin/audit", mark("Audit trail"), "audit.view", "audit", mark("House")),
)
