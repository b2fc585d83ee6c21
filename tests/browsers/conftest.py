"""Real browsers, a real `molva serve` and a handful of sites between them.

`TEST_BROWSERS` names the browsers, separated by commas (chromium, firefox, webkit); Chromium alone when it is unset.
A browser that is asked for and missing is a failure, never a skip.
"""

import os
import uuid
from collections.abc import Callable, Iterator

import pytest

from .chromium import Chromium
from .driver import Browser, Launch, Session
from .firefox import Firefox
from .installation import Installation
from .sites import Sites
from .webkit import Webkit

BROWSERS: dict[str, Callable[[Launch], Browser]] = {"chromium": Chromium, "firefox": Firefox, "webkit": Webkit}


def wanted_browsers() -> list[str]:
    names = [name.strip() for name in os.environ.get("TEST_BROWSERS", "chromium").split(",") if name.strip()]
    for name in names:
        if name not in BROWSERS:
            raise pytest.UsageError(f'TEST_BROWSERS names "{name}"; there are {", ".join(BROWSERS)}.')
    return names


# What only one browser can do is tried with that one.
collect_ignore = [f"test_{name}.py" for name in BROWSERS if name not in wanted_browsers()]


@pytest.fixture(scope="session")
def running_molva(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    made = Installation(tmp_path_factory.mktemp("molva") / "data")
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="session")
def running_sites(running_molva: Installation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sites]:
    sites = Sites(tmp_path_factory.mktemp("sites"), running_molva.port, running_molva.publishable_key)
    sites.start()
    yield sites
    sites.stop()


@pytest.fixture(scope="module", params=wanted_browsers())
def browser_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def launch(running_sites: Sites, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Launch]:
    """Say how a browser starts: each time with a fresh folder."""

    def fresh(**switched: bool) -> Launch:
        return Launch(folder=tmp_path_factory.mktemp("browser") / "profile", proxy=running_sites.proxy, **switched)

    return fresh


@pytest.fixture(scope="module")
def start_browser(browser_name: str) -> Callable[[Launch], Browser]:
    return BROWSERS[browser_name]


@pytest.fixture(scope="module")
def browser(start_browser: Callable[[Launch], Browser], launch: Callable[..., Launch]) -> Iterator[Browser]:
    """A browser for one module, as people have it."""
    started = start_browser(launch())
    yield started
    started.close()


@pytest.fixture
def molva(running_molva: Installation) -> Installation:
    """The server; its lists hold this test's events alone."""
    running_molva.forget()
    return running_molva


@pytest.fixture
def order() -> str:
    """An order number nobody used before: all browsers report to one program."""
    return f"O-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def sites(running_sites: Sites) -> Sites:
    running_sites.reset()
    return running_sites


@pytest.fixture
def session(browser: Browser, sites: Sites) -> Iterator[Session]:
    """A person's fresh browser, whose last page must stay free of errors: the snippet never throws into its host."""
    made = browser.new_session()
    try:
        yield made
        # A page that is just being left cannot be asked; the one that follows can.
        assert made.wait_for("JSON.stringify(window.errors || [])") == "[]"
    finally:
        made.close()
