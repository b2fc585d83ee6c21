"""Rule 4: the customer's mailbox name or own name is nearly the partner's. Run by the engine.

Relatives and namesakes look the same, so it is a note that needs another sign. Words that many people carry never
count alone: the built-in list and the program's own customers say which those are.
"""

import re
from typing import Annotated, Literal

import msgspec
from rapidfuzz import fuzz
from rapidfuzz.distance import JaroWinkler

from fraud_rules.identity import email_keys, name_tokens
from fraud_rules.msgids import N_
from fraud_rules.names import FIRST_NAMES, is_common, is_patronymic
from fraud_rules.rule import Ppm, Rule, RuleConfig
from fraud_rules.surprise import round_ratio
from fraud_rules.types import PPM, Facts, Finding, PartnerIdentity, Subject

LOCAL_MIN = 5  # letters; shorter words are alike by chance
LOCAL_MAX = 64  # RFC 5321, 4.5.3.1.1
NAME_MIN = 8  # letters of all words of a name
RECORDS_MAX = 20  # addresses and names of one partner that are compared

# Mailboxes named after a job: two of them have that in common and nothing more.
_ROLE_WORDS = """
    info admin office sales support contact contacts hello order orders help service mail email team marketing
    billing account accounts manager director webmaster postmaster noreply shop store zakaz pochta buhgalter reklama
    kontakt buero rechnung commercial ventas vendas reservations booking
"""
_ROLES = frozenset(_ROLE_WORDS.split())
_NO_LETTERS = re.compile(r"[\W\d_]+")

_LOCALS = N_("The name of the customer's mailbox and that of the partner's are alike to %(percent)d %%.")
_NAMES = N_("The customer's name and the partner's are alike to %(percent)d %%.")
_COMMON = N_("The customer's name and the partner's are alike to %(percent)d %%, but many people carry such a name.")
_ALLOWED = N_("Customer and partner are alike by name to %(percent)d %%; this program allows own purchases.")
_CLEARS = N_("They are relatives or namesakes, or the program allows partners' own purchases.")


class Likeness(msgspec.Struct, frozen=True, kw_only=True):
    """What is alike, how much (ppm), and whether its words are so common that it means nothing."""

    what: Literal["mailbox", "name"]
    alike_ppm: int
    is_common: bool


class Config(RuleConfig, frozen=True, kw_only=True):
    """Weight, lines of likeness, and the share of customers from which a name word counts as common."""

    # Half of what would be a case: brothers and sisters are alike by name.
    weight_ppm: Ppm = 250_000
    local_line_ppm: Ppm = 920_000
    name_line_ppm: Ppm = 930_000
    common_share_ppm: Annotated[int, msgspec.Meta(ge=1, le=PPM)] = 2_000


def evaluate(facts: Facts, config: Config) -> list[Finding]:
    """Return one finding for the closest likeness; forgiven where the name is everybody's."""
    subject, partner = facts.subject, facts.partner_identity
    if partner is None or subject.partner_id is None:
        return []
    found = [
        each for each in (_closest_local(subject, partner, config), _closest_name(subject, partner, config)) if each
    ]
    if not found:
        return []
    best = min(found, key=lambda each: (each.is_common, -each.alike_ppm, each.what))
    share_ppm = facts.name_share_ppm or 0
    # The program's own customers say how rare the name is; a mailbox's words are not counted there.
    damping_ppm = PPM
    if best.what == "name" and share_ppm > config.common_share_ppm:
        damping_ppm = round_ratio(config.common_share_ppm * PPM, share_ppm)
    message = _LOCALS if best.what == "mailbox" else _NAMES
    if best.is_common:
        message = _COMMON
    if partner.allow_own_purchases:
        message = _ALLOWED
    return [
        RULE.find(
            message=message,
            params={"percent": best.alike_ppm * 100 // PPM},
            weight_ppm=config.weight_ppm,
            damping_ppm=damping_ppm,
            fired=not best.is_common and not partner.allow_own_purchases,
            evidence={
                "what": best.what,
                "alike_ppm": best.alike_ppm,
                "name_share_ppm": share_ppm,
                "is_common": best.is_common,
                "own_purchases_allowed": partner.allow_own_purchases,
            },
            clears_when=_CLEARS,
        )
    ]


def _closest_local(subject: Subject, partner: PartnerIdentity, config: Config) -> Likeness | None:
    keys = email_keys(subject.email)
    words = _local_words(subject.email)
    mine = "".join(words)
    if keys is None or len(mine) < LOCAL_MIN or mine in _ROLES:
        return None
    alike = 0
    emails = (*partner.login_emails, *partner.contact_emails, *partner.payout_emails)
    for email in emails[:RECORDS_MAX]:
        other = email_keys(email)
        theirs = "".join(_local_words(email))
        # The very mailbox is what self_email speaks of.
        if other is None or other.weak == keys.weak or len(theirs) < LOCAL_MIN or theirs in _ROLES:
            continue
        alike = max(alike, round(PPM * JaroWinkler.normalized_similarity(mine, theirs)))
    if alike < config.local_line_ppm:
        return None
    return Likeness(what="mailbox", alike_ppm=alike, is_common=_is_everybodys(words))


def _closest_name(subject: Subject, partner: PartnerIdentity, config: Config) -> Likeness | None:
    words = _full_words(subject.name)
    mine = " ".join(words)
    if len(words) < 2 or len(mine) <= NAME_MIN:
        return None
    alike = 0
    for name in partner.names[:RECORDS_MAX]:
        theirs = _full_words(name)
        if len(theirs) >= 2:
            alike = max(alike, round(PPM * fuzz.ratio(mine, " ".join(theirs)) / 100))
    if alike < config.name_line_ppm:
        return None
    return Likeness(what="name", alike_ppm=alike, is_common=_is_everybodys(words))


def _local_words(email: str | None) -> tuple[str, ...]:
    """Return the words of the mailbox's name in letters alone: digits and signs tell nobody apart."""
    local = (email or "")[:LOCAL_MAX].partition("@")[0].partition("+")[0].lower()
    return tuple(word for word in _NO_LETTERS.split(local) if word)


def _full_words(name: str | None) -> tuple[str, ...]:
    """Return the words of a name without initials."""
    return tuple(word for word in name_tokens(name) if len(word) > 1)


def _is_everybodys(words: tuple[str, ...]) -> bool:
    """Say whether every word is a common one; a patronymic is as common as the father's name."""
    return all(is_common(word) or is_patronymic(word) or len(word) == 1 or _is_joined(word) for word in words)


def _is_joined(word: str) -> bool:
    """Say whether the word is a common first name and a common word in one ("ivanpetrov", "petrovivan")."""
    return any(
        (word[:cut] in FIRST_NAMES and is_common(word[cut:])) or (is_common(word[:cut]) and word[cut:] in FIRST_NAMES)
        for cut in range(2, len(word) - 1)
    )


RULE: Rule[Config] = Rule(
    id="self_similar",
    version=1,
    title=N_("Customer and partner are alike by name"),
    family="identity",
    severity="low",
    needs=frozenset({"partner_identity", "name_share_ppm"}),
    timing=frozenset({"lead"}),
    config=Config(),
    evaluate=evaluate,
)
