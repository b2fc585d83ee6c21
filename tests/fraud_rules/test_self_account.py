"""Rule 2: the customer uses the partner's phone, account or device."""

import pytest

from fraud_rules.rules.self_account import DAY_MS, RULE, Config
from fraud_rules.scoring import score
from fraud_rules.types import PartnerIdentity

MINE = {"phone": "+79123456767", "phone_key": "ph1", "payment_key": "pay1", "device_key": "d1"}


@pytest.fixture(scope="session")
def judge_account(make_subject, make_facts):
    def judge(identity=None, *, logins=(), tablet=(), config=None, **changes):
        facts = make_facts(
            make_subject(**MINE | changes),
            partner_identity=identity or PartnerIdentity(),
            partner_logins=tuple(logins),
            device_leads=tuple(tablet),
        )
        return RULE.evaluate(facts, config or Config())

    return judge


@pytest.mark.parametrize(
    ("identity", "sign", "cluster_key"),
    [
        (PartnerIdentity(payment_keys=("x", "pay1")), "payment", "payment:pay1"),
        (PartnerIdentity(phones=("ph1",)), "phone", "phone:ph1"),
        (PartnerIdentity(phones=("ph1",), payment_keys=("pay1",)), "payment", "payment:pay1"),
    ],
    ids=["payment", "phone", "both"],
)
def test_partners_own_account_is_read_first(judge_account, identity, sign, cluster_key):
    (finding,) = judge_account(identity)

    assert finding.factor_ppm == 850_000
    assert score([finding]).band == "priority"
    assert (finding.evidence["sign"], finding.cluster_key) == (sign, cluster_key)
    assert "3456" not in repr((finding.params, finding.evidence))


@pytest.mark.parametrize("distance_ms", [-90 * DAY_MS, 0, 2 * 3_600_000, 90 * DAY_MS])
def test_shared_family_device_alone_is_a_note(judge_account, make_login, now_ms, distance_ms):
    (finding,) = judge_account(logins=[make_login(at_ms=now_ms + distance_ms, device_key="d1")])

    assert finding.factor_ppm == 450_000
    assert score([finding]).band == "note"
    assert finding.params["hours"] == abs(distance_ms) // 3_600_000


@pytest.mark.parametrize(
    ("distance_ms", "device_key"), [(90 * DAY_MS + 1, "d1"), (0, "d2"), (0, None)], ids=["old", "other", "unknown"]
)
def test_other_device_and_old_sign_in_stay_silent(judge_account, make_login, now_ms, distance_ms, device_key):
    assert judge_account(logins=[make_login(at_ms=now_ms - distance_ms, device_key=device_key)]) == []


def test_unknown_keys_never_match(judge_account, make_login):
    unknown = dict.fromkeys(MINE)

    assert judge_account(logins=[make_login(device_key=None)], **unknown) == []


def test_confirmed_contact_halves_the_device(judge_account, make_login):
    (finding,) = judge_account(logins=[make_login(device_key="d1")], email_verified=True)

    assert finding.factor_ppm == 225_000


def test_shop_tablet_the_partner_signs_in_on_is_forgiven(judge_account, make_login, make_record, now_ms):
    tablet = [make_record(n, at_ms=now_ms - n * DAY_MS, is_verified=True) for n in range(1, 9)]

    (finding,) = judge_account(logins=[make_login(device_key="d1")], tablet=tablet)

    assert not finding.fired
    assert finding.factor_ppm == 0


@pytest.mark.parametrize("source", ["import", "call-centre"])
def test_device_of_an_operator_says_nothing_and_his_phone_does(judge_account, make_login, source):
    assert judge_account(logins=[make_login(device_key="d1")], source=source) == []
    assert judge_account(PartnerIdentity(phones=("ph1",)), source=source)


@pytest.mark.parametrize("by", ["payment", "device"])
def test_program_that_allows_own_purchases_forgives(judge_account, make_login, by):
    keys = ("pay1",) if by == "payment" else ()
    identity = PartnerIdentity(payment_keys=keys, allow_own_purchases=True)

    (finding,) = judge_account(identity, logins=[make_login(device_key="d1")])

    assert not finding.fired
    assert "allows own purchases" in finding.message


def test_organic_subject_stays_silent(judge_account):
    assert judge_account(PartnerIdentity(phones=("ph1",)), partner_id=None) == []


def test_missing_facts_stay_silent(make_facts, make_subject):
    facts = make_facts(make_subject(**MINE), partner_identity=None, partner_logins=None, device_leads=None)

    assert RULE.evaluate(facts, Config()) == []


def test_hostile_phone_is_masked(judge_account):
    (finding,) = judge_account(PartnerIdentity(phones=("ph1",)), phone="\x00" * 100_000)

    assert finding.params["phone"] == "•••"
