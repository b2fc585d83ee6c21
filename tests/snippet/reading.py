"""What the browser tests read of a page and its browser: the cookie, the record, the referral."""

import re
import time
from typing import Any

from playwright.sync_api import BrowserContext, Page

ID = r"[\w-]{22}"
WITHIN_S = 30  # generous: the machine of a check may be busy
STATE = re.compile(rf"1\.({ID})\.([^.~]+)\.([0-9a-z]+)~({ID})\.([^.~]+)\.([0-9a-z]+)")


def cookie_of(context: BrowserContext, name: str = "_mv") -> dict[str, Any] | None:
    """The browser's own record of a cookie, once it is there: what a page writes is stored a moment later."""
    for page in context.pages:
        page.evaluate("() => document.cookie")  # Answered after what the page wrote before.
    deadline = time.monotonic() + WITHIN_S
    while True:
        found = [cookie for cookie in context.cookies() if cookie["name"] == name]
        assert len(found) <= 1
        if found or time.monotonic() > deadline:
            return dict(found[0]) if found else None
        time.sleep(0.05)


def state_of(context: BrowserContext) -> list[str]:
    cookie = cookie_of(context)
    assert cookie is not None
    match = STATE.fullmatch(cookie["value"])
    assert match is not None, cookie["value"]
    return list(match.groups())


def referral(page: Page) -> Any:
    return page.evaluate("() => molva.ready()")


def record(page: Page) -> dict[str, Any]:
    """What the snippet keeps in localStorage: r the referral, q what waits, d the cookie's domain, o the opt-out."""
    return page.evaluate("() => JSON.parse(localStorage.getItem('_mv')) || { r: {}, q: {} }")


def base36(number: int) -> str:
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    return base36(number // 36) + digits[number % 36] if number >= 36 else digits[number]
