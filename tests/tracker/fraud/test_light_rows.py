"""What happened, read in bulk: the same conversions, clicks, sign-ins and refunds that judging one by one sees."""

import msgspec
import pytest
from sqlalchemy import update

from fraud_rules.history.facts import facts_of
from fraud_rules.history.program import PartnerCard, RefundRecord
from fraud_rules.types import ClickFacts, Subject
from ingest.address_keys import COMPARED_MS
from tracker.conversions.tables import conversions
from tracker.fraud.light_rows import _Keys, load_history, load_rows
from tracker.partners.tables import enrollments

DAY_MS = 86_400_000
CUSTOMER = {"external_id": "c-1", "email": "i.petrov@gmail.com", "phone": "+7 912 345-67-89", "name": "Ivan Petrov"}


def rows_of(world, *, livemode=True, days=1, **changes):
    now_ms = world.services.now_ms()
    span = {"from_ms": now_ms - days * DAY_MS, "to_ms": now_ms + 1000} | changes
    return world.read(lambda conn: load_rows(conn, world.program_id, livemode=livemode, **span))


def of_kind(rows, kind):
    return [each for each in rows.happenings if isinstance(each, kind)]


def test_a_customers_way_is_read_with_click_customer_lead_and_refund(world):
    click_id = world.click()
    lead = world.track(
        "lead", {"external_id": "lead-1", "click_id": click_id, "customer": CUSTOMER, "ip": "198.51.100.4"}
    )
    sale = world.track("sale", world.sale(external_id="A-1", lead_id="lead-1", customer=CUSTOMER)).json()
    world.track("refund", {"external_id": "R-1", "refund_of": "A-1", "amount": 400, "currency": "EUR"})

    rows = rows_of(world)

    first, second = of_kind(rows, Subject)
    assert (first.conversion_id, first.kind, first.partner_id) == (lead.json()["id"], "lead", world.anna.enrollment_id)
    assert (first.click.click_id, first.click_at_ms) == (click_id, first.click.at_ms)
    assert (first.email_key, first.phone_key) == ("ipetrov@gmail.com", "+79123456789")
    assert first.host_key
    assert (second.conversion_id, second.lead_id, second.amount_minor) == (sale["id"], first.conversion_id, 10_000)
    assert [each.sale_id for each in of_kind(rows, RefundRecord)] == [sale["id"]]
    assert [each.partner_id for each in of_kind(rows, PartnerCard)] == [world.anna.enrollment_id]
    assert [each.click_id for each in of_kind(rows, ClickFacts)] == [click_id]
    assert (rows.conversions, rows.is_cut) == (2, False)


def test_a_conversion_read_in_bulk_is_the_one_that_is_judged(world, facts_of):
    click_id = world.click()
    told = {"customer": CUSTOMER | {"phone": "030 1234567", "country": "DE", "is_new": False}, "ip": "198.51.100.4"}
    lead = world.track("lead", {"external_id": "lead-1", "click_id": click_id, "metadata": {"source": "kiosk"}} | told)
    sale = world.track("sale", world.sale(external_id="A-1", lead_id="lead-1", click_id=click_id, **told))
    world.track("lead", {"external_id": "lead-2", "partner_code": "ANNA", "customer": {"phone": "8 912 345 67 89"}})
    world.settle()

    for subject in of_kind(rows_of(world), Subject):
        judged = facts_of(subject.conversion_id).subject
        assert (judged.lead_id == "lead-1") == (subject.conversion_id == sale.json()["id"])
        assert subject.lead_id == (None if judged.lead_id is None else lead.json()["id"])
        # Findings of the server call a mailbox by its first customer, so that they keep no address.
        named = {"lead_id": subject.lead_id, "email_key": subject.email_key}
        assert msgspec.structs.asdict(subject) == msgspec.structs.asdict(msgspec.structs.replace(judged, **named))


def test_history_answers_what_the_rules_ask(world):
    for number in range(3):
        body = {"external_id": f"lead-{number}", "partner_code": "ANNA", "ip": "198.51.100.4"}
        world.track("lead", body | {"customer": {"email": f"person{number}@mail.example"}})
    now_ms = world.services.now_ms()

    past = world.read(
        lambda conn: load_history(conn, world.program_id, livemode=True, from_ms=now_ms - DAY_MS, to_ms=now_ms + 1000)
    )

    newest = list(past.conversions.values())[-1]
    assert len(facts_of(newest, past).host_leads) == 2


def test_payments_and_what_browsers_say_are_read_from_their_columns(world):
    paid = {"metadata": {"payment_fingerprint": "card-1"}}
    first = world.track("sale", world.sale(external_id="A-1", customer=CUSTOMER) | paid).json()["id"]
    world.track("sale", world.sale(external_id="A-2", customer=CUSTOMER))
    told = {"platform": "Windows", "has_language": False, "http_version": "1.1"}
    with_signs = conversions.c.conversion_id == first
    world.write(lambda conn: conn.execute(update(conversions).where(with_signs).values(signs=told)))
    world.write(lambda conn: conn.execute(update(enrollments).values(payment_key="own-key")))

    rows = rows_of(world)

    one, other = of_kind(rows, Subject)
    assert one.payment_key
    assert (one.signs.platform, one.signs.has_language, one.signs.http_version) == ("Windows", False, "1.1")
    assert (other.payment_key, other.signs) == (None, None)
    assert [card.payment_keys for card in of_kind(rows, PartnerCard)] == [("own-key",)]


def test_modes_spans_and_limits_are_kept_apart(world):
    for number in range(3):
        world.track("lead", {"external_id": f"live-{number}", "partner_code": "ANNA"})
    world.track("lead", {"external_id": "test-1", "partner_code": "ANNA"}, test=True)

    assert rows_of(world).conversions == 3
    assert rows_of(world, livemode=False).conversions == 1
    assert rows_of(world, to_ms=1, from_ms=0).conversions == 0
    cut = rows_of(world, limit=2)
    assert (cut.conversions, cut.is_cut) == (2, True)
    kept = [each.conversion_id for each in of_kind(cut, Subject)]
    assert kept == [each.conversion_id for each in of_kind(rows_of(world), Subject)][-2:], "the newest are kept"


class Row:
    def __init__(self, host, after=None):
        self.host_key, self.next_host_key, self.net_key, self.next_net_key = host, after, None, None


@pytest.mark.parametrize("order", [1, -1])
def test_one_host_on_both_sides_of_an_epoch_has_one_name(order):
    old, new = Row(b"old", b"new"), Row(b"new")

    keys = _Keys([old, new, Row(b"other")][::order])

    assert keys.host(old) == keys.host(new) != keys.host(Row(b"other"))
    assert COMPARED_MS == 30 * DAY_MS
