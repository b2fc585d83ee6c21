"""Browser claims: never payable until a verified report confirms them, never in the way of one."""

import json
import time
from typing import Any

from sqlalchemy import select

from ingest.signatures import sign
from tracker.audit.tables import audit_entries
from tracker.conversions.store import get_conversion
from tracker.keys.make import signing_bytes


def claim(world: Any, order: str, **fields: Any) -> Any:
    return world.browser({"t": "sale", "o": order, "m": 10_000, "y": "EUR", **fields})


def outcome(world: Any, conversion_id: str) -> Any:
    """The conversion once it is decided."""
    from tracker.conversions.process import process_conversion  # noqa: PLC0415

    world.run(process_conversion(world.services, conversion_id))
    return world.api("GET", f"/v1/conversions/{conversion_id}").json()


def test_p24_a_claim_is_attributed_and_never_pays(shared_world) -> None:
    click = shared_world.click()
    answer = claim(shared_world, shared_world.number("order"), c=click, w=click)
    assert answer.status_code == 200

    shown = outcome(shared_world, answer.json()["id"])

    assert (shown["trust"], shown["status"], shown["commissions"]) == ("unverified", "attributed", [])
    assert shown["attribution"]["winner"][0]["partner"] == shared_world.anna.partner_id


def test_the_servers_report_confirms_it_amount_wins_and_click_stays(shared_world) -> None:
    world = shared_world
    click, order = world.click(), world.number("order")
    claimed = claim(world, order, c=click, w=click, m=99_999_999).json()["id"]
    assert outcome(world, claimed)["commissions"] == []

    sold = world.track("sale", world.sale(external_id=order)).json()

    assert sold["id"] == claimed
    assert (sold["trust"], sold["amount"], sold["status"]) == ("verified", 10_000, "accepted")
    assert [line["amount"] for line in sold["commissions"]] == [2_000]
    assert sold["attribution"]["winner"][0]["touch"] == f"clk_{click}"
    query = select(audit_entries).where(audit_entries.c.action == "conversion.confirmed")
    entry = next(row for row in world.read(lambda conn: conn.execute(query).all()) if row.object_id == claimed)
    assert (entry.before["amount_minor"], entry.after["amount_minor"]) == (99_999_999, 10_000)
    assert entry.before["trust"] == "unverified"


def test_what_the_server_says_replaces_what_the_browser_said(shared_world) -> None:
    world = shared_world
    world.add_partner("Boris", "BORIS" + world.number("")[-6:].upper())
    order, click = world.number("order"), world.click()
    claim(world, order, c="someone-elses", q="NOBODY", x="forged")

    sold = world.track("sale", world.sale(external_id=order, click_id=click, customer={"external_id": "real"})).json()

    row = world.read(lambda conn: get_conversion(conn, sold["id"]))
    assert (row.click_id, row.promo_code) == (click, "NOBODY")
    assert [line["amount"] for line in sold["commissions"]] == [2_000]


def test_a_claim_after_the_verified_report_changes_nothing(shared_world) -> None:
    order = shared_world.number("order")
    sold = shared_world.track("sale", shared_world.sale(external_id=order, promo_code="ANNA")).json()

    for amount in (10_000, 1, 10**13):
        answer = claim(shared_world, order, m=amount)
        assert answer.status_code == 200

    assert shared_world.api("GET", f"/v1/conversions/{sold['id']}").json() == sold


def test_another_claim_of_the_same_number_does_not_conflict(shared_world) -> None:
    order = shared_world.number("order")
    ids = {claim(shared_world, order, m=amount).json()["id"] for amount in (1, 1, 2)}

    assert len(ids) == 1
    assert shared_world.api("GET", f"/v1/conversions/{ids.pop()}").json()["amount"] == 1


def test_p25_a_signed_claim_pays_at_once_and_is_idempotent(shared_world) -> None:
    world = shared_world
    click = world.click()
    event = {
        "k": world.keys["publishable", True], "t": "sale", "c": click, "w": click, "o": world.number("order"),
        "m": 10_000, "y": "EUR",
    }  # fmt: skip
    secret = signing_bytes(world.keys["signing", True])

    def signed(body: bytes, key: bytes = secret) -> dict[str, str]:
        stamp = str(int(time.time()))
        signature = sign(key, message_id="msg_1", timestamp=stamp, content=body)
        return {"webhook-id": "msg_1", "webhook-timestamp": stamp, "webhook-signature": signature}

    body = json.dumps(event).encode()
    answers = [world.browser(body, headers=signed(body)) for _ in range(2)]
    assert [answer.json()["trust"] for answer in answers] == ["verified", "verified"]
    assert len({answer.json()["id"] for answer in answers}) == 1
    shown = outcome(world, answers[0].json()["id"])
    assert [line["amount"] for line in shown["commissions"]] == [2_000]

    changed = json.dumps(event | {"m": 20_000}).encode()
    assert world.browser(changed, headers=signed(body)).status_code == 401
    assert world.browser(changed, headers=signed(changed)).status_code == 409
    wrong_mode = signed(body, signing_bytes(world.keys["signing", False]))
    assert world.browser(body, headers=wrong_mode).status_code == 401


def test_a_refund_of_a_claim_waits_until_it_is_confirmed(world) -> None:
    order = world.number("order")
    claim(world, order, q="ANNA")
    report = {"external_id": world.number("refund"), "refund_of": order, "amount": 10_000, "currency": "EUR"}
    back = world.track("refund", report).json()
    assert (back["status"], back["commissions"]) == ("received", [])

    sold = world.track("sale", world.sale(external_id=order)).json()

    shown = outcome(world, back["id"])
    assert [line["amount"] for line in shown["commissions"]] == [-2_000]
    assert world.api("GET", f"/v1/conversions/{sold['id']}").json()["status"] == "refunded"


def test_a_claim_binds_no_customer_and_links_no_browser(shared_world) -> None:
    world = shared_world
    click, customer = world.click(), world.number("customer")
    claim(world, world.number("order"), c=click, w=click, x=customer)

    sold = world.track("sale", world.sale(customer={"external_id": customer})).json()

    assert sold["commissions"] == []
