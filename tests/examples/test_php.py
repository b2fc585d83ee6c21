"""The PHP of docs/install, run by PHP with stand-ins for WordPress and Bitrix, in front of a real `molva serve`."""

import http.client
import json
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow  # PHP is installed for these tests alone

STAND_INS = Path(__file__).parent / "php"


@pytest.fixture(scope="module")
def php() -> str:
    found = shutil.which("php")
    if found is None:
        pytest.fail("php is missing; install the package php-cli (Debian: apt-get install php-cli).", pytrace=False)
    return found


def settled(installation: Any, kind: str) -> list[dict[str, Any]]:
    return [item for item in installation.list("conversions") if item["kind"] == kind]


@pytest.fixture
def wordpress(installation: Any, block: Callable[..., str], php: str, tmp_path: Path) -> Callable[[int], list[str]]:
    """The command that serves a site whose only plugin is that of the page."""
    plugin = block("wordpress.md", "php")
    plugin = plugin.replace("https://molva.shop.example", installation.url)
    plugin = plugin.replace("pk_live_...", installation.key).replace("sk_live_...", installation.secret_key)
    (tmp_path / "molva.php").write_text(plugin)
    shutil.copyfile(STAND_INS / "wordpress.php", tmp_path / "index.php")
    return lambda port: [php, "-S", f"127.0.0.1:{port}", "-t", str(tmp_path), str(tmp_path / "index.php")]


def test_wordpress_plugin_answers_below_the_site(installation, serve, wordpress):
    visitor = installation.visitor(serve(wordpress))

    visitor.check("wordpress-click")
    page = visitor.ask("GET", "/")[2].decode()
    assert f'<script async src="/r/x.js" data-key="{installation.key}"></script>' in page
    assert installation.secret_key not in page


def test_paid_woocommerce_order_is_reported_with_its_click(installation, serve, wordpress):
    port = serve(wordpress)
    installation.visitor(port).check("woo-click")

    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    cookie = "1.woo-click.ANNA.t00000~woo-click.ANNA.t00000"
    connection.request("POST", "/stand-in/paid-order", headers={"Cookie": f"_mv={cookie}"})
    answer = connection.getresponse().read().decode()
    connection.close()

    assert answer == "[]"  # nothing is left to be tried again
    (sale,) = settled(installation, "sale")
    assert (sale["external_id"], sale["amount"], sale["currency"], sale["trust"]) == ("1001", 4990, "EUR", "verified")
    conversion = read(installation, sale["id"])
    assert conversion["attribution"]["via"] == "click_id"
    assert conversion["commissions"][0]["amount"] == 760  # 20 % of 49.90 without tax and shipping


def read(installation: Any, conversion_id: str) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", installation.port, timeout=20)
    key = {"Authorization": f"Bearer {installation.secret_key}"}
    try:
        for _ in range(100):
            connection.request("GET", f"/v1/conversions/{conversion_id}", headers=key)
            found = json.loads(connection.getresponse().read())
            if found["status"] != "received":
                return found
            time.sleep(0.05)
    finally:
        connection.close()
    raise AssertionError(f"{conversion_id} was not decided: {found}")


def test_bitrix_handlers_report_the_lead_and_the_paid_sale(installation, block, php, tmp_path):
    installation.visitor(installation.port).check("bitrix-click")
    code = block("bitrix.md", "php", 1).replace("https://molva.shop.example", installation.url)
    (tmp_path / "init.php").write_text(code.replace("sk_live_...", installation.secret_key))

    command = [php, str(STAND_INS / "bitrix.php"), str(tmp_path / "init.php")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.split() == ["202", "202"]
    assert [lead["external_id"] for lead in settled(installation, "lead")] == ["B-17"]
    sale = next(sale for sale in settled(installation, "sale") if sale["external_id"] == "B-17")
    assert (sale["amount"], sale["currency"]) == (250050, "EUR")
    # The sale itself carries no click; it inherits the lead's. 20 % of what is left without shipping.
    assert [line["amount"] for line in read(installation, sale["id"])["commissions"]] == [44010]


@pytest.mark.parametrize("number", [0, 1], ids=["tag", "orders"])
def test_bitrix_code_is_php(block, php, tmp_path, number):
    file = tmp_path / "code.php"
    file.write_text(block("bitrix.md", "php", number))

    done = subprocess.run([php, "-l", str(file)], capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 0, done.stdout
