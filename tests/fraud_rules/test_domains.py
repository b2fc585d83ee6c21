"""Mail domains: whose they are, and which boxes are thrown away."""

import pytest

from fraud_rules.disposable import is_allowed, listed_domain
from fraud_rules.domains import FREE_PROVIDERS, is_academic, is_forwarder, is_free, parents, registrable_domain
from fraud_rules.private_domains import private_domain
from fraud_rules.providers import TWINS

LISTED = "yopmail.com"


@pytest.mark.parametrize(
    ("domain", "registrable"),
    [
        ("studio.example.com", "example.com"),
        ("a.b.studio.co.uk", "studio.co.uk"),
        ("co.uk", None),
        ("user.github.io", "github.io"),
        ("xn--e1afmkfd.xn--p1ai", "xn--e1afmkfd.xn--p1ai"),
        ("host.local", "host.local"),
        ("a..b", None),
        (".".join("a" * 40), None),
        ("a" * 300 + ".com", None),
    ],
    ids=[
        "subdomain",
        "two_part_suffix",
        "suffix",
        "private_suffix",
        "cyrillic",
        "unknown_suffix",
        "gap",
        "deep",
        "long",
    ],
)
def test_registrable_domain_is_what_one_owner_registered(domain, registrable):
    assert registrable_domain(domain) == registrable


@pytest.mark.parametrize("domain", ["gmail.com", "mail.ru", "bk.ru", "yandex.ru", "web.de", "orange.fr", "t-online.de"])
def test_mass_provider_is_free(domain):
    assert is_free(domain)
    assert not is_free(f"no-{domain}")


def test_every_folded_twin_is_free_too():
    assert set(TWINS.values()) <= FREE_PROVIDERS


@pytest.mark.parametrize(
    ("domain", "academic"),
    [
        ("mit.edu", True),
        ("cs.ox.ac.uk", True),
        ("uni.edu.au", True),
        ("edu.studio.com", False),
        ("academy.com", False),
        ("ac.uk", False),
    ],
)
def test_schools_are_known_by_their_suffix(domain, academic):
    assert is_academic(domain) is academic


@pytest.mark.parametrize("domain", [LISTED, f"mail.{LISTED}", f"a.b.c.{LISTED}"])
def test_listed_domain_covers_what_lies_under_it(domain):
    assert listed_domain(domain) == LISTED


@pytest.mark.parametrize(
    "domain",
    [
        "privaterelay.appleid.com",
        "duck.com",
        "mozmail.com",
        "x.simplelogin.com",
        "aleeas.com",
        "addy.io",
        "passmail.net",
    ],
)
def test_forwarder_is_neither_throw_away_nor_private(domain):
    assert is_forwarder(domain)
    assert listed_domain(domain) is None
    assert private_domain(f"ann@{domain}") is None


@pytest.mark.parametrize("domain", ["gmail.com", "mail.ru", "example.org", "", "com"])
def test_ordinary_domain_is_not_listed(domain):
    assert listed_domain(domain) is None


def test_list_that_errs_about_a_mass_provider_is_not_believed(monkeypatch):
    monkeypatch.setattr("fraud_rules.disposable._LISTED", frozenset({"gmail.com", "duck.com", "bad.example"}))

    assert listed_domain("gmail.com") is None
    assert listed_domain("duck.com") is None
    assert listed_domain("bad.example") == "bad.example"


@pytest.mark.parametrize(
    ("allowed", "is_in"),
    [
        (["yopmail.com"], True),
        ([" @YOPMAIL.com. "], True),
        (["mail.yopmail.com"], True),
        (["other.com"], False),
        ([], False),
    ],
)
def test_allowed_domain_covers_what_lies_under_it(allowed, is_in):
    assert is_allowed("mail.yopmail.com", allowed) is is_in


@pytest.mark.parametrize(
    ("email", "domain"),
    [
        ("ann@mail.studio.example.com", "example.com"),
        ("ann@gmail.com", None),
        ("ann@mit.edu", None),
        (f"ann@{LISTED}", None),
        ("not an address", None),
        (None, None),
    ],
)
def test_private_domain_has_one_owner(email, domain):
    assert private_domain(email) == domain


@pytest.mark.parametrize("domain", ["", ".", "." * 300, "a" * 10_000, "\x00.\ud800", "é.com"])
def test_hostile_domain_never_raises(domain):
    is_free(domain), is_forwarder(domain), is_academic(domain), listed_domain(domain), registrable_domain(domain)
    assert len(parents(domain)) <= 16
