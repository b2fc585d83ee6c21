"""Which case a subject's findings open or join."""

import itertools

import msgspec
import pytest

from fraud_rules.cases import OpenCase, cluster, covered, fingerprint
from fraud_rules.scoring import score


@pytest.fixture(scope="session")
def place(make_subject):
    def place(findings, *open_cases, **changes):
        return cluster(make_subject(**changes), findings, score=score(findings), open_cases=open_cases)

    return place


@pytest.fixture(scope="session")
def make_case():
    def make(cluster_key, **changes):
        values = {"case_id": "cas_1", "program_id": "prg_1", "partner_id": "prt_1", "cluster_key": cluster_key}
        return OpenCase(**values | changes)

    return make


@pytest.fixture(scope="session")
def crowd(make_finding):
    return make_finding(
        rule="same_ip_leads",
        family="network",
        factor_ppm=520_050,
        cluster_key="host:h1",
        compared=("cnv_1", "cnv_2"),
        holds_compared=True,
    )


@pytest.fixture(scope="session")
def repeat(make_finding):
    return make_finding(rule="dup_person_email", factor_ppm=800_000, cluster_key="email:anna", compared=("cnv_9",))


@pytest.fixture(scope="session")
def bot(make_finding):
    return make_finding(rule="bot_agent", family="device", factor_ppm=700_000, cluster_key=None)


@pytest.fixture(scope="session")
def fast(make_finding):
    return make_finding(rule="too_fast", family="timing", factor_ppm=450_000, cluster_key=None)


def test_shared_fact_opens_a_case_under_its_key(place, repeat):
    placement = place([repeat])

    assert placement.case_id is None
    assert (placement.program_id, placement.partner_id) == ("prg_1", "prt_1")
    assert placement.cluster_key == "email:anna"
    assert placement.conversion_ids == ("cnv_me",)


def test_finding_without_a_shared_fact_opens_a_case_on_the_partner(place, bot):
    assert place([bot]).cluster_key == "partner:prt_1"


def test_shared_fact_goes_before_a_heavier_finding_without_one(place, bot, crowd):
    assert place([bot, crowd]).cluster_key == "host:h1"


def test_heaviest_shared_fact_names_the_case(place, crowd, repeat):
    assert place([crowd, repeat]).cluster_key == "email:anna"


def test_crowd_is_held_with_its_first_unremarkable_leads(place, crowd):
    assert place([crowd]).conversion_ids == ("cnv_1", "cnv_2", "cnv_me")


def test_crowd_is_held_under_whatever_key_the_case_has(place, crowd, repeat):
    assert place([crowd, repeat]).conversion_ids == ("cnv_1", "cnv_2", "cnv_me")


def test_first_registration_is_compared_and_not_held(place, repeat):
    """The first spelling may be the honest one; only the repeats cost money."""
    assert "cnv_9" not in place([repeat]).conversion_ids


def test_new_findings_join_the_open_case(place, make_case, repeat):
    placement = place([repeat], make_case("email:anna"))

    assert placement.case_id == "cas_1"
    assert len(placement.exhibits) == 1


@pytest.mark.parametrize(
    "changes",
    [{"program_id": "prg_2"}, {"partner_id": "prt_2"}, {"cluster_key": "email:other"}],
    ids=["program", "partner", "key"],
)
def test_case_elsewhere_is_not_joined(place, make_case, repeat, changes):
    assert place([repeat], make_case(**{"cluster_key": "email:anna"} | changes)).case_id is None


def test_open_case_of_a_lighter_key_is_joined_before_a_second_one_is_opened(place, make_case, crowd, repeat):
    placement = place([crowd, repeat], make_case("host:h1"))

    assert (placement.case_id, placement.cluster_key) == ("cas_1", "host:h1")


def test_heaviest_of_several_open_cases_is_joined(place, make_case, crowd, repeat):
    cases = [
        make_case("partner:prt_1", case_id="cas_1"),
        make_case("host:h1", case_id="cas_2"),
        make_case("email:anna", case_id="cas_3"),
    ]

    for order in itertools.permutations(cases):
        assert place([crowd, repeat], *order).case_id == "cas_3"


def test_of_two_open_cases_over_one_fact_the_older_id_is_joined(place, make_case, repeat):
    cases = [make_case("email:anna", case_id=f"cas_{n}") for n in (2, 1, 3)]

    for order in itertools.permutations(cases):
        assert place([repeat], *order).case_id == "cas_1"


def test_subject_in_review_joins_the_partners_open_case(place, make_case, bot):
    assert place([bot], make_case("partner:prt_1")).case_id == "cas_1"


def test_note_opens_no_case(place, fast):
    assert place([fast]) is None


def test_note_does_not_join_a_case_that_only_concerns_the_partner(place, make_case, fast):
    """Otherwise one case against a partner would hold all his slightly odd leads."""
    assert place([fast], make_case("partner:prt_1")) is None


@pytest.mark.parametrize(
    ("factor_ppm", "joins"),
    [(120_000, False), (300_000, False), (489_795, False), (489_796, True)],
    ids=["nothing", "note", "last_note", "review"],
)
def test_only_from_the_review_line_on_a_subject_joins_a_case_over_its_fact(
    place, make_case, make_finding, factor_ppm, joins
):
    """One guest whose browser filled the form would hold the whole workshop; 489,796 ppm are the first 50 points."""
    own = make_finding(rule="same_ip_leads", family="network", factor_ppm=factor_ppm, cluster_key="host:h1")

    placement = place([own], make_case("host:h1"))

    assert (placement is not None) is joins
    if joins:
        assert (placement.case_id, placement.conversion_ids) == ("cas_1", ("cnv_me",))


@pytest.mark.parametrize("partner_id", [None])
def test_organic_subject_has_no_case(place, repeat, partner_id):
    assert place([repeat], partner_id=partner_id) is None


def test_nothing_found_has_no_case(place, make_finding):
    assert place([]) is None
    assert place([make_finding(fired=False, factor_ppm=0)]) is None


def test_forgiven_finding_is_no_evidence_and_holds_nobody(place, repeat, make_finding):
    forgiven = make_finding(
        rule="same_ip_leads",
        family="network",
        fired=False,
        factor_ppm=0,
        cluster_key="host:h1",
        compared=("cnv_1",),
        holds_compared=True,
    )

    placement = place([repeat, forgiven])

    assert [exhibit.finding for exhibit in placement.exhibits] == [repeat]
    assert placement.conversion_ids == ("cnv_me",)


def test_only_what_the_case_does_not_have_yet_is_added(place, make_case, make_subject, crowd):
    known = fingerprint(make_subject(), crowd)
    case = make_case("host:h1", conversion_ids=("cnv_1", "cnv_me"), fingerprints=(known,))

    placement = place([crowd], case)

    assert placement.conversion_ids == ("cnv_2",)
    assert placement.exhibits == ()


@pytest.mark.parametrize(("factor_ppm", "priority"), [(900_000, True), (800_000, False)])
def test_certain_cases_are_read_first(place, make_finding, factor_ppm, priority):
    assert place([make_finding(factor_ppm=factor_ppm)]).is_priority is priority


def test_order_of_findings_is_no_matter(place, crowd, repeat, bot, fast):
    results = [place(list(order)) for order in itertools.permutations([crowd, repeat, bot, fast])]

    assert all(result == results[0] for result in results)


def test_covered_is_the_subject_and_whole_crowds(make_subject, crowd, repeat):
    assert covered(make_subject(), []) == {"cnv_me"}
    assert covered(make_subject(), [crowd, repeat]) == {"cnv_me", "cnv_1", "cnv_2"}


@pytest.mark.parametrize(
    ("factor_ppm", "held"),
    [(485_000, {"cnv_me", "cnv_1", "cnv_2"}), (484_999, {"cnv_me"})],
    ids=["strong", "one_below"],
)
def test_crowd_that_is_a_note_alone_is_not_held_for_one_of_its_people(
    place, make_subject, make_finding, crowd, repeat, factor_ppm, held
):
    """Something else brought the subject into review; a workshop's other guests have no part in it."""
    workshop = msgspec.structs.replace(crowd, factor_ppm=factor_ppm)

    assert covered(make_subject(), [repeat, workshop]) == held
    assert set(place([repeat, workshop]).conversion_ids) == held


def test_fingerprint_names_the_same_evidence_the_same_way(make_subject, make_finding):
    one = make_finding(compared=("a", "b"), factor_ppm=1, params={"count": 2})
    again = make_finding(compared=("b", "a"), factor_ppm=2, params={"count": 3})

    assert fingerprint(make_subject(), one) == fingerprint(make_subject(), again)
    assert len(fingerprint(make_subject(), one)) == 32


@pytest.mark.parametrize(
    "changes",
    [{"rule": "other"}, {"cluster_key": "email:x"}, {"compared": ("a",)}],
    ids=["rule", "fact", "compared"],
)
def test_other_evidence_has_another_fingerprint(make_subject, make_finding, changes):
    assert fingerprint(make_subject(), make_finding()) != fingerprint(make_subject(), make_finding(**changes))


def test_same_finding_about_another_subject_is_other_evidence(make_subject, make_finding):
    other = make_subject(conversion_id="cnv_other")

    assert fingerprint(make_subject(), make_finding()) != fingerprint(other, make_finding())
