"""Cases over the API: a shop's own programs may judge what a reviewer could."""

from typing import Any

import msgspec
import pytest

from fraud_rules.engine import Judgement
from fraud_rules.rules import refund_abuse
from fraud_rules.scoring import score
from tracker.cases.partner_opening import open_partner_case
from tracker.commands import create_key
from tracker.programs.defaults import default_settings
from tracker.programs.store import create_program, publish_version

HOST = "198.51.100.77"
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
VERDICT = {"verdict": "fraud", "action": "reject", "reason_code": "self_referral", "public_text": ""}


def suspicious_lead(world: Any) -> dict[str, Any]:
    """A sale to the partner's own mailbox, which rule self_email reports."""
    body = world.sale(promo_code="ANNA", customer={"email": "anna@partners.example"}, ip=HOST, user_agent=AGENT)
    return world.track("sale", body).json()


def test_a_suspicious_sale_is_held_by_a_case(world) -> None:
    held = suspicious_lead(world)
    assert held["status"] == "in_review"
    assert {line["status"] for line in held["commissions"]} == {"frozen"}

    [case] = world.api("GET", "/v1/cases").json()["data"]
    assert case["id"] == held["case_id"]
    assert world.api("GET", "/v1/cases?filter[status]=open").json()["data"] == [case]
    assert world.api("GET", "/v1/cases?filter[status]=decided").json()["data"] == []
    assert world.api("GET", f"/v1/cases?starting_after={case['id']}").json()["data"] == []

    view = world.api("GET", f"/v1/cases/{case['id']}").json()
    assert [one["id"] for one in view["conversions"]] == [held["id"]]
    assert view["commissions"][0]["status"] == "frozen"
    assert any(finding["rule"] == "self_email" and finding["sentence"] for finding in view["findings"])


@pytest.mark.parametrize(
    ("action", "reason", "status", "balance"),
    [("clear", "legitimate", "accepted", 2_000), ("reject", "self_referral", "rejected", 0)],
)
def test_a_verdict_settles_the_money(world, action: str, reason: str, status: str, balance: int) -> None:
    held = suspicious_lead(world)
    body = VERDICT | {
        "verdict": "legitimate" if action == "clear" else "fraud",
        "action": action,
        "reason_code": reason,
    }
    headers = {"Idempotency-Key": "verdict-1"}

    first = world.api("POST", f"/v1/cases/{held['case_id']}/verdict", json=body, headers=headers)
    again = world.api("POST", f"/v1/cases/{held['case_id']}/verdict", json=body, headers=headers)

    assert (first.status_code, first.json()["status"]) == (200, "decided")
    assert again.json() == first.json()
    assert world.api("POST", f"/v1/cases/{held['case_id']}/verdict", json=body).status_code == 409
    shown = world.api("GET", f"/v1/conversions/{held['id']}").json()
    assert shown["status"] == status
    assert sum(line["amount"] for line in shown["commissions"]) == balance
    assert not any(line["status"] == "frozen" for line in shown["commissions"])
    [verdict] = world.api("GET", f"/v1/cases/{held['case_id']}").json()["verdicts"]
    assert (verdict["action"], bool(verdict["public_text"])) == (action, True)


def test_a_rejected_sale_stays_rejected_when_told_again_or_refunded(world) -> None:
    held = suspicious_lead(world)
    world.api("POST", f"/v1/cases/{held['case_id']}/verdict", json=VERDICT)

    report = {"external_id": "r1", "refund_of": held["external_id"], "amount": 10_000, "currency": "EUR"}
    assert world.track("refund", report).json()["commissions"] == []
    assert world.api("GET", f"/v1/conversions/{held['id']}").json()["status"] == "rejected"


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"verdict": "guilty"}, "verdict"),
        ({"action": "burn"}, "action"),
        ({"reason_code": "whim"}, "reason_code"),
        ({"public_text": "x" * 1001}, "public_text"),
        ({"note": "x" * 1001}, "note"),
        ({"deciding_finding": "fnd_x"}, "deciding_finding"),
        ({"status": "decided"}, "status"),
        ({"actor": "me"}, "actor"),
        ({"verdict": None}, "verdict"),
    ],
)
def test_p32_a_verdict_outside_its_lists_is_refused_by_name(world, change: dict, field: str) -> None:
    held = suspicious_lead(world)

    answer = world.api("POST", f"/v1/cases/{held['case_id']}/verdict", json=VERDICT | change)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert world.api("GET", f"/v1/cases/{held['case_id']}").json()["status"] == "open"


def test_p31_another_programs_or_modes_case_is_404(world) -> None:
    held = suspicious_lead(world)
    other = world.write(
        lambda conn: create_program(
            conn,
            name="Other",
            currency="EUR",
            time_zone="UTC",
            settings=default_settings(),
            sites=(),
            actor="test",
            now_ms=world.services.now_ms(),
        )
    )
    key = world.run(create_key(world.services, {"program": other.program_id, "kind": "secret"}))["value"]

    for options in ({"key": key}, {"test": True}):
        assert world.api("GET", f"/v1/cases/{held['case_id']}", **options).status_code == 404
        assert world.api("GET", f"/v1/cases?starting_after={held['case_id']}", **options).status_code == 404
        assert world.api("GET", "/v1/cases", **options).json()["data"] == []
        answer = world.api("POST", f"/v1/cases/{held['case_id']}/verdict", json=VERDICT, **options)
        assert answer.status_code == 404


@pytest.mark.parametrize("case_id", ["cas_" + "0" * 32, "cas_x", "%00", "cnv_" + "0" * 32])
def test_an_unknown_case_is_404(shared_world, case_id: str) -> None:
    assert shared_world.api("GET", f"/v1/cases/{case_id}").status_code == 404
    assert shared_world.api("POST", f"/v1/cases/{case_id}/verdict", json=VERDICT).status_code == 404


@pytest.mark.parametrize(
    ("action", "status", "partner"),
    [
        ("ask", "waiting_partner", None),
        ("hold", "claimed", None),
        ("pause", "decided", "paused"),
        ("ban", "decided", "banned"),
    ],
)
def test_every_action_of_the_page_is_there(world, action: str, status: str, partner: str | None) -> None:
    held = suspicious_lead(world)
    verdict = "unsure" if action in {"ask", "hold"} else "policy"
    body = VERDICT | {"verdict": verdict, "action": action, "reason_code": "other"}
    if action in {"ask", "hold"}:
        body["days"] = 30

    answer = world.api("POST", f"/v1/cases/{held['case_id']}/verdict", json=body)

    assert (answer.status_code, answer.json()["status"]) == (200, status)
    assert answer.json()["enrollment_status"] == partner
    view = world.api("GET", f"/v1/cases/{held['case_id']}").json()
    assert bool(view["postponed_until"]) is (partner is None)
    assert [one["action"] for one in view["verdicts"]] == [action]
    assert (view["messages"], view["proposal"]) == ([], None)


@pytest.mark.parametrize("days", [0, 91, "7"])
def test_days_of_ask_and_hold_go_from_one_to_ninety(world, days: Any) -> None:
    held = suspicious_lead(world)
    body = VERDICT | {"verdict": "unsure", "action": "hold", "reason_code": "more_time", "days": days}

    answer = world.api("POST", f"/v1/cases/{held['case_id']}/verdict", json=body)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.json()["errors"]] == ["days"]


def test_over_the_programs_limit_the_answer_is_202_and_nothing_moves(world) -> None:
    settings = msgspec.structs.replace(default_settings(), four_eyes_minor=1_999)
    world.write(
        lambda conn: publish_version(
            conn,
            program_id=world.program_id,
            settings=settings,
            note="",
            actor="test",
            now_ms=world.services.now_ms(),
        )
    )
    held = suspicious_lead(world)

    answer = world.api("POST", f"/v1/cases/{held['case_id']}/verdict", json=VERDICT)

    assert answer.status_code == 202
    assert answer.json()["proposal"]["amounts"] == {"EUR": 2_000}
    view = world.api("GET", f"/v1/cases/{held['case_id']}").json()
    assert view["proposal"] == answer.json()["proposal"]
    assert {line["status"] for line in view["commissions"]} == {"frozen"}
    assert world.api("POST", f"/v1/cases/{held['case_id']}/verdict", json=VERDICT).status_code == 409


def test_what_was_found_about_a_partner_is_read_with_the_conversions_it_speaks_of(world) -> None:
    bodies = [world.sale(external_id=f"A-{number}", promo_code="ANNA") for number in range(3)]
    sales = [world.track("sale", body).json()["id"] for body in bodies]
    finding = refund_abuse.RULE.find(
        message="Many sales came back.",
        params={},
        weight_ppm=650_000,
        evidence={"kind": "rate", "refunds": 3, "sales": 3},
        compared=set(sales),
        holds_compared=True,
        clears_when="The goods were broken.",
    )
    opened = world.write(
        lambda conn: open_partner_case(
            conn,
            program_id=world.program_id,
            enrollment_id=world.anna.enrollment_id,
            livemode=True,
            judgement=Judgement(findings=(finding,), suppressed=(), errors=(), score=score([finding])),
            now_ms=world.services.now_ms(),
            actor="system:nightly",
        )
    )

    view = world.api("GET", f"/v1/cases/{opened.case_id}").json()

    [shown] = [one for one in view["findings"] if one["rule"] == "refund_abuse"]
    assert (shown["conversion_id"], shown["sentence"]) == (None, "Many sales came back.")
    assert (shown["speaks_of"], shown["speaks_of_count"]) == (sorted(sales), 3)
    assert {one["id"] for one in view["conversions"]} == set(sales)
    body = VERDICT | {"reason_code": "other", "deciding_finding": shown["id"]}
    answer = world.api("POST", f"/v1/cases/{opened.case_id}/verdict", json=body)
    assert answer.status_code == 200, answer.text
