"""What is given out about one person: everything, and nothing of anybody else."""

import msgspec
import pytest

from tracker.privacy.export import export_person
from tracker.privacy.types import Asked


@pytest.fixture
def export(world):
    def exported(**asked):
        return msgspec.to_builtins(world.run(export_person(world.services, Asked(**asked))))

    return exported


def test_a_customer_gets_everything_of_their_own(planted, export):
    given = export(email=planted.email.upper())
    text = msgspec.json.encode(given).decode()

    assert {text_: text_.casefold() in text.casefold() for text_ in planted.texts} == dict.fromkeys(planted.texts, True)
    assert {row["external_id"] for row in given["conversions"]} >= {planted.own["order"]}
    # As the claim knew them, as the sale did, and under a second number.
    assert len(given["customers"]) == 3
    assert [click["click_id"] for click in given["clicks"]] == [planted.visitor]
    assert given["clicks"][0]["user_agent"] == planted.agent
    assert [click["address"] for click in given["clicks_as_received"]] == [planted.address]
    assert [event["name"] for event in given["custom_events"]] == ["newsletter"]
    assert len(given["refused_events"]) == 1


def test_a_customer_gets_nothing_of_others(planted, export):
    text = msgspec.json.encode(export(email=planted.email)).decode()

    others = ("other@elsewhere.example", "Otto Other", planted.other["order"], "anna@partners.example", "OtherBrowser")
    assert [other for other in others if other in text] == []


def test_a_partner_gets_the_statement_and_no_customer(world, planted, export):
    given = export(partner=world.anna.partner_id)
    text = msgspec.json.encode(given).decode()

    assert given["partner"]["email"] == "anna@partners.example"
    (enrollment,) = given["partner"]["enrollments"]
    assert enrollment["code"] == "ANNA"
    assert enrollment["links"]
    assert sum(line["amount_minor"] for line in enrollment["statement"]) > 0
    assert given["customers"] == given["conversions"] == []
    for customer in (planted.email.lower(), "Quandtmeier", "Otto Other", planted.own["order"]):
        assert customer.casefold() not in text.casefold()


def test_a_browser_gets_its_clicks_without_the_customer(planted, export):
    given = export(visitor=planted.visitor)

    assert [click["click_id"] for click in given["clicks"]] == [planted.visitor]
    assert given["customers"] == []
    assert "Quandtmeier" not in msgspec.json.encode(given).decode()
