"""Rule 8: one device registered several people."""

import pytest

from fraud_rules.rules.dup_device import DAY_MS, MINUTE_MS, RULE, Config
from fraud_rules.scoring import score

HOUR_MS = 3_600_000


@pytest.fixture(scope="session")
def judge_device(make_subject, make_facts):
    def judge(leads, *, config=None, **changes):
        facts = make_facts(make_subject(**{"device_key": "d1"} | changes), device_leads=tuple(leads))
        return RULE.evaluate(facts, config or Config())

    return judge


@pytest.fixture(scope="session")
def make_sitting(make_record, now_ms):
    """Other people of the device, so many minutes before the subject."""

    def make(*minutes, **changes):
        return [
            make_record(number, at_ms=now_ms - round(minute * MINUTE_MS), **changes)
            for number, minute in enumerate(minutes, start=1)
        ]

    return make


SPREAD = (100, 900, 1_000, 5_000, 12_000, 13_000, 30_000, 31_000)


@pytest.mark.parametrize(
    ("others", "factor_ppm"), [(1, 250_000), (2, 400_000), (3, 400_000), (4, 480_000), (8, 480_000)]
)
def test_people_hours_apart_are_a_note_however_many(judge_device, make_sitting, others, factor_ppm):
    (finding,) = judge_device(make_sitting(*SPREAD[:others]))

    assert finding.factor_ppm == factor_ppm
    assert score([finding]).points < 50
    assert finding.cluster_key == "device:d1"
    assert not finding.holds_compared
    assert finding.params["count"] == others + 1


@pytest.mark.parametrize(
    ("others", "factor_ppm"), [(1, 250_000), (2, 550_000), (3, 550_000), (4, 850_000), (30, 850_000)]
)
def test_one_sitting_is_a_case_from_three_people(judge_device, make_sitting, others, factor_ppm):
    minutes = [3 * n + n % 2 for n in range(1, others + 1)]

    (finding,) = judge_device(make_sitting(*minutes))

    assert finding.factor_ppm == factor_ppm
    assert finding.holds_compared is (others > 1)
    assert len(finding.compared) == others


@pytest.mark.parametrize(("minutes", "is_burst"), [((10, 20), True), ((11, 22), False), ((1, 60), False)])
def test_half_of_the_gaps_decide_what_a_sitting_is(judge_device, make_sitting, minutes, is_burst):
    (finding,) = judge_device(make_sitting(*minutes))

    assert finding.evidence["is_burst"] is is_burst


def test_owner_who_came_days_before_is_not_held_with_the_sitting(judge_device, make_sitting):
    (finding,) = judge_device(make_sitting(2, 4, 6, 8, 20_000))

    assert finding.holds_compared
    assert finding.compared == ("cnv_0001", "cnv_0002", "cnv_0003", "cnv_0004")


@pytest.mark.parametrize(
    ("hours", "factor_ppm"),
    [
        ((4, 8, 12, 16), 850_000),
        ((4, 8.2, 11.8, 16), 850_000),
        ((4, 5, 12, 16), 480_000),
        ((4, 8, 12), 400_000),
        ((5.99, 11.98, 17.97, 23.96), 850_000),
        ((6, 12, 18, 24), 480_000),
        ((24, 48, 72, 96), 480_000),
    ],
    ids=["clock", "nearly", "chance", "four", "below_six_hours", "six_hours", "once_a_day"],
)
def test_five_people_by_a_clock_are_a_case(judge_device, make_sitting, hours, factor_ppm):
    """Once a day is how people live; a clock of six hours and more is none."""
    (finding,) = judge_device(make_sitting(*[60 * hour for hour in hours]))

    assert finding.factor_ppm == factor_ppm
    assert finding.holds_compared is (factor_ppm == 850_000)


def test_sale_is_judged_by_when_its_person_registered(judge_device, make_sitting, make_record, now_ms):
    lead = {"conversion_id": "cnv_lead", "person_key": "email:ann@example.org", "at_ms": now_ms - 5 * DAY_MS}
    start = 5 * 1_440
    leads = [*make_sitting(start + 3, start + 6), make_record(9, **lead)]

    (finding,) = judge_device(leads, kind="sale", lead_id="cnv_lead")

    assert finding.factor_ppm == 550_000
    assert finding.compared == ("cnv_0001", "cnv_0002")


def test_family_at_one_computer_is_a_note(judge_device, make_sitting):
    leads = make_sitting(3, 6, 9, name="Otto Bergmann")

    (finding,) = judge_device(leads, name="Anna Bergmann")

    assert finding.factor_ppm == 240_000
    assert not finding.holds_compared


@pytest.mark.parametrize(
    "sign",
    [{"phone_key": "ph1"}, {"name": "Bergmann Anna"}, {"name": "Анна Бергманн"}],
    ids=["phone", "name", "script"],
)
def test_one_person_with_a_new_mailbox_is_forgiven(judge_device, make_sitting, sign):
    mine = {"phone_key": "ph1", "name": "Anna Bergmann"}

    (finding,) = judge_device(make_sitting(500, **sign), **mine)
    (three,) = judge_device(make_sitting(500, 900, **sign), **mine)

    assert not finding.fired
    assert three.fired


def test_five_of_one_surname_are_no_family_any_more(judge_device, make_sitting):
    (finding,) = judge_device(make_sitting(3, 6, 9, 12, name="Otto Bergmann"), name="Anna Bergmann")

    assert finding.factor_ppm == 850_000


@pytest.mark.parametrize("sign", [{"is_verified": True}, {"paid": True}], ids=["verified", "paid"])
def test_half_of_real_people_halve_the_factor(judge_device, make_sitting, sign):
    leads = make_sitting(3, 6, **sign) + make_sitting(9, 13, conversion_id="cnv_x")
    leads = [
        type(lead)(**{name: getattr(lead, name) for name in lead.__struct_fields__} | changes)
        for lead, changes in zip(
            leads, [{"payment_key": "a"}, {"payment_key": "b"}, {"person_key": "p8"}, {"person_key": "p9"}], strict=True
        )
    ]

    (unreal,) = judge_device(leads)
    (real,) = judge_device(leads, email_verified=True)

    assert unreal.factor_ppm == 850_000
    assert real.factor_ppm == 425_000


def test_one_card_proves_no_two_people(judge_device, make_sitting):
    (finding,) = judge_device(make_sitting(3, 6, 9, 12, paid=True, payment_key="a"))

    assert finding.factor_ppm == 850_000


def test_shop_tablet_with_real_customers_is_forgiven(judge_device, make_record, now_ms):
    leads = [make_record(n, at_ms=now_ms - n * DAY_MS, is_verified=n % 3 > 0) for n in range(1, 20)]

    (finding,) = judge_device(leads)

    assert not finding.fired
    assert finding.factor_ppm == 0
    assert not finding.holds_compared


@pytest.mark.parametrize(
    ("people", "days", "verified"),
    [(7, 9, True), (8, 3, True), (8, 9, False)],
    ids=["few", "one_week_end", "nobody_real"],
)
def test_tablet_needs_people_days_and_reality(judge_device, make_record, now_ms, people, days, verified):
    leads = [make_record(n, at_ms=now_ms - n * days * DAY_MS // people, is_verified=verified) for n in range(1, people)]

    (finding,) = judge_device(leads)

    assert finding.fired


def test_library_computer_over_weeks_is_a_note(judge_device, make_record, now_ms):
    leads = [make_record(n, at_ms=now_ms - n * n * 5 * HOUR_MS) for n in range(1, 20)]

    (finding,) = judge_device(leads)

    assert score([finding]).band == "note"


@pytest.mark.parametrize(
    "changes",
    [
        {"person_key": "email:ann@example.org"},
        {"person_key": None},
        {"source": "call-centre"},
        {"source": "import"},
        {"conversion_id": "cnv_me"},
    ],
    ids=["same_person", "nobody", "call_centre", "import", "itself"],
)
def test_rows_that_are_nobody_else_stay_silent(judge_device, make_sitting, changes):
    assert judge_device(make_sitting(2, 4, 6, **changes)) == []


def test_double_click_on_send_is_one_person(judge_device, make_sitting):
    (finding,) = judge_device(make_sitting(2, 3, 4, person_key="email:otto@example.org"))

    assert finding.evidence["people"] == 2


@pytest.mark.parametrize(("age_days", "fires"), [(90, True), (91, False)])
def test_only_ninety_days_count(judge_device, make_record, now_ms, age_days, fires):
    assert bool(judge_device([make_record(1, at_ms=now_ms - age_days * DAY_MS)])) is fires


@pytest.mark.parametrize("changes", [{"device_key": None}, {"person_key": None}, {"source": "import"}])
def test_subject_without_device_person_or_browser_stays_silent(judge_device, make_sitting, changes):
    assert judge_device(make_sitting(2, 4, 6), **changes) == []


def test_organic_subject_is_judged_and_missing_facts_stay_silent(judge_device, make_sitting, make_facts, make_subject):
    assert judge_device(make_sitting(2), partner_id=None)
    assert RULE.evaluate(make_facts(make_subject(device_key="d1"), device_leads=None), Config()) == []


def test_people_at_one_instant_are_a_sitting(judge_device, make_sitting):
    (finding,) = judge_device(make_sitting(0, 0, 0, 0))

    assert finding.factor_ppm == 850_000


def test_five_hundred_hostile_rows_never_raise(judge_device, make_record, now_ms):
    leads = [make_record(n, name="ы" * 10_000, at_ms=now_ms - n) for n in range(500)]

    (finding,) = judge_device(leads, name="ы" * 10_000)

    assert finding.evidence["people"] == 501
