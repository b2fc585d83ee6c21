"""P22: an amount nobody means is refused at every verified door, by the field's name, and kept; it makes no row."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from sqlalchemy import func, select

from ingest.signatures import sign
from tracker.conversions.tables import conversions
from tracker.keys.make import signing_bytes
from tracker.quarantine.store import list_events

SITE = "https://shop.example"

# JSON literals, as they stand in a body; forms and queries carry their text.
WRONG = {
    "nan": "NaN", "infinite": "Infinity", "minus-infinite": "-Infinity", "1e400": "1e400", "negative": "-1",
    "beyond-64-bit": str(2**63), "exponent": '"1e3"', "full-width": '"１９"', "too-exact": '"0.001"',
    "thousands": '"1,000"', "flag": "true", "list": "[1]", "object": "{}", "beyond-limit": str(10**13 + 1),
}  # fmt: skip
CURRENCIES = {"unknown": "XXX", "no-currency": "EURO", "digits": "978", "full-width": "ＥＵＲ"}


def by_api(world: Any, number: str, amount: str, currency: str) -> Any:
    body = f'{{"external_id": "{number}", "amount": {amount}, "currency": {json.dumps(currency)}}}'
    return world.track("sale", body.encode(), wait=False)


def by_signature(world: Any, number: str, amount: str, currency: str) -> Any:
    key = world.keys["publishable", True]
    body = f'{{"k": "{key}", "t": "sale", "o": "{number}", "m": {amount}, "y": {json.dumps(currency)}}}'.encode()
    timestamp = str(world.services.now_ms() // 1000)
    signature = sign(signing_bytes(world.keys["signing", True]), message_id="m", timestamp=timestamp, content=body)
    headers = {"webhook-id": "m", "webhook-timestamp": timestamp, "webhook-signature": signature, "Origin": SITE}
    return world.request("POST", "/r/e", content=body, headers=headers)


def by_form(world: Any, number: str, amount: str, currency: str) -> Any:
    text = amount.strip('"')
    fields = {"click_id": "a", "status": "sale", "txid": number, "amount": text, "currency": currency}
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    path = f"/r/pb/{world.keys['postback', True]}"
    return world.request("POST", path, content=urlencode(fields).encode(), headers=headers)


def by_json(world: Any, number: str, amount: str, currency: str) -> Any:
    body = f'{{"click_id": "a", "status": "sale", "txid": "{number}", "amount": {amount}'
    body += f', "currency": {json.dumps(currency)}}}'
    path = f"/r/pb/{world.keys['postback', True]}"
    return world.request("POST", path, content=body.encode(), headers={"Content-Type": "application/json"})


# Each door with its names of the two fields.
DOORS = {
    "api": (by_api, "amount", "currency"),
    "signed": (by_signature, "m", "y"),
    "form": (by_form, "amount", "currency"),
    "json": (by_json, "amount", "currency"),
}


@pytest.fixture(scope="module", autouse=True)
def _postback_key(shared_world: Any) -> None:
    made = shared_world.write(
        lambda conn: shared_world.make_key(conn, shared_world.program_id, "postback", livemode=True)
    )
    shared_world.keys["postback", True] = made.value
    shared_world.run(shared_world.services.refresh())


def check_refused(world: Any, number: str, answer: Any, field: str) -> None:
    assert answer.status_code == 422, answer.text
    assert [error["field"] for error in answer.json()["errors"]] == [field], answer.text
    rows = select(func.count()).where(conversions.c.external_id == number)
    assert world.read(lambda conn: conn.execute(rows).scalar_one()) == 0
    kept = [event for event in world.read(list_events) if number.encode() in event.payload]
    assert [type(event.payload) for event in kept] == [bytes]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("case", WRONG)
def test_p22_a_wrong_amount_is_refused_by_name_and_kept(shared_world, door: str, case: str) -> None:
    send, field, _ = DOORS[door]
    number = shared_world.number("wrong")

    check_refused(shared_world, number, send(shared_world, number, WRONG[case], "EUR"), field)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("case", CURRENCIES)
def test_p22_a_wrong_currency_is_refused_by_name_and_kept(shared_world, door: str, case: str) -> None:
    send, _, field = DOORS[door]
    number = shared_world.number("wrong")

    check_refused(shared_world, number, send(shared_world, number, "100", CURRENCIES[case]), field)
