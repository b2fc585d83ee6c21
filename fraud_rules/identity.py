"""Who two records speak of: keys of e-mails, phones and names.

The shell makes keys here when it stores a lead, the identity rules compare them. Every function takes
hostile text: it cuts the length first, never raises, and answers None where no key can be had.
"""

import functools
import re
import unicodedata

import msgspec

from fraud_rules.providers import CALLING_CODES, CYRILLIC, DOTLESS, HYPHEN_IS_DOT, TAGGED, TWINS

EMAIL_MAX = 320  # 64 for the mailbox, "@", 255 for the domain (RFC 5321, 4.5.3.1)
PHONE_MAX = 64
NAME_MAX = 200
NAME_TOKENS_MAX = 16
KEY_MAX = 128  # shop and visitor ids are shorter, see the wire limits
DOMAINS_KEPT = 4_096  # a megabyte at most
PHONE_DIGITS_MIN = 7
PHONE_DIGITS_MAX = 15  # E.164

_DOMAIN = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)+")
_EXTENSION = re.compile(r"(?<=\d)[\s.]*(?:[^\W\d_]|[#,;]).*", re.DOTALL)
_WORD = re.compile(r"[^\W_]+")


class EmailKeys(msgspec.Struct, frozen=True, kw_only=True):
    """Three readings of one address, strictest first.

    `raw_lower`: as typed, lower case. `canonical`: the mailbox it is known to reach. `weak`: the mailbox
    it would reach if its domain ignored "+tag"; equal to `canonical` where that is known.
    """

    raw_lower: str
    canonical: str
    weak: str


def email_keys(text: str | None) -> EmailKeys | None:
    """Return the keys of an e-mail address, or None when it is none.

    Sources: the providers' help pages as collected in `fraud_rules.providers`; IDNA 2003 for the domain.
    """
    if text is None or len(text) > EMAIL_MAX:
        return None
    raw = _without_invisible(unicodedata.normalize("NFKC", text)).strip().lower()
    local, _, domain_text = raw.rpartition("@")
    if not local or len(raw) > EMAIL_MAX or _has_gap(local) or "@" in local:
        return None
    domain = _ascii_domain(domain_text)
    if domain is None:
        return None
    domain = TWINS.get(domain, domain)
    weak_local = local.partition("+")[0] or local
    canonical_local = weak_local if domain in TAGGED else local
    return EmailKeys(
        raw_lower=raw,
        canonical=f"{_fold_local(canonical_local, domain)}@{domain}",
        weak=f"{_fold_local(weak_local, domain)}@{domain}",
    )


def email_domain(text: str | None) -> str | None:
    """Return the canonical domain of an e-mail address (ASCII, twins folded), or None."""
    keys = email_keys(text)
    return None if keys is None else keys.canonical.rpartition("@")[2]


def phone_digits(text: str | None, *, region: str | None = None) -> str | None:
    """Return "+" and the international digits of a phone number, or None when it is none.

    `region` is the ISO 3166 code national numbers are read in. Without it, or for a region outside the
    table, a number of unknown country keeps its bare digits: it then only equals the same typing.
    """
    if text is None:
        return None
    typed = unicodedata.normalize("NFKC", text[:PHONE_MAX])
    typed = _EXTENSION.sub("", typed)
    digits = "".join(str(unicodedata.decimal(char)) for char in typed if char.isdecimal())
    if len(set(digits)) < 2:  # 000000 and the like are typed to get past a form
        return None
    is_international = "+" in typed.partition(digits[0])[0]
    if not is_international and digits.startswith("00"):
        digits, is_international = digits[2:], True
    number = f"+{digits}" if is_international else _international(digits, region)
    if not PHONE_DIGITS_MIN <= len(number.lstrip("+")) <= PHONE_DIGITS_MAX:
        return None
    return number


def name_tokens(text: str | None) -> tuple[str, ...]:
    """Return the words of a name in Latin letters without marks, sorted: word order is no difference."""
    if text is None:
        return ()
    folded = unicodedata.normalize("NFKD", text[:NAME_MAX]).casefold()
    bare = "".join(char for char in folded if not unicodedata.combining(char))
    latin = bare.translate(CYRILLIC)
    return tuple(sorted(_WORD.findall(latin)[:NAME_TOKENS_MAX]))


def person_key(
    *,
    email: str | None = None,
    phone: str | None = None,
    customer_id: str | None = None,
    visitor_id: str | None = None,
    region: str | None = None,
) -> str | None:
    """Return the key that counts people, from the best fact there is, or None for an unknown person.

    E-mail before phone, shop's customer id and browser: two rows of one person must not count as two.
    """
    keys = email_keys(email)
    if keys is not None:
        return f"email:{keys.canonical}"
    digits = phone_digits(phone, region=region)
    if digits is not None:
        return f"phone:{digits}"
    if customer_id:
        return f"customer:{customer_id[:KEY_MAX]}"
    if visitor_id:
        return f"visitor:{visitor_id[:KEY_MAX]}"
    return None


def mask_email(text: str | None) -> str:
    """Return an address a reviewer may see: first letter and domain ("i•••@gmail.com")."""
    keys = email_keys(text)
    if keys is None:
        return "•••"
    local, _, domain = keys.raw_lower.rpartition("@")
    # Of one or two letters the first would give half of the name away.
    first = local[0] if len(local) >= 3 and local[0].isalnum() else ""
    return f"{first}•••@{domain[:64]}"


def mask_phone(text: str | None) -> str:
    """Return a number a reviewer may see: country, first three digits where seven more follow, last two."""
    digits = phone_digits(text)
    if digits is None:
        return "•••"
    number = digits.removeprefix("+")
    codes = sorted({code for code, _, _ in CALLING_CODES.values()}, key=len, reverse=True)
    code = next((code for code in codes if number.startswith(code)), "") if digits != number else ""
    national = number.removeprefix(code)
    first = f" {national[:3]}" if code and len(national) >= 10 else ""
    return f"{'+' if code else ''}{code}{first} •••-••-{national[-2:]}".strip()


# Domains repeat from lead to lead, and a long Cyrillic one costs a quarter of a millisecond.
@functools.lru_cache(maxsize=DOMAINS_KEPT)
def _ascii_domain(text: str) -> str | None:
    try:
        domain = text.removesuffix(".").encode("idna").decode("ascii").lower()
    except UnicodeError:
        return None
    return domain if _DOMAIN.fullmatch(domain) else None


def _fold_local(local: str, domain: str) -> str:
    if domain in DOTLESS:
        return local.replace(".", "") or local
    if domain in HYPHEN_IS_DOT:
        return local.replace("-", ".")
    return local


def _without_invisible(text: str) -> str:
    """Drop format characters: a zero-width space makes a second spelling nobody can see."""
    return "".join(char for char in text if unicodedata.category(char) != "Cf")


def _has_gap(local: str) -> bool:
    return any(char.isspace() or unicodedata.category(char) == "Cc" for char in local)


def _international(digits: str, region: str | None) -> str:
    plan = CALLING_CODES.get((region or "").upper())
    if plan is None:
        # No country code begins with 89 and 79 is mobile Russia and Kazakhstan, so eleven such digits
        # say their country; most forms of that market are filled in without a plus.
        if len(digits) == 11 and digits[:2] in {"79", "89"}:
            return f"+7{digits[1:]}"
        return digits
    code, trunk, lengths = plan
    if digits.startswith(code) and len(digits) - len(code) in lengths:
        return f"+{digits}"
    national = digits.removeprefix(trunk) if len(digits) not in lengths else digits
    return f"+{code}{national}" if len(national) in lengths else digits
