"""Findings written out for a reader."""

import gettext
import string

import pytest

from fraud_rules.rules import bot_agent, dup_person_email, same_ip_leads, self_email, self_network, too_fast
from fraud_rules.sentences import write_sentence
from fraud_rules.types import PartnerIdentity

ENGLISH = gettext.NullTranslations()


class Backwards(gettext.NullTranslations):
    """A language in which words are marked, so that untranslated ones show."""

    def gettext(self, message):
        return f"<{message}>"

    def ngettext(self, msgid1, msgid2, n):
        return f"<{msgid1 if n == 1 else msgid2}>"


@pytest.mark.parametrize(
    ("logins", "sentence"),
    [
        (1, "The partner signed in from this address once within 7 days of the conversion (home internet)."),
        (3, "The partner signed in from this address 3 times within 7 days of the conversion (home internet)."),
    ],
    ids=["once", "three_times"],
)
def test_number_chooses_the_plural(make_facts, make_login, logins, sentence):
    facts = make_facts(partner_logins=(make_login(),) * logins)

    (finding,) = self_network.RULE.evaluate(facts, self_network.Config())

    assert write_sentence(finding, ENGLISH) == sentence


def test_parameters_that_are_words_are_translated_too(make_facts, make_login):
    facts = make_facts(partner_logins=(make_login(),))

    (finding,) = self_network.RULE.evaluate(facts, self_network.Config())

    sentence = write_sentence(finding, Backwards())
    assert sentence.startswith("<The partner")
    assert "<home internet>" in sentence


def test_crowd_is_told_in_one_sentence(make_facts, make_crowd):
    (finding,) = same_ip_leads.RULE.evaluate(make_facts(host_leads=make_crowd(5)), same_ip_leads.Config())

    assert write_sentence(finding, ENGLISH) == (
        "6 people registered through this partner from one address (home internet) within 5 min; "
        "the address normally brings 0.02 leads a day."
    )


def test_self_referral_is_told_in_one_sentence(make_facts, make_subject):
    facts = make_facts(
        make_subject(email="i.petrov+shop@gmail.com"),
        partner_identity=PartnerIdentity(login_emails=("ipetrov@gmail.com",)),
    )

    (finding,) = self_email.RULE.evaluate(facts, self_email.Config())

    assert write_sentence(finding, ENGLISH) == (
        "Customer i•••@gmail.com and partner i•••@gmail.com use one mailbox: their provider ignores "
        "the difference (dots, +tag or a second domain name)."
    )


def test_spellings_are_told_in_one_sentence(make_facts, make_subject, make_person_lead):
    leads = tuple(make_person_lead(n, f"anna+{n}@gmail.com") for n in range(3))
    facts = make_facts(make_subject(email="anna@gmail.com", email_key="anna@gmail.com"), same_person_leads=leads)

    (finding,) = dup_person_email.RULE.evaluate(facts, dup_person_email.Config())

    assert write_sentence(finding, ENGLISH) == (
        "Mailbox a•••@gmail.com is registered in this program under 3 more spellings."
    )


def test_forgotten_account_is_told_in_one_sentence(make_facts, make_subject, make_person_lead, now_ms):
    lead = make_person_lead(1, "anna+1@gmail.com", at_ms=now_ms - 45 * 86_400_000)
    facts = make_facts(make_subject(email="anna@gmail.com", email_key="anna@gmail.com"), same_person_leads=(lead,))

    (finding,) = dup_person_email.RULE.evaluate(facts, dup_person_email.Config())

    assert "45 days earlier" in write_sentence(finding, ENGLISH)


def test_percent_sign_in_a_sentence_is_written_once(make_finding):
    finding = make_finding(message=too_fast._FAST_HERE, params={"delay": 3, "line": 41, "median": 90}, cluster_key=None)

    assert write_sentence(finding, ENGLISH) == (
        "The conversion came 3 s after the click; 99 % of this program's need over 41 s, half of them over 90 s."
    )


@pytest.mark.parametrize("agent", ["%(secret)s", "%s%n", "%", "{0}"])
def test_hostile_parameter_is_printed_and_never_read_as_a_placeholder(make_facts, make_subject, agent):
    facts = make_facts(make_subject(agent=agent, is_bot=True))

    (finding,) = bot_agent.RULE.evaluate(facts, bot_agent.Config())

    assert f'"{agent}"' in write_sentence(finding, ENGLISH)


def _msgids(module):
    for value in vars(module).values():
        if isinstance(value, str) and "%(" in value:
            yield value
        elif isinstance(value, tuple) and all(isinstance(part, str) for part in value):
            yield from (part for part in value if "%(" in part)
        elif isinstance(value, dict):
            yield from (part for part in value.values() if isinstance(part, str) and "%(" in part)


@pytest.mark.parametrize(
    "module",
    [self_email, self_network, dup_person_email, same_ip_leads, bot_agent, too_fast],
    ids=lambda module: module.RULE.id,
)
def test_every_msgid_ends_as_a_sentence_with_named_placeholders_only(module):
    msgids = list(_msgids(module))

    assert msgids
    for msgid in msgids:
        assert msgid.endswith(".")
        assert msgid[0] in string.ascii_uppercase + "%"
        assert "%" not in msgid.replace("%(", "").replace("%%", "")
