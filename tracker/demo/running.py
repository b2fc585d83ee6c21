"""`molva demo`: a fresh installation with demo data and the demo shop, on loopback, gone when it ends."""

import importlib.util
import json
import shutil
import tempfile
from functools import partial
from pathlib import Path
from types import ModuleType

import msgspec
from sqlalchemy import Connection

from tracker.app import create_app
from tracker.demo.world import DAYS, add_partners, make_world, play
from tracker.fraud.night_store import NightRow
from tracker.fraud.nightly import FIRST_HOUR, judge_night
from tracker.fraud.upkeep import look_after_rules
from tracker.instants import DAY_MS
from tracker.keys import store as keys
from tracker.programs import store as programs
from tracker.programs.defaults import default_settings
from tracker.services import Services, open_services
from tracker.serving import serve_services, uvicorn_config
from tracker.settings import SettingsError, write_secret
from tracker.snippet_tag import script_url
from tracker.users import store as users
from tracker.users.passwords import hash_password, new_password

OWNER = "owner@demo.example"
ACTOR = "system:demo"
CURRENCY = "EUR"
HOLD_DAYS = 14  # shorter than a first program's 30, so that the demo's month shows payable money too
HOUR_MS = 3_600_000
CHUNK = 20  # reports a transaction: the demo starts fast and yields to requests

# Beside the package in an installation, in examples/ in a checkout.
_SHOP_PLACES = (Path(__file__).parent / "shop", Path(__file__).parents[2] / "examples" / "shop")


async def run_demo(*, port: int, as_json: bool) -> None:
    """Make the demo, print its addresses, serve until a signal, remove it."""
    data_dir = Path(tempfile.mkdtemp(prefix="molva-demo-"))
    try:
        write_secret(data_dir)
        base_url, shop_url = f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port + 1}"
        (data_dir / "molva.toml").write_text(f"base_url = {json.dumps(base_url)}\n")
        services = await open_services(data_dir)
        facts = await make_demo(services, shop_url=shop_url)
        shop = load_shop()
        config = shop.ShopConfig(
            molva_url=base_url,
            script_url=script_url(services.settings),
            publishable_key=facts["publishable_key"],
            secret_key=facts["secret_key"],
            currency=CURRENCY,
        )
        shown = {"admin_url": f"{base_url}/admin/", "shop_url": f"{shop_url}/", **facts}
        print(json.dumps(shown) if as_json else describe(shown), flush=True)
        await serve_services(
            services,
            [
                uvicorn_config(create_app(services), host="127.0.0.1", port=port),
                uvicorn_config(shop.create_app(config), host="127.0.0.1", port=port + 1),
            ],
        )
    finally:
        shutil.rmtree(data_dir, ignore_errors=True)


async def make_demo(services: Services, *, shop_url: str) -> dict[str, str]:
    """Fill an empty installation with the demo and return what a person needs to try it."""
    now_ms = services.now_ms()
    began_ms = now_ms - 2 * DAYS * DAY_MS
    password = new_password()
    hashed = await hash_password(password)

    def fill(conn: Connection) -> dict[str, str]:
        users.add_user(
            conn, email=OWNER, role="owner", password_hash=hashed, language="en", now_ms=began_ms, actor=ACTOR
        )
        program = programs.create_program(
            conn,
            name="Demo shop partners",
            currency=CURRENCY,
            time_zone="UTC",
            settings=msgspec.structs.replace(default_settings(), hold_days=HOLD_DAYS),
            sites=(shop_url,),
            actor=ACTOR,
            now_ms=began_ms,
        )
        made = {"program_id": program.program_id}
        for kind in ("publishable", "secret"):
            key = keys.create_key(
                conn,
                program_id=program.program_id,
                kind=kind,
                livemode=True,
                scopes=(),
                secret=services.secret,
                actor=ACTOR,
                now_ms=began_ms,
            )
            made[f"{kind}_key"] = key.value
        return made

    facts = await services.db.write(fill)
    added = await services.db.write(lambda conn: add_partners(conn, facts["program_id"], now_ms=began_ms))
    await services.refresh()
    world = make_world(facts["program_id"], added, shop_url=shop_url, currency=CURRENCY, now_ms=now_ms)
    await services.db.inbox.append(world.clicks)
    await services.project()
    for start in range(0, len(world.happenings), CHUNK):
        chunk = world.happenings[start : start + CHUNK]
        await services.db.write(partial(play, happenings=chunk, enricher=services.enricher))
    await _live_through_a_night(services, facts["program_id"])
    link = f"{services.settings.base_url}{services.settings.public_prefix}/to/{added[0].slug}"
    return facts | {"email": OWNER, "password": password, "partner_link": link}


async def _live_through_a_night(services: Services, program_id: str) -> None:
    """Do once what a background does by night: judge partners as a whole, draw random checks."""
    program = await services.db.read(lambda conn: programs.get_program(conn, program_id))
    if program is None:
        raise LookupError(f"The demo's program {program_id} is gone.")
    now_ms = services.now_ms()
    # The newest night that is over: the regular one then finds nothing new.
    night = NightRow(
        program_id=program_id, livemode=True, day=(now_ms - FIRST_HOUR * HOUR_MS) // DAY_MS, started_at_ms=now_ms
    )
    await judge_night(services, program, night)
    await look_after_rules(services)


def load_shop() -> ModuleType:
    """Return the demo shop's module; raises SettingsError where it was not installed."""
    for place in _SHOP_PLACES:
        if (place / "shop.py").is_file():
            spec = importlib.util.spec_from_file_location("molva_demo_shop", place / "shop.py")
            if spec is None or spec.loader is None:
                break
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            return module
    raise SettingsError("The demo shop is not part of this installation; run the demo from a checkout: make demo.")


def describe(shown: dict[str, str]) -> str:
    """Return what a person needs to try the demo."""
    return "\n".join(
        (
            "Molva is running with demo data; Ctrl-C ends it and removes everything.",
            "",
            f"  Admin pages   {shown['admin_url']}",
            f"  Sign in as    {shown['email']}",
            f"  Password      {shown['password']}",
            f"  Demo shop     {shown['shop_url']}",
            f"  Partner link  {shown['partner_link']}",
            "",
            "Follow the partner link, buy something, and watch it appear under Conversions.",
        )
    )
