"""Pages that check an installation: the tag to paste, what the owner's page says, and the click that comes back.

The server reads the page once when the check starts; the person then opens the page in the own browser with a reserved
code, and the edge notes its click, which counts for nobody.
"""

from typing import Any

from sqlalchemy import Connection
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from ingest.install_check import make_check_code
from tracker.admin.forms import Form
from tracker.admin.policy import action, page
from tracker.admin.render import render
from tracker.admin.visit import Visit
from tracker.db.ids import IdError, canonical_id, new_id
from tracker.geo.places import geo_files_state
from tracker.i18n.messages import InputError, msg
from tracker.installation import store
from tracker.installation.judge import judge_click, judge_reading
from tracker.installation.markup import parameter_of
from tracker.installation.reading import KeyCheck, read_site
from tracker.installation.types import InstallCheck, KeyStanding, Line
from tracker.keys import store as keys
from tracker.keys.types import ApiKey
from tracker.programs import store as programs
from tracker.programs.origins import check_destination, host_of
from tracker.programs.types import Program
from tracker.settings import Settings
from tracker.snippet_tag import install_tag, script_url

PATH = "/admin/installation"
# One word for the whole, the worst tone first.
_TONES = ("bad", "wait", "good")


async def installation_page(visit: Visit) -> Response:
    """Show the tag of a program and the form that starts a check."""
    return await _start_page(visit, visit.query_id("program", "prg"), Form())


async def installation_check(visit: Visit) -> Response:
    """Read the page from here and keep what was found, for the person to open the page with the check's code."""
    form = visit.form
    program_id = _form_id(form, "program", "prg")
    known = await visit.db.read(lambda conn: _load_start(conn, program_id))
    program, sites = known["program"], known["sites"]
    if program is None:
        raise HTTPException(404)
    try:
        site, page_url = _wanted_page(form, sites)
    except InputError as error:
        return await _start_page(visit, program_id, form.refuse(error), status=422)
    settings = visit.services.settings
    reading = await read_site(
        page_url,
        hosts=frozenset(host_of(each) for each in sites),
        base_url=settings.base_url,
        script_url=script_url(settings),
        standing_of=_standings(known["all_keys"], program.program_id),
    )
    check = InstallCheck(
        check_id=new_id("chk", visit.now_ms),
        code=make_check_code(),
        program_id=program.program_id,
        site=site,
        page_url=page_url,
        # Reading took seconds; the time for the click begins now.
        started_at_ms=visit.services.now_ms(),
        reading=reading,
    )
    await visit.db.write(lambda conn: store.start_check(conn, check))
    return visit.redirect(f"{PATH}/{check.check_id}")


async def check_page(visit: Visit) -> Response:
    """Show what one check has found so far."""
    check = await _check(visit)
    known = await visit.db.read(lambda conn: _load_start(conn, check.program_id))
    settings = visit.services.settings
    read_lines = judge_reading(check, base_url=settings.base_url)
    click_lines = judge_click(
        check,
        standing=_standing_of_click(check, known["all_keys"]),
        has_looked=visit.query("looked") == "1",
        browser_objects=visit.request.headers.get("sec-gpc") == "1",
    )
    parameter = parameter_of(check.reading.page.tag, own=settings.url_parameters)
    mark = "&" if "?" in check.page_url else "?"
    return render(
        visit,
        "installation_check.html",
        check=check,
        program=known["program"],
        tag=_tag_of(known["tag_key"], settings),
        open_address=f"{check.page_url}{mark}{parameter}={check.code}",
        read_lines=read_lines,
        click_lines=click_lines,
        whole=_whole(read_lines, click_lines, check),
        is_open=visit.now_ms < check.started_at_ms + store.OPEN_MS,
        path_checked=check.page_url.removeprefix(check.site),
    )


async def check_state(visit: Visit) -> Response:
    """Tell the page's script whether the click has come; `seen_at_ms` is null until then."""
    check = await _check(visit)
    return JSONResponse({"seen_at_ms": check.seen_at_ms})


def _wanted_page(form: Form, sites: list[str]) -> tuple[str, str]:
    """Return the site and the address of the page to check; refuses everything that is not on a site of the program."""
    site, path = form.get("site"), form.get("page") or "/"
    if site not in sites:
        raise InputError("site", msg("Choose one of the program's sites."))
    if not path.startswith("/") or "#" in path:
        raise InputError("page", msg("Give a path that begins with a slash, such as /pricing."))
    return site, check_destination(site + path, origins=[site], field="page")


async def _check(visit: Visit) -> InstallCheck:
    check_id = visit.path_id("check_id", "chk")
    check = await visit.db.read(lambda conn: store.get_check(conn, check_id))
    if check is None:
        raise HTTPException(404)
    return check


async def _start_page(visit: Visit, program_id: str | None, form: Form, *, status: int = 200) -> Response:
    known = await visit.db.read(lambda conn: _load_start(conn, program_id))
    return render(
        visit,
        "installation.html",
        status=status,
        form=form,
        program=known["program"],
        programs=known["programs"],
        sites=known["sites"],
        tag=_tag_of(known["tag_key"], visit.services.settings),
        geo_files=geo_files_state(visit.services.enricher.networks, now_ms=visit.now_ms),
    )


def _load_start(conn: Connection, program_id: str | None) -> dict[str, Any]:
    """Return the programs, the chosen one (else the first) with its sites, and the keys."""
    offered = programs.list_programs(conn)
    program: Program | None
    if program_id is None:
        program = offered[0] if offered else None
    else:
        program = next((each for each in offered if each.program_id == program_id), None)
    all_keys = [key for key in keys.keys_in_force(conn) if key.kind == "publishable"]
    own = [key for key in all_keys if program is not None and key.program_id == program.program_id and key.livemode]
    return {
        "programs": offered,
        "program": program,
        "sites": programs.sites_of(conn, program.program_id) if program is not None else [],
        "all_keys": all_keys,
        # The newest, as on the program's page.
        "tag_key": own[-1].public_value if own else None,
    }


def _standings(known: list[ApiKey], program_id: str) -> KeyCheck:
    """Return the function that tells what a publishable key is to a program."""
    by_value = {key.public_value: key for key in known}

    def standing_of(value: str) -> KeyStanding:
        key = by_value.get(value)
        if key is None:
            return "unknown"
        if key.program_id != program_id:
            return "other_program"
        return "live" if key.livemode else "test"

    return standing_of


def _standing_of_click(check: InstallCheck, known: list[ApiKey]) -> KeyStanding | None:
    return None if check.sighting is None else _standings(known, check.program_id)(check.sighting.key)


def _whole(read_lines: list[Line], click_lines: list[Line], check: InstallCheck) -> str:
    """Return how the check stands as one word: bad, wait, good, or open while the page was not opened yet.

    A click that arrived proves the tag, whatever the server could read of the page.
    """
    is_proven = check.sighting is not None and bool(click_lines) and click_lines[0].tone == "good"
    lines = click_lines if is_proven else [*read_lines, *click_lines]
    worst = next((tone for tone in _TONES if any(line.tone == tone for line in lines)), "wait")
    return "open" if worst != "bad" and not click_lines else worst


def _tag_of(key: str | None, settings: Settings) -> str | None:
    """Return the tag to paste, None without a key."""
    return None if key is None else install_tag(settings, key=key)


def _form_id(form: Form, name: str, prefix: str) -> str:
    try:
        return canonical_id(prefix, form.get(name))
    except IdError as error:
        raise HTTPException(404) from error


ROUTES = (
    page(PATH, installation_page, permission="programs.view"),
    action(PATH, installation_check, permission="programs.edit"),
    page(f"{PATH}/{{check_id}}", check_page, permission="programs.view"),
    page(f"{PATH}/{{check_id}}/state", check_state, permission="programs.view"),
)
