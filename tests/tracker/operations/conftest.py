"""An installation in a folder of its own, with a click, a credited sale and an audit trail in it."""

import asyncio
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tracker.app import create_app
from tracker.commands import COMMANDS
from tracker.installing import Wanted, install
from tracker.services import open_services

SITE = "https://shop.example"
CHROME = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
)


class Installation:
    """A data folder and the values `init` made."""

    def __init__(self, data_dir: Path, facts: dict[str, Any]) -> None:
        self.data_dir = data_dir
        self.facts = facts

    def write_settings(self, **values: Any) -> None:
        """Put settings beside those `init` wrote."""
        with (self.data_dir / "molva.toml").open("a") as file:
            file.writelines(f"{name} = {json.dumps(value)}\n" for name, value in values.items())

    def add_partner(self) -> dict[str, Any]:
        params = {"program": self.facts["program_id"], "name": "Anna", "email": "anna@p.example", "code": "ANNA"}

        async def add() -> dict[str, Any]:
            services = await open_services(self.data_dir)
            try:
                return await COMMANDS["partner add"](services, params)
            finally:
                await services.close()

        return asyncio.run(add())

    def ask(self, requests: Callable[[httpx2.AsyncClient, Any], Any]) -> Any:
        """Run requests against the started application of this folder."""

        async def run() -> Any:
            services = await open_services(self.data_dir)
            app = create_app(services)
            async with app.running():
                transport = httpx2.ASGITransport(app=app, client=("203.0.113.9", 50_000))
                async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
                    return await requests(client, services)

        return asyncio.run(run())

    def live_through_a_sale(self, click_id: str = "click-1") -> None:
        """A click of Anna's code and the sale it leads to."""

        async def requests(client: httpx2.AsyncClient, _services: Any) -> None:
            event = {
                "v": 1,
                "t": "click",
                "k": self.facts["publishable_key"],
                "i": click_id,
                "c": click_id,
                "r": "ANNA",
            }
            headers = {"Origin": SITE, "User-Agent": CHROME, "Content-Type": "text/plain"}
            clicked = await client.post("/r/e", json=event, headers=headers)
            assert (clicked.status_code, clicked.json()["c"]) == (200, click_id)
            sale = {"external_id": f"order-{click_id}", "amount": 10_000, "currency": "EUR", "click_id": click_id}
            bearer = {"Authorization": f"Bearer {self.facts['secret_key']}"}
            sold = await client.post("/v1/track/sale?wait=true", json=sale, headers=bearer)
            assert sold.status_code == 200, sold.text

        self.ask(requests)


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Installation]:
    """A fresh installation with a partner, and one that lived through a sale; tests work on copies."""
    wanted = Wanted(
        data_dir=tmp_path_factory.mktemp("operations") / "data",
        base_url="http://127.0.0.1:8000",
        admin_email="owner@shop.example",
        admin_password=None,
        program="Shop",
        sites=(SITE,),
        currency="EUR",
    )
    fresh = Installation(wanted.data_dir, asyncio.run(install(wanted)))
    fresh.add_partner()
    used = copied(fresh, wanted.data_dir.with_name("used"))
    used.live_through_a_sale()
    return {"fresh": fresh, "used": used}


def copied(made: Installation, data_dir: Path) -> Installation:
    shutil.copytree(made.data_dir, data_dir, copy_function=shutil.copy)
    data_dir.chmod(0o700)
    return Installation(data_dir, made.facts)


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("MOLVA_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def installation(templates: dict[str, Installation], tmp_path: Path) -> Installation:
    return copied(templates["fresh"], tmp_path / "data")


@pytest.fixture
def used(templates: dict[str, Installation], tmp_path: Path) -> Installation:
    return copied(templates["used"], tmp_path / "data")
