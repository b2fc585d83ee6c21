"""Factories of subjects, facts and findings; session-wide, because they keep no state."""

import pytest

from fraud_rules.partner_facts import PartnerFacts
from fraud_rules.types import (
    CodeUse,
    CustomerPast,
    DevicePast,
    Facts,
    Finding,
    Forgeries,
    HostHistory,
    HostLead,
    LeadRecord,
    PartnerIdentity,
    PartnerLogin,
    PartnerPace,
    PaymentUses,
    PersonLead,
    ProgramTiming,
    Subject,
)

NOW_MS = 1_800_000_000_000


@pytest.fixture(scope="session")
def now_ms():
    return NOW_MS


@pytest.fixture(scope="session")
def make_subject():
    def make(**changes):
        values = {
            "conversion_id": "cnv_me",
            "kind": "lead",
            "program_id": "prg_1",
            "partner_id": "prt_1",
            "at_ms": NOW_MS,
            "occurred_at_ms": NOW_MS,
            "email": "ann@example.org",
            "email_key": "ann@example.org",
            "person_key": "email:ann@example.org",
            "host_key": "h1",
            "net_key": "n1",
            "network_class": "fixed",
            "masked_ip": "203.0.113.x",
            "agent_key": "firefox-120-linux",
            "agent": "Mozilla/5.0 (X11; Linux x86_64; rv:120.0) Gecko/20100101 Firefox/120.0",
            "is_browser": True,
        }
        return Subject(**values | changes)

    return make


@pytest.fixture(scope="session")
def make_facts(make_subject):
    """Facts with every section loaded and nothing suspicious in any of them."""

    def make(subject=None, **sections):
        values = {
            "partner_identity": PartnerIdentity(),
            "partner_logins": (),
            "same_person_leads": (),
            "host_leads": (),
            "host_history": HostHistory(earlier_leads=0, days_observed=28),
            "program_timing": ProgramTiming(),
            "device_leads": (),
            "same_phone_leads": (),
            "payment_uses": PaymentUses(),
            "device_past": DevicePast(),
            "customer_past": CustomerPast(),
            "partner_pace": PartnerPace(),
            "code_use": CodeUse(),
            "forgeries": Forgeries(),
            "domain_people": 1,
            "name_share_ppm": 0,
        }
        return Facts(subject=subject or make_subject(), **values | sections)

    return make


@pytest.fixture(scope="session")
def make_login():
    def make(**changes):
        return PartnerLogin(**{"at_ms": NOW_MS, "host_key": "h1", "agent_key": None} | changes)

    return make


@pytest.fixture(scope="session")
def make_person_lead():
    def make(number, email, **changes):
        values = {
            "conversion_id": f"cnv_{number}",
            "email": email,
            "canonical_key": "anna@gmail.com",
            "at_ms": NOW_MS - 3_600_000,
        }
        return PersonLead(**values | changes)

    return make


@pytest.fixture(scope="session")
def make_crowd():
    """Host leads of so many people beside the subject, one every minute before it."""

    def make(others, *, agent=None, **changes):
        return tuple(
            HostLead(
                **{
                    "conversion_id": f"cnv_{number:04d}",
                    "person_key": f"email:p{number}@example.org",
                    "agent_key": agent or f"agent-{number}",
                    "at_ms": NOW_MS - number * 60_000,
                }
                | changes
            )
            for number in range(1, others + 1)
        )

    return make


@pytest.fixture(scope="session")
def make_partner():
    """One partner at NOW_MS with these leads, oldest first, and nothing else known."""

    def make(leads=(), **changes):
        ordered = tuple(sorted(leads, key=lambda lead: lead.at_ms))
        return PartnerFacts(program_id="prg_1", partner_id="prt_1", at_ms=NOW_MS, leads=ordered, **changes)

    return make


@pytest.fixture(scope="session")
def make_finding():
    def make(rule="self_email", family="identity", factor_ppm=500_000, **changes):
        values = {
            "rule": rule,
            "rule_version": 1,
            "family": family,
            "fired": True,
            "strength_ppm": 1_000_000,
            "weight_ppm": factor_ppm,
            "damping_ppm": 1_000_000,
            "factor_ppm": factor_ppm,
            "message": "Something.",
            "clears_when": "Never.",
        }
        return Finding(**values | changes)

    return make


@pytest.fixture(scope="session")
def make_record():
    """A lead others are compared with; its person, mailbox and name follow from its number."""

    def make(number, **changes):
        values = {
            "conversion_id": f"cnv_{number:04d}",
            "partner_id": "prt_1",
            "at_ms": NOW_MS - number * 3_600_000,
            "person_key": f"email:p{number}@example.org",
            "email": f"p{number}@example.org",
        }
        return LeadRecord(**values | changes)

    return make
