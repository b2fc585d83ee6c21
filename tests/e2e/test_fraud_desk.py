"""Settings of a rule tried on the past, published and felt; an exception made out of a case; pages on every screen."""

import itertools
import json
import os
import re
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser

CLI = [sys.executable, "-c", "from tracker.cli import main; main()"]
ARTIFACTS = Path(__file__).parents[2] / "test-artifacts"
COMMAND_S = 60
PASSWORD = "correct horse battery staple"


class Company:
    """An installation of its own with partners who buy from themselves."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.base_url = folder / "data", f"http://127.0.0.1:{port}"
        self._orders = itertools.count(1)
        password = folder / "password"
        password.write_text(PASSWORD)
        self.facts = self.command(
            "init",
            *("--admin-email", "owner@shop.example", "--admin-password-file", str(password)),
            *("--base-url", self.base_url, "--program", "Friends", "--site", "https://shop.example"),
        )
        self.codes = {
            name: self.command(
                *("partner", "add", "--program", self.facts["program_id"]),
                *("--name", name, "--email", f"{name.lower()}@mail.example"),
            )["code"]
            for name in ("Anna", "Boris", "Clara")
        }

    def command(self, *words: str) -> Any:
        environment = os.environ | {"MOLVA_DATA_DIR": str(self.folder)}
        done = subprocess.run(
            [*CLI, *words, "--json"], capture_output=True, text=True, timeout=COMMAND_S, env=environment, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def own_purchase(self, name: str) -> Any:
        """A sale to the partner's own mailbox, decided."""
        body = {
            "external_id": f"order-{next(self._orders)}",
            "amount": 10_000,
            "currency": "EUR",
            "partner_code": self.codes[name],
            "customer": {"email": f"{name.lower()}@mail.example"},
        }
        request = urllib.request.Request(
            f"{self.base_url}/v1/track/sale?wait=true",
            data=json.dumps(body).encode(),
            headers={
                "Authorization": f"Bearer {self.facts['secret_key']}",
                "Content-Type": "application/json",
                "Idempotency-Key": body["external_id"],
            },
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory, until_ready: Callable[[str], None]) -> Iterator[Company]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    made = Company(tmp_path_factory.mktemp("company"), port)
    environment = os.environ | {"MOLVA_DATA_DIR": str(made.folder)}
    with subprocess.Popen([*CLI, "serve", "--port", str(port)], env=environment) as server:
        until_ready(f"{made.base_url}/readyz")
        yield made
        server.terminate()
        assert server.wait(20) == 0


@pytest.fixture(scope="module")
def owner(company: Company, browser: Any) -> Iterator[Any]:
    context = browser.new_context(locale="en-GB", viewport={"width": 1440, "height": 900})
    page = context.new_page()
    sign_in(page, f"{company.base_url}/admin/", "owner@shop.example", PASSWORD)
    yield page
    context.close()


def sign_in(page: Any, address: str, email: str, password: str) -> None:
    page.goto(address)
    page.fill("input[name=email]", email)
    page.fill("input[name=password]", password)
    page.click("button[type=submit]")
    page.wait_for_url("**/admin/**")


def test_an_exception_made_out_of_a_case_lets_the_next_sale_pass(company: Company, owner: Any) -> None:
    held = company.own_purchase("Anna")
    assert held["case_id"]

    owner.goto(f"{company.base_url}/admin/cases/{held['case_id']}")
    owner.click("text=Add to the allow list")
    assert owner.input_value("#partner") == company.codes["Anna"]
    assert owner.is_checked("input[name=rules][value=self_email]")
    owner.fill("#reason", "Anna buys for her customers, agreed on the phone")
    with owner.expect_navigation():
        owner.click("button:has-text('Add the entry')")

    assert owner.url.endswith(held["case_id"]), "back at the case, which waits for its verdict"
    passed = company.own_purchase("Anna")
    assert passed.get("case_id") is None
    owner.goto(f"{company.base_url}/admin/conversions/{passed['id']}")
    assert "forgiven" in owner.inner_text("main")
    owner.goto(f"{company.base_url}/admin/fraud/allow")
    assert "agreed on the phone" in owner.inner_text("main")


def test_settings_are_tried_on_the_past_published_and_felt_by_the_next_sale(company: Company, owner: Any) -> None:
    assert company.own_purchase("Boris")["case_id"]

    owner.goto(f"{company.base_url}/admin/")
    owner.click("nav >> text=Fraud")
    owner.click("table >> a[href$='rules/self_email']")
    owner.fill("#weight_ppm", "40")
    with owner.expect_navigation():
        owner.click("text=See what it would do")

    said = re.sub(r"\s+", " ", owner.inner_text("main"))
    assert "1 conversion would not be held that is." in said, "Anna's is allowed by now"
    assert re.search(r"In force 0\.1 1 1 €20\.00", said)
    owner.fill("#note", "Families buy here")
    with owner.expect_navigation():
        owner.click("button:has-text('Publish version 2')")

    assert "Version 2 is in force" in owner.inner_text("main")
    # Another of Boris's would join his open case: a note does.
    assert company.own_purchase("Clara").get("case_id") is None


@pytest.mark.parametrize("width", [360, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("language", ["en", "ru"])
def test_every_page_of_the_desk_fits_its_screen_and_breaks_no_policy(
    demo: dict[str, Any], browser: Any, api: Any, width: int, scheme: str, language: str
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, locale="ru-RU" if language == "ru" else "en-GB"
    )
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    sign_in(page, demo["admin_url"], demo["email"], demo["password"])
    set_language(page, demo, language)
    case_id = api.get("/v1/cases")["data"][0]["id"]
    ARTIFACTS.mkdir(exist_ok=True)

    def look(name: str) -> None:
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        assert page.evaluate("document.documentElement.lang") == language
        page.screenshot(path=ARTIFACTS / f"fraud-{name}_{width}_{scheme}_{language}.png", full_page=True)

    page.goto(f"{demo['admin_url']}fraud")
    look("rules")
    base = page.url
    page.goto(f"{base}/rules/same_ip_leads")
    look("rule")
    page.fill("#weight_ppm", "45")
    with page.expect_navigation():
        page.click("button[name=step]")
    look("preview")
    page.goto(f"{base}/line")
    look("line")
    page.fill("#weekly_cases", "2")
    with page.expect_navigation():
        page.click("button[name=step]")
    look("lines")
    page.goto(f"{demo['admin_url']}fraud/allow")
    look("allow")
    page.goto(f"{demo['admin_url']}fraud/allow/new?case={case_id}")
    look("allow-new")
    set_language(page, demo, "en")
    context.close()
    assert complaints == []


def set_language(page: Any, demo: dict[str, Any], language: str) -> None:
    page.goto(f"{demo['admin_url']}account")
    page.select_option("select[name=language]", language)
    page.click("form:has(select[name=language]) button[type=submit]")
