"""Rule 27: a mailbox to throw away."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fraud_rules.rules.disposable_email import RULE, Config
from fraud_rules.scoring import score


@pytest.fixture(scope="session")
def judge_mailbox(make_subject, make_facts):
    def judge(email, *, config=None, **changes):
        return RULE.evaluate(make_facts(make_subject(email=email, **changes)), config or Config())

    return judge


@pytest.mark.parametrize("email", ["ann@yopmail.com", "ANN@Mail.Yopmail.Com", "a.n@mailinator.com"])
def test_throw_away_mailbox_alone_is_a_note(judge_mailbox, email):
    (finding,) = judge_mailbox(email)

    assert finding.factor_ppm == 400_000
    assert score([finding]).band == "note"
    assert "ann" not in repr((finding.params, finding.evidence)).lower()


@pytest.mark.parametrize(
    "email",
    [
        "ann@privaterelay.appleid.com",
        "ann@duck.com",
        "ann@mozmail.com",
        "ann@aleeas.com",
        "ann@anonaddy.me",
        "ann@gmail.com",
        "ann@mail.ru",
        "ann@example.org",
        "yopmail.com@example.org",
        "not an address",
        None,
    ],
)
def test_forwarder_mass_provider_and_unlisted_domain_stay_silent(judge_mailbox, email):
    assert judge_mailbox(email) == []


@pytest.mark.parametrize("allowed", ["yopmail.com", "YOPMAIL.com", "@yopmail.com"])
def test_domain_the_list_errs_about_is_forgiven_where_allowed(judge_mailbox, allowed):
    (finding,) = judge_mailbox("ann@mail.yopmail.com", config=Config(allowed_domains=[allowed]))

    assert not finding.fired
    assert finding.factor_ppm == 0
    assert "allows" in finding.message


def test_confirmed_phone_halves_the_factor(judge_mailbox):
    (finding,) = judge_mailbox("ann@yopmail.com", phone_verified=True)

    assert finding.factor_ppm == 200_000


def test_organic_lead_is_judged_all_the_same(judge_mailbox):
    assert judge_mailbox("ann@yopmail.com", partner_id=None)


@given(st.text(max_size=400))
def test_hostile_address_never_raises(judge_mailbox, text):
    assert judge_mailbox(text) == [] or "yopmail" not in text
    judge_mailbox(f"{text}@yopmail.com")
