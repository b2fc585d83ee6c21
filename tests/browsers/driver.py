"""What a browser of this lane can do, the same for every engine, and how tests wait for it.

`chromium.py`, `firefox.py` and `webkit.py` fill it in; the fixtures hand it to the tests. It knows no page and no
server.
"""

import json
import time
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, NamedTuple

WAIT_S = 30.0  # generous: the machine of a check may be busy
START_S = 60.0  # a first start makes a profile
POLL_S = 0.05


class ScriptError(Exception):
    """An expression threw, or its page went away meanwhile."""


class Cookie(NamedTuple):
    """A cookie the current page would send; `expires_at_s` is None for one that ends with the browser."""

    name: str
    value: str
    domain: str
    is_secure: bool
    expires_at_s: float | None


class Session(ABC):
    """One person's fresh browser with one page; cookies and storage are its own."""

    @abstractmethod
    def goto(self, url: str) -> None:
        """Open an address and wait for its load event."""

    @abstractmethod
    def reload(self) -> None:
        """Load the page again and wait for its load event."""

    @abstractmethod
    def back(self) -> None:
        """Go one page back; the test waits for what it expects there."""

    @abstractmethod
    def click(self, selector: str) -> None:
        """Press and release the mouse on an element, as a person does."""

    @abstractmethod
    def cookies(self) -> list[Cookie]:
        """Return the cookies of the current page's address."""

    @abstractmethod
    def close(self) -> None:
        """End the session."""

    @abstractmethod
    def _run(self, expression: str) -> str:
        """Return the text an expression of JavaScript resolves to; raises ScriptError."""

    def evaluate(self, expression: str) -> Any:
        """Return what an expression gives, or what its promise resolves to, as JSON values; raises ScriptError."""
        return json.loads(self._run(f"Promise.resolve({expression}).then(value => JSON.stringify(value) || 'null')"))

    def fill(self, selector: str, text: str) -> None:
        """Put a text into a field, with the events typing has."""
        events = "for (const kind of ['input', 'change']) field.dispatchEvent(new Event(kind, { bubbles: true }))"
        found = f"const field = document.querySelector({json.dumps(selector)})"
        self.evaluate(f"(() => {{ {found}; field.value = {json.dumps(text)}; {events} }})()")

    def wait_for(self, expression: str) -> Any:
        """Wait until an expression is true on the current page, whichever that is by then; returns its value."""
        deadline = time.monotonic() + WAIT_S
        seen: Any = None
        while time.monotonic() < deadline:
            try:
                seen = self.evaluate(expression)
            except ScriptError as error:
                seen = error
            else:
                if seen:
                    return seen
            time.sleep(POLL_S)
        raise AssertionError(f"{expression} did not become true within {WAIT_S} s; last: {seen!r}")


class Browser(ABC):
    """A started browser."""

    name: str

    @abstractmethod
    def new_session(self) -> Session:
        """Return a fresh session."""

    @abstractmethod
    def close(self) -> None:
        """End the browser and everything it started."""


class Launch(NamedTuple):
    """How a browser starts: its folder, the proxy that leads to the local sites, and what its owner switched."""

    folder: Path
    proxy: str  # host:port
    cookies: bool = True  # False: the person refuses all cookies and site data
    gpc: bool = False  # True: Global Privacy Control; Firefox alone has the switch


def missing(what: str, package: str) -> str:
    """Return the message for a browser that is not installed."""
    return f"{what} is missing; install the Debian package {package} (make test-browsers does)."
