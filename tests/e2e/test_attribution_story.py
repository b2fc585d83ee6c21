"""A model changed in the admin: looked at, published, felt by the next sale, explained, and every cent booked."""

import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser

CLI = [sys.executable, "-c", "from tracker.cli import main; main()"]
PERSON = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36"
COMMAND_S = 60
PASSWORD = "correct horse battery staple"


class Company:
    """An installation of its own with two partners: its command line, its API and its address."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.base_url = folder / "data", f"http://127.0.0.1:{port}"
        password = folder / "password"
        password.write_text(PASSWORD)
        self.facts = self.command(
            "init",
            *("--admin-email", "owner@shop.example", "--admin-password-file", str(password)),
            *("--base-url", self.base_url, "--program", "Friends", "--site", "https://shop.example"),
        )
        self.partners = {
            name: self.command(
                "partner",
                "add",
                "--program",
                self.facts["program_id"],
                "--name",
                name,
                "--email",
                f"{name}@mail.example",
            )
            for name in ("Anna", "Boris")
        }

    def command(self, *words: str) -> Any:
        """Run a command of `molva` and return what it says."""
        environment = os.environ | {"MOLVA_DATA_DIR": str(self.folder)}
        done = subprocess.run(
            [*CLI, *words, "--json"], capture_output=True, text=True, timeout=COMMAND_S, env=environment, check=False
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        request = urllib.request.Request(
            self.base_url + path,
            data=json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.facts['secret_key']}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.load(answer)

    def sell(self, number: str) -> Any:
        """A visit through Anna's link, a later one through Boris's, then a sale of 100.00."""
        for place, name in enumerate(("Anna", "Boris")):
            moment = datetime.now(UTC) - timedelta(hours=2 - place)
            self.post(
                "/v1/track/click",
                {
                    "click_id": f"{number}-{name}",
                    "visitor_id": f"{number}-Anna",
                    "partner_code": self.partners[name]["code"],
                    "occurred_at": f"{moment:%Y-%m-%dT%H:%M:%SZ}",
                    "user_agent": PERSON,
                },
            )
        sale = {"external_id": number, "amount": 10_000, "currency": "EUR", "visitor_id": f"{number}-Anna"}
        return self.post("/v1/track/sale?wait=true", sale)

    def shares(self, sold: Any) -> dict[str, str]:
        names = {partner["partner_id"]: name for name, partner in self.partners.items()}
        return {names[each["partner"]]: each["weight"] for each in sold["attribution"]["winner"]}


@pytest.fixture
def company(tmp_path: Path, until_ready: Callable[[str], None]) -> Iterator[Company]:
    with socket.socket() as chosen:
        chosen.bind(("127.0.0.1", 0))
        port = chosen.getsockname()[1]
    made = Company(tmp_path, port)
    served = [*CLI, "serve", "--data-dir", str(made.folder), "--port", str(port)]
    with subprocess.Popen(served, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            until_ready(f"{made.base_url}/readyz")
            yield made
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()


@pytest.mark.parametrize("has_script", [True, False], ids=["script", "no script"])
def test_a_model_is_looked_at_published_and_explained(company, browser, has_script):
    earlier = company.sell("order-1")
    assert company.shares(earlier) == {"Boris": "1"}
    context = browser.new_context(locale="en-GB", java_script_enabled=has_script)
    page = context.new_page()
    page.set_default_timeout(30_000)
    page.goto(f"{company.base_url}/admin/")
    page.fill("input[name=email]", "owner@shop.example")
    page.fill("input[name=password]", PASSWORD)
    page.click("button[type=submit]")
    page.wait_for_url("**/admin/**")

    # The form leads over the look back; nothing is published by looking.
    page.goto(f"{company.base_url}/admin/programs/{company.facts['program_id']}/terms")
    page.select_option("#model", "first_click")
    page.fill("#note", "Reward who came first")
    page.click("text=Publish, from now on")
    page.wait_for_selector("h1:has-text('What version 2 would have done')")
    told = page.inner_text("main")
    assert "−€100.00" in told or "-€100.00" in told
    assert "order-1" in told
    page.click("text=Back to the form")
    page.wait_for_selector("#model")
    assert page.input_value("#model") == "first_click"
    page.select_option("#model", "linear")
    page.click("button[value=preview]")
    page.wait_for_selector("h1:has-text('What version 2 would have done')")
    page.click("text=Publish version 2, from now on")
    page.wait_for_selector(".notice:has-text('Version 2 is in force')")

    # What came before stays; what comes now is shared.
    later = company.sell("order-2")
    assert company.shares(later) == {"Anna": "1/2", "Boris": "1/2"}
    done = company.command("attribution", "recompute")
    assert (done["decided"], done["changed"], done["locked"]) == (2, 0, 0)
    asked = company.command("attribution", "recompute", "--model", "first_click")
    assert (asked["changed"], asked["applied"]) == (2, False)

    page.goto(f"{company.base_url}/admin/conversions/{later['id']}")
    why = page.inner_text("section:has(#why-title)")
    for words in (
        "1/2 of the credit, €50.00",
        "Equal shares",
        "version 2",
        "With everything known at",
        "What would change",
    ):
        assert words in why, words
    page.click("text=The whole journey")
    page.wait_for_selector("h1:has-text('Journey')")
    assert page.locator("li.moment-click").count() == 2
    page.goto(f"{company.base_url}/admin/conversions/{earlier['id']}")
    assert "Last click" in page.inner_text("section:has(#why-title)")

    page.goto(f"{company.base_url}/admin/reports/models")
    assert "€150.00" in page.inner_text("main"), "Boris: the whole of one sale and half of the other"
    context.close()
    assert company.command("ledger", "verify")["ok"] is True
