"""The pages of refused events in front of the whole application, so that taking one again is real."""

import json
import re
from html import unescape
from typing import Any

import pytest

from tracker.quarantine import store
from tracker.quarantine.types import QuarantinedEvent
from tracker.users.passwords import hash_now
from tracker.users.store import add_user

PASSWORD = "correct horse battery"
BASE = "https://go.shop.example"
HOSTILE = "<script>alert(1)</script>"


class Staff:
    """Somebody signed in."""

    def __init__(self, world: Any, role: str) -> None:
        self.world = world
        self.http = world.client(follow_redirects=True)
        now_ms = world.services.now_ms()
        email = f"{role}@example.com"
        world.write(
            lambda conn: add_user(
                conn,
                email=email,
                role=role,
                password_hash=hash_now(PASSWORD),
                language="en",
                now_ms=now_ms,
                actor="cli",
            )
        )
        page = self.post("/login", token_at="/login", email=email, password=PASSWORD)
        assert page.status_code == 200, page.text

    def get(self, path: str) -> Any:
        return self.world.run(self.http.get(path))

    def post(self, path: str, *, token_at: str = "/admin/account", **fields: str) -> Any:
        token = re.search(r'name="csrf_token" value="([^"]+)"', self.get(token_at).text)
        assert token, token_at
        form = {"csrf_token": token[1], **fields}
        return self.world.run(self.http.post(path, data=form, headers={"Origin": BASE}))


@pytest.fixture
def staff(world: Any) -> Staff:
    return Staff(world, "manager")


def newest(world: Any) -> QuarantinedEvent:
    return world.read(store.list_events)[0]


def refuse(world: Any, **changes: Any) -> QuarantinedEvent:
    world.track("sale", world.sale(amount=-1, **changes))
    return newest(world)


def test_the_list_counts_by_door_and_cause_and_filters(world, staff) -> None:
    refuse(world)
    world.browser({"t": "refund"})
    world.track("lead", b"{")

    everything, sales = staff.get("/admin/events").text, staff.get("/admin/events?door=track_sale").text

    for words in ("A field is wrong", "It is no JSON", "Lead from a server", "Event from a browser"):
        assert words in everything
    rows = re.findall(r'<a href="/admin/events/evt_', sales)
    assert len(re.findall(r'<a href="/admin/events/evt_', everything)) == 3
    assert len(rows) == 1
    assert "Nothing fits" in staff.get("/admin/events?verdict=discarded").text
    assert "Nothing fits" in staff.get("/admin/events?cause=conflict").text
    assert "Nothing waits" in staff.get("/admin/events?mode=test").text


def test_the_page_shows_the_cause_in_plain_words_and_the_payload_escaped(world, staff) -> None:
    event = refuse(world, promo_code=HOSTILE)

    page = staff.get(f"/admin/events/{event.event_id}").text

    assert "A field is wrong" in page
    assert "amount" in page
    assert HOSTILE not in page
    assert f'"promo_code": "{HOSTILE}"' in unescape(page)
    assert "Correct the field the cause names" in page


def test_a_corrected_event_counts_and_says_what_it_is_now(world, staff) -> None:
    event = refuse(world)
    body = json.loads(event.payload) | {"amount": 500}

    page = staff.post(f"/admin/events/{event.event_id}/replay", payload=json.dumps(body, indent=2))

    assert page.status_code == 200
    assert "Taken: the event counts" in page.text
    result_id = newest(world).result_id
    assert f'href="/admin/conversions/{result_id}"' in page.text
    assert "Refused event taken" in page.text
    assert "manager@example.com" in page.text
    assert 'name="payload"' not in page.text, "What is taken cannot be taken again."
    shown = world.api("GET", f"/v1/conversions/{result_id}").json()
    assert (shown["amount"], shown["external_id"]) == (500, body["external_id"])


def test_what_is_still_wrong_comes_back_with_the_new_cause_and_what_was_typed(world, staff) -> None:
    event = refuse(world)
    body = json.loads(event.payload) | {"amount": 500, "currency": "ZZZ"}

    page = staff.post(f"/admin/events/{event.event_id}/replay", payload=json.dumps(body))

    assert page.status_code == 422
    assert "ZZZ" in unescape(page.text)
    assert 'aria-invalid="true"' in page.text
    assert newest(world).verdict == "quarantined"


def test_an_event_is_taken_as_it_is_once_the_reason_is_gone(world, staff) -> None:
    world.track("sale", json.dumps(world.sale()).encode(), headers={"Content-Type": "text/plain"})

    page = staff.post(f"/admin/events/{newest(world).event_id}/replay")

    assert "Taken: the event counts" in page.text
    assert newest(world).corrected is None


def test_an_event_is_given_up_only_with_a_reason_and_once(world, staff) -> None:
    event = refuse(world)
    path = f"/admin/events/{event.event_id}/discard"

    assert staff.post(path, reason=" ").status_code == 422
    page = staff.post(path, reason="A test of the shop.")
    again = staff.post(path, reason="Again.")

    assert "A test of the shop." in page.text
    assert "Given up" in page.text
    assert again.status_code == 409
    assert "Somebody was quicker" in again.text
    assert newest(world).judge_reason == "A test of the shop."


def test_who_may_not_correct_sees_the_cause_but_not_what_was_sent(world) -> None:
    event = refuse(world, customer={"email": "secret@customers.example"})
    viewer = Staff(world, "viewer")

    page = viewer.get(f"/admin/events/{event.event_id}").text
    refused = viewer.post(f"/admin/events/{event.event_id}/replay")

    assert "A field is wrong" in page
    assert "secret@customers.example" not in page
    assert refused.status_code == 403
    assert newest(world).verdict == "quarantined"


def test_bytes_that_are_no_text_and_long_bodies_have_a_page(world, staff) -> None:
    world.track("sale", b"\xff\xfe\x00raw")
    assert staff.get(f"/admin/events/{newest(world).event_id}").status_code == 200

    world.track("sale", b'{"a": "' + b"x" * 100_000)
    page = staff.get(f"/admin/events/{newest(world).event_id}").text
    assert "Only the first 65,536 are kept." in page
    assert "too long to be corrected here" in page


def test_the_overview_says_how_many_wait_and_leads_there(world, staff) -> None:
    event = refuse(world)

    page = staff.get("/admin/").text

    assert f'href="/admin/events/{event.event_id}"' in page
    assert 'href="/admin/events"' in page
    assert "A field is wrong" in page


def test_no_form_or_script_is_written_by_a_payload(world, staff) -> None:
    world.track("sale", b'</textarea><form action="https://evil.example">' + HOSTILE.encode())
    page = staff.get(f"/admin/events/{newest(world).event_id}").text

    assert "</textarea><form" not in page
    assert HOSTILE not in page


def test_an_unknown_event_is_no_page(staff) -> None:
    assert staff.get("/admin/events/evt_" + "0" * 32).status_code == 404
    assert staff.get("/admin/events/nonsense").status_code == 404
