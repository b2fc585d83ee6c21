"""Rule 28: a partner's customers were made after a pattern. Run at night.

Four things count as a pattern: mailbox names that differ in their digits alone, mailbox names that differ by a letter
or two, names and mailboxes that are walks over the keyboard, and phone numbers that follow one another. "First.last"
with other names each time is how people write and no pattern; many people called Anna were born in the eighties, so a
group must be larger than its word's frequency explains. Schools and companies number their people too: at one academic
domain, or at one private domain with confirmed addresses, it weighs next to nothing.
"""

import re
from collections.abc import Iterable
from typing import Annotated, Final

import msgspec
from rapidfuzz.distance import Hamming

from fraud_rules.domains import is_academic
from fraud_rules.identity import EMAIL_MAX, email_domain
from fraud_rules.msgids import N_, NN_
from fraud_rules.names import is_common
from fraud_rules.partner_facts import PartnerFacts
from fraud_rules.private_domains import private_domain
from fraud_rules.rule import Ppm, Rule, RuleConfig
from fraud_rules.statistics import binomial_tail_ppm
from fraud_rules.types import PPM, Evidence, Finding, LeadRecord

DAY_MS = 86_400_000
WINDOW_DAYS = 7
LEADS_MAX = 2_000  # newest people of the week that are compared
LOCAL_MAX = 64  # RFC 5321, 4.5.3.1.1
STEM_MIN = 4  # letters; "ab12" and "ab77" share nothing
CHAIN_MIN = 8  # characters; shorter names are a letter or two apart by themselves
CHAIN_EDITS = 2
CHAIN_LOOK = 8  # neighbours of one bucket that are compared
FAMILY_PEOPLE_MAX = 4
PHONE_STEP = 3

# How many customers in a million share one word by chance: a common name, another word, a walk over the keyboard.
# Frequencies of names rounded up; a group must be rarer than the setting below at that share.
COMMON_SHARE_PPM = 10_000
WORD_SHARE_PPM = 1_000
WALK_SHARE_PPM = 3_000

_ROWS: Final = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "1qaz2wsx", "йцукенгшщзхъ", "фывапролджэ", "ячсмитьбю")
_WALK_START = 4
_WALK_ANYWHERE = 6  # "property" walks four keys, "запрос" four
_WALKS: Final = "|".join(
    sorted(
        {row[:_WALK_START] for row in _ROWS}
        | {row[at : at + _WALK_ANYWHERE] for row in _ROWS for at in range(len(row) - _WALK_ANYWHERE + 1)}
    )
)
_WALK = re.compile(_WALKS)
_NAME_WALK = re.compile(rf"\b(?:{_WALKS})")  # a name begins with it; inside one it is chance

_LETTERS = re.compile(r"[^\W\d_]+")
_LETTER = re.compile(r"[^\W\d_]")
_DIGITS = re.compile(r"\d+")
_DIGIT = re.compile(r"\d")
_UNSEEN = re.compile(r"[^\w!-~]")
_PHONE = re.compile(r"(?:phone:)?\+?(\d{7,15})")

_NUMBERED = NN_(
    "%(count)d customer within %(days)d days has a mailbox name that differs from others in digits alone (%(shape)s).",
    "%(count)d customers within %(days)d days have mailbox names that differ in digits alone (%(shape)s).",
)
_CHAINED = NN_(
    "%(count)d customer within %(days)d days has a mailbox name a letter or two from another's (%(shape)s).",
    "%(count)d customers within %(days)d days have mailbox names a letter or two from one another (%(shape)s).",
)
_WALKED = NN_(
    "%(count)d customer within %(days)d days has a name that is a walk over the keyboard.",
    "%(count)d customers within %(days)d days have names that are walks over the keyboard.",
)
_COUNTED = NN_(
    "%(count)d customer within %(days)d days has a phone number that follows another's.",
    "%(count)d customers within %(days)d days have phone numbers that follow one another.",
)
_CLEARS = N_("A school or company names its mailboxes or buys its numbers so, and confirms its people.")


class Config(RuleConfig, frozen=True, kw_only=True):
    """Weights of a pattern and of a company's scheme, the smallest group, and how rare it must be by chance."""

    # A case alone: nobody's customers share a stem by chance once their number is beyond its frequency.
    weight_ppm: Ppm = 550_000
    scheme_weight_ppm: Ppm = 100_000
    people_min: Annotated[int, msgspec.Meta(ge=3, le=100)] = 4
    # Of the week's customers: among hundreds of people some mailboxes are always alike.
    share_min_ppm: Ppm = 50_000
    chance_below_ppm: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 100


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A customer of the week: the first lead, and the name of the mailbox without tag, in lower case."""

    lead: LeadRecord
    local: str


def evaluate_partner(facts: PartnerFacts, config: Config) -> list[Finding]:
    """Return a finding for each kind of pattern in the last week, with the leads that show it."""
    # Rows an operator typed count too: a list handed over to be typed is still the partner's.
    from_ms = facts.at_ms - WINDOW_DAYS * DAY_MS
    people = _people_of([lead for lead in facts.leads if from_ms <= lead.at_ms <= facts.at_ms])
    if len(people) < config.people_min:
        return []
    numbered = _numbered(people, config)
    taken = {person.lead.conversion_id for person in numbered}
    chained = _chained([person for person in people if person.lead.conversion_id not in taken], config, of=len(people))
    kinds = (
        ("numbered", _NUMBERED, numbered),
        ("chained", _CHAINED, chained),
        ("walked", _WALKED, _walked(people, config)),
        ("phones", _COUNTED, _counted(people, config)),
    )
    return [
        _say(kind, messages, group=group, of=len(people), config=config) for kind, messages, group in kinds if group
    ]


def _say(kind: str, messages: tuple[str, str], *, group: list[Person], of: int, config: Config) -> Finding:
    one, many = messages
    is_scheme = _is_one_scheme(group)
    shape = _UNSEEN.sub("?", _shape(min(person.local for person in group)))
    evidence: dict[str, Evidence] = {
        "pattern": kind,
        "people": len(group),
        "of_people": of,
        "window_days": WINDOW_DAYS,
        "shape": shape,
        "one_scheme": is_scheme,
    }
    return RULE.find(
        message=one,
        message_plural=many,
        params={"count": len(group), "days": WINDOW_DAYS, "shape": shape},
        weight_ppm=config.scheme_weight_ppm if is_scheme else config.weight_ppm,
        evidence=evidence,
        compared={person.lead.conversion_id for person in group},
        holds_compared=not is_scheme,
        clears_when=_CLEARS,
    )


def _numbered(people: list[Person], config: Config) -> list[Person]:
    """Return the people of all groups whose mailbox names differ in digits alone."""
    groups: dict[str, list[Person]] = {}
    for person in people:
        stem = _DIGITS.sub("9", person.local)
        if "9" in stem and any(len(word) >= STEM_MIN for word in _LETTERS.findall(stem)):
            groups.setdefault(stem, []).append(person)
    return _unlikely(groups.values(), config, of=len(people))


def _chained(people: list[Person], config: Config, *, of: int) -> list[Person]:
    """Return the people of all chains whose mailbox names have one shape and differ by two characters at most."""
    by_local = {person.local: person for person in people if len(person.local) >= CHAIN_MIN}
    parents = {local: local for local in by_local}
    # Of three parts of a name two edits leave one untouched, so neighbours share a bucket.
    buckets: dict[tuple[str, int, str], list[str]] = {}
    for local in sorted(by_local):
        third, shape = len(local) // 3, _shape(local)
        for part, text in enumerate((local[:third], local[third : 2 * third], local[2 * third :])):
            near = buckets.setdefault((shape, part, text), [])
            for other in near[-CHAIN_LOOK:]:
                if Hamming.distance(local, other) <= CHAIN_EDITS:
                    parents[_root(parents, local)] = _root(parents, other)
            near.append(local)
    chains: dict[str, list[Person]] = {}
    for local, person in by_local.items():
        chains.setdefault(_root(parents, local), []).append(person)
    return _unlikely((chain for chain in chains.values() if not _is_family(chain)), config, of=of)


def _walked(people: list[Person], config: Config) -> list[Person]:
    walkers = [person for person in people if _is_walk(person)]
    is_rare = _is_unlikely(len(walkers), config, of=len(people), share_ppm=WALK_SHARE_PPM)
    return walkers if is_rare else []


def _counted(people: list[Person], config: Config) -> list[Person]:
    """Return the people whose phone numbers follow one another by at most three; keys that are hashes say nothing."""
    numbers: dict[int, Person] = {}
    for person in people:
        match = _PHONE.fullmatch((person.lead.phone_key or "")[:LOCAL_MAX])
        if match:
            numbers.setdefault(int(match[1]), person)
    runs: list[list[Person]] = []
    last = None
    for number in sorted(numbers):
        if last is None or number - last > PHONE_STEP:
            runs.append([])
        runs[-1].append(numbers[number])
        last = number
    return [person for run in runs if len(run) >= config.people_min for person in run]


def _unlikely(groups: Iterable[list[Person]], config: Config, *, of: int) -> list[Person]:
    """Return the people of the groups that are larger than chance makes them."""
    return [
        person
        for group in groups
        if _is_unlikely(len({each.local for each in group}), config, of=of, share_ppm=_share_of(group))
        for person in group
    ]


def _is_unlikely(people: int, config: Config, *, of: int, share_ppm: int) -> bool:
    if people < config.people_min or PPM * people < config.share_min_ppm * of:
        return False
    return binomial_tail_ppm(at_least=people, trials=of, share_ppm=share_ppm) < config.chance_below_ppm


def _share_of(group: list[Person]) -> int:
    """Return how many people in a million have such a word in their mailbox: common names are common there too."""
    words = [word for person in group for word in _LETTERS.findall(person.local) if len(word) >= STEM_MIN]
    return COMMON_SHARE_PPM if all(is_common(word) for word in words) else WORD_SHARE_PPM


def _is_family(chain: list[Person]) -> bool:
    """Say whether the mailboxes are one surname with other initials, few enough for one household."""
    stems = {tuple(word for word in _LETTERS.findall(person.local) if len(word) > 1) for person in chain}
    return len(stems) == 1 and len(chain) <= FAMILY_PEOPLE_MAX


def _is_walk(person: Person) -> bool:
    if _WALK.search(person.local):
        return True
    return _NAME_WALK.search((person.lead.name or "")[:LOCAL_MAX].lower()) is not None


def _is_one_scheme(group: list[Person]) -> bool:
    """Say whether a school, or a company whose addresses are confirmed, named these mailboxes."""
    email = group[0].lead.email
    domain = email_domain(email)
    if domain is None or len({_domain_text(person.lead.email) for person in group}) > 1:
        return False
    if is_academic(domain):
        return True
    return private_domain(email) is not None and all(person.lead.is_verified for person in group)


def _domain_text(email: str | None) -> str:
    return (email or "")[:EMAIL_MAX].strip().lower().rpartition("@")[2]


def _people_of(leads: list[LeadRecord]) -> list[Person]:
    """Return one record a person: a mailbox registered twice is another rule's matter."""
    firsts: dict[str, Person] = {}
    for lead in leads[-LEADS_MAX:]:
        local = (lead.email or "")[:EMAIL_MAX].strip().lower().rpartition("@")[0].partition("+")[0][:LOCAL_MAX]
        firsts.setdefault(lead.person_key or f"lead:{lead.conversion_id}", Person(lead=lead, local=local))
    return list(firsts.values())


def _shape(local: str) -> str:
    """Return the name with every letter as "a" and every digit as "9"."""
    return _DIGIT.sub("9", _LETTER.sub("a", local))


def _root(parents: dict[str, str], local: str) -> str:
    while parents[local] != local:
        parents[local] = parents[parents[local]]
        local = parents[local]
    return local


RULE: Rule[Config] = Rule(
    id="templated_identities",
    version=1,
    title=N_("Customers made after a pattern"),
    family="identity",
    severity="high",
    needs=frozenset(),
    timing=frozenset({"nightly"}),
    config=Config(),
    evaluate_partner=evaluate_partner,
)
