"""Rule 28: customers made after a pattern."""

import random
import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud_rules.partner_facts import PartnerFacts
from fraud_rules.rules.templated_identities import DAY_MS, RULE, Config

# Twelve people nobody made up: the rest of a partner's week.
PEOPLE = (
    *("olga.sazonova", "d.bergmann", "kalinka_m", "sergey.voronin84", "tanyusha", "mr.ferrante"),
    *("zhukov-pavel", "l.orlova", "nik2001", "bestgardener", "irina.m.titova", "hockeyfan77"),
)


@pytest.fixture(scope="session")
def judge_mailboxes(make_record, now_ms):
    def judge(locals_, *, domain="gmail.com", honest=PEOPLE, names=None, at_ms=None, config=None, **changes):
        rows = [(local, domain, changes) for local in locals_] + [(local, "mail.ru", {}) for local in honest]
        leads = [
            make_record(
                number,
                email=f"{local}@{host}",
                person_key=f"email:{number}",
                name=None if names is None else names[number % len(names)],
                at_ms=now_ms - number * 3_600_000 if at_ms is None else at_ms,
                **more,
            )
            for number, (local, host, more) in enumerate(rows)
        ]
        facts = PartnerFacts(program_id="prg_1", partner_id="prt_1", at_ms=now_ms, leads=tuple(leads[::-1]))
        return RULE.evaluate_partner(facts, config or Config())

    return judge


def ids(count):
    return tuple(f"cnv_{number:04d}" for number in range(count))


NUMBERED = ("anna1987", "anna1988", "anna1991", "anna1994")


def test_numbered_mailboxes_are_held_with_one_another(judge_mailboxes):
    (finding,) = judge_mailboxes(NUMBERED)

    assert finding.factor_ppm == 550_000
    assert finding.evidence["pattern"] == "numbered"
    assert finding.compared == ids(4)
    assert finding.holds_compared
    assert finding.params == {"count": 4, "days": 7, "shape": "aaaa9999"}
    assert "anna" not in repr((finding.params, finding.evidence))


@pytest.mark.parametrize(
    ("locals_", "fires"),
    [
        (NUMBERED[:3], False),
        (("anna1987",) * 4, False),
        (("bonus.kot1", "bonus.kot22", "bonus.kot333", "bonus.kot4"), True),
        (("ab11", "ab22", "ab33", "ab44", "ab55"), False),
        (("11111", "22222", "33333", "44444"), False),
        (("anna+1", "anna+2", "anna+3", "anna+4"), False),
    ],
    ids=["three", "one_mailbox", "letters_and_digits", "short_stem", "digits_only", "tags"],
)
def test_numbered_needs_four_mailboxes_and_a_word(judge_mailboxes, locals_, fires):
    assert bool(judge_mailboxes(locals_)) is fires


def test_other_domains_make_no_difference(judge_mailboxes, make_record, now_ms):
    leads = tuple(
        make_record(n, email=f"{local}@{domain}", at_ms=now_ms - n)
        for n, (local, domain) in enumerate(zip(NUMBERED, ("gmail.com", "mail.ru", "bk.ru", "ya.ru"), strict=True))
    )
    facts = PartnerFacts(program_id="prg_1", partner_id="prt_1", at_ms=now_ms, leads=leads)

    assert RULE.evaluate_partner(facts, Config())


@pytest.mark.parametrize(
    "locals_",
    [
        ("anna.petrova", "ivan.sidorov", "olga.kuznetsova", "petr.smirnov", "maria.popova"),
        ("a.petrov", "i.sidorov", "o.kuznetsov", "p.smirnov", "m.popov"),
        ("ivanov", "petrov", "sidorov", "smirnov", "kuznetsov", "popov"),
        ("alexander", "aleksandr", "alexandra", "alexandre"),
        ("a.kozyrev", "b.kozyrev", "v.kozyrev", "g.kozyrev"),
        ("marina", "karina", "darina", "sabina", "malina"),
    ],
    ids=["first_last", "initial_last", "surnames", "alexanders", "family", "short_names"],
)
def test_ways_people_write_are_no_pattern(judge_mailboxes, locals_):
    assert judge_mailboxes(locals_) == []


@pytest.mark.parametrize(("honest", "fires"), [(12, True), (100, False)], ids=["small", "busy"])
def test_common_names_with_years_are_chance_for_a_busy_partner(judge_mailboxes, honest, fires):
    words = [f"{PEOPLE[n % 12]}.{n}x" for n in range(honest)]
    crowd = ["".join(random.Random(n).sample(string.ascii_lowercase, 9)) for n in range(len(words))]

    assert bool(judge_mailboxes(NUMBERED, honest=crowd)) is fires


@pytest.mark.parametrize(("honest", "fires"), [(114, True), (115, False)])
def test_pattern_is_a_twentieth_of_the_week(judge_mailboxes, honest, fires):
    """Six of a hundred and twenty are one in twenty."""
    crowd = ["".join(random.Random(n).sample(string.ascii_lowercase, 9)) for n in range(honest)]

    assert bool(judge_mailboxes([f"wolperdinger{n}" for n in range(6)], honest=crowd)) is fires


def test_mailboxes_a_letter_apart_are_a_chain(judge_mailboxes):
    (finding,) = judge_mailboxes(("kozyrevsky", "kozyrevzky", "kozyrewzky", "kosyrewzky", "kosyrewzki"))

    assert finding.evidence["pattern"] == "chained"
    assert finding.compared == ids(5)


def test_five_initials_before_one_surname_are_no_family(judge_mailboxes):
    (finding,) = judge_mailboxes(("a.kozyrev", "b.kozyrev", "v.kozyrev", "g.kozyrev", "d.kozyrev"))

    assert finding.evidence["pattern"] == "chained"


@pytest.mark.parametrize(
    ("locals_", "names"),
    [
        (("asdf1", "qwerty.k", "zxcv", "asdfgh77"), None),
        (("wqa", "x.y", "p-o", "ll"), ["Фыва Йцукен"]),
        (("wqa", "x.y", "p-o", "ll"), ["Qwerty Asdf"]),
    ],
    ids=["mailboxes", "russian_names", "english_names"],
)
def test_walks_over_the_keyboard_are_a_pattern(judge_mailboxes, locals_, names):
    (finding,) = judge_mailboxes(locals_, names=names, honest=() if names else PEOPLE)

    assert finding.evidence["pattern"] == "walked"
    assert len(finding.compared) == 4


@pytest.mark.parametrize("word", ["property", "poverty", "liberty", "zapros", "werther", "treweek"])
def test_words_that_walk_a_little_are_words(judge_mailboxes, word):
    locals_ = [f"{word}.{tail}" for tail in ("sale", "orlov", "mitte", "kassel", "nord")]

    assert judge_mailboxes(locals_) == []


@pytest.mark.parametrize(
    ("numbers", "fires"),
    [
        ((79120000001, 79120000002, 79120000005, 79120000008), True),
        ((79120000001, 79120000002, 79120000005, 79120000009), False),
        ((79120000001, 79120000002, 79120000003), False),
        ((79120000001,) * 6, False),
    ],
    ids=["run", "too_far", "three", "one_number"],
)
@pytest.mark.parametrize("form", ["+{}", "phone:+{}", "{}"])
def test_phones_that_follow_one_another_are_a_pattern(make_record, now_ms, numbers, fires, form):
    leads = tuple(
        make_record(n, email=None, phone_key=form.format(number), at_ms=now_ms - n) for n, number in enumerate(numbers)
    )
    facts = PartnerFacts(program_id="prg_1", partner_id="prt_1", at_ms=now_ms, leads=leads)

    findings = RULE.evaluate_partner(facts, Config())

    assert [finding.evidence["pattern"] for finding in findings] == ["phones"] * fires


@pytest.mark.parametrize(
    ("domain", "verified", "factor_ppm"),
    [
        ("school.edu", False, 100_000),
        ("uni.ac.uk", False, 100_000),
        ("studio-x.ru", True, 100_000),
        ("studio-x.ru", False, 550_000),
        ("gmail.com", True, 550_000),
    ],
    ids=["school", "university", "company", "own_domain_unconfirmed", "mass_provider"],
)
def test_naming_scheme_of_a_school_or_company_weighs_next_to_nothing(judge_mailboxes, domain, verified, factor_ppm):
    (finding,) = judge_mailboxes([f"student{n}" for n in range(9)], domain=domain, is_verified=verified)

    assert finding.factor_ppm == factor_ppm
    assert finding.holds_compared is (factor_ppm == 550_000)


def test_only_the_last_week_counts(judge_mailboxes, now_ms):
    assert judge_mailboxes(NUMBERED, at_ms=now_ms - 7 * DAY_MS)
    assert not judge_mailboxes(NUMBERED, at_ms=now_ms - 7 * DAY_MS - 1)
    assert not judge_mailboxes(NUMBERED, at_ms=now_ms + 1)


def test_list_an_operator_typed_is_judged_too(judge_mailboxes):
    assert judge_mailboxes(NUMBERED, source="call-centre")


def test_partner_without_leads_or_mailboxes_stays_silent(judge_mailboxes, make_record, now_ms):
    leads = tuple(make_record(n, email=None, at_ms=now_ms) for n in range(50))

    assert judge_mailboxes((), honest=()) == []
    assert (
        RULE.evaluate_partner(PartnerFacts(program_id="prg_1", partner_id="prt_1", at_ms=now_ms, leads=leads), Config())
        == []
    )


@given(st.lists(st.text(max_size=80), max_size=12))
def test_hostile_mailboxes_never_raise(judge_mailboxes, locals_):
    for finding in judge_mailboxes(locals_, honest=(), names=["\x00", "ы" * 500]):
        assert finding.params["shape"].isprintable()


def test_order_of_leads_is_no_matter(make_record, now_ms):
    leads = [make_record(n, email=f"kozyrev{n}@gmail.com", at_ms=now_ms - n) for n in range(9)]
    results = []
    for seed in range(5):
        random.Random(seed).shuffle(leads)
        facts = PartnerFacts(program_id="prg_1", partner_id="prt_1", at_ms=now_ms, leads=tuple(leads))
        results.append(RULE.evaluate_partner(facts, Config()))

    assert all(result == results[0] for result in results)


def test_five_hundred_alike_take_few_milliseconds(judge_mailboxes, make_record, now_ms):
    leads = tuple(
        make_record(n, email=f"aaaaaaaaaaaaaaaaaaaa{chr(97 + n % 26)}{chr(97 + n // 26)}@x.org", at_ms=now_ms - n)
        for n in range(500)
    )
    facts = PartnerFacts(program_id="prg_1", partner_id="prt_1", at_ms=now_ms, leads=leads)

    started = time.perf_counter()
    (finding,) = RULE.evaluate_partner(facts, Config())

    assert len(finding.compared) == 500
    # Some twenty times what it takes: the machine may be busy.
    assert time.perf_counter() - started < 0.2
