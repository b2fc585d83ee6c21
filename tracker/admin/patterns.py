"""The page that shows every part of the design: badges, tables, forms, charts. Designers and tests look here."""

from starlette.responses import Response

from tracker.admin.forms import Form
from tracker.admin.policy import page
from tracker.admin.render import render
from tracker.admin.visit import Visit
from tracker.i18n.messages import mark, msg
from tracker.installation.types import Line
from tracker.instants import DAY_MS


async def patterns_page(visit: Visit) -> Response:
    """Show every part."""
    form = Form([("name", "Maria"), ("email", "maria@"), ("status", "active"), ("on", "on")])
    form.errors["email"] = msg('"%(value)s" is not an e-mail address; write it like name@example.com.', value="maria@")
    days = [visit.now_ms - back * DAY_MS for back in range(6, -1, -1)]
    clicks, sales = (128, 164, 151, 209, 240, 198, 276), (3, 5, 4, 9, 8, 6, 12)
    series = list(zip(days, clicks, sales, strict=True))
    good, bad = msg("It worked, and this is what happens next."), msg("It did not work: the cause, and the remedy.")
    lines = [
        Line(tone="good", title=mark("Page"), text=good),
        Line(tone="wait", title=mark("Cookie"), text=good, remedy=msg("Check the path.")),
        Line(tone="bad", title=mark("Click"), text=bad, remedy=msg("Open the page again.")),
        Line(tone="quiet", title=mark("Hosting"), text=good),
    ]
    return render(visit, "patterns.html", form=form, now_ms=visit.now_ms, series=series, lines=lines)


ROUTES = (page("/admin/patterns", patterns_page, permission="account.edit"),)
