"""Allow list entries and whom they cover."""

import itertools

import pytest

from fraud_rules.allow import AllowEntry, covers, find_entry


@pytest.fixture
def make_entry():
    def make(**changes):
        return AllowEntry(**{"id": "alw_1", "rules": ("self_email",)} | changes)

    return make


@pytest.mark.parametrize(
    ("condition", "covered"),
    [
        ({"partner_id": "prt_1"}, True),
        ({"partner_id": "prt_2"}, False),
        ({"network_key": "h1"}, True),
        ({"network_key": "n1"}, True),
        ({"network_key": "h2"}, False),
        ({"email_domain": "example.org"}, True),
        ({"email_domain": "example.net"}, False),
        ({"visitor_id": "v1"}, True),
        ({"visitor_id": "v2"}, False),
        ({"partner_id": "prt_1", "network_key": "h1"}, True),
        ({"partner_id": "prt_1", "network_key": "h2"}, False),
        ({}, False),
    ],
    ids=[
        "partner",
        "other_partner",
        "host",
        "neighbourhood",
        "other_host",
        "domain",
        "other_domain",
        "browser",
        "other_browser",
        "both",
        "one_of_both",
        "no_condition",
    ],
)
def test_entry_covers_where_every_condition_holds(make_entry, make_subject, condition, covered):
    assert covers(make_entry(**condition), make_subject(visitor_id="v1")) is covered


@pytest.mark.parametrize(
    ("starts", "ends", "covered"),
    [(0, 0, True), (-1, 1, True), (1, 2, False), (-2, -1, False), (0, None, True), (None, -1, False)],
    ids=["instant", "inside", "before", "after", "open_end", "open_start"],
)
def test_event_window_includes_both_ends(make_entry, make_subject, now_ms, starts, ends, covered):
    entry = make_entry(
        starts_at_ms=None if starts is None else now_ms + starts,
        ends_at_ms=None if ends is None else now_ms + ends,
    )

    assert covers(entry, make_subject(at_ms=now_ms + 99)) is covered


def test_entry_ends_at_its_expiry(make_entry, make_subject, now_ms):
    entry = make_entry(partner_id="prt_1", expires_at_ms=now_ms)

    assert covers(entry, make_subject(at_ms=now_ms - 1))
    assert not covers(entry, make_subject(at_ms=now_ms))


def test_domain_is_compared_in_its_canonical_form(make_entry, make_subject):
    assert covers(make_entry(email_domain="gmail.com"), make_subject(email="a@GoogleMail.com"))
    assert not covers(make_entry(email_domain="gmail.com"), make_subject(email=None))


def test_missing_fact_never_meets_a_condition(make_entry, make_subject):
    subject = make_subject(host_key=None, net_key=None, visitor_id=None, partner_id=None)

    assert not covers(make_entry(network_key="h1"), subject)
    assert not covers(make_entry(visitor_id="v1"), subject)
    assert not covers(make_entry(partner_id="prt_1"), subject)


def test_entry_suppresses_only_the_rules_it_names(make_entry, make_subject, make_finding):
    entry = make_entry(partner_id="prt_1", rules=("self_network",))

    assert find_entry(make_finding(rule="self_email"), make_subject(), entries=[entry]) is None
    assert find_entry(make_finding(rule="self_network"), make_subject(), entries=[entry]) == entry


def test_of_several_entries_the_smallest_id_is_named(make_entry, make_subject, make_finding):
    entries = [make_entry(id=f"alw_{n}", partner_id="prt_1") for n in (3, 1, 2)]

    for order in itertools.permutations(entries):
        assert find_entry(make_finding(), make_subject(), entries=order).id == "alw_1"
