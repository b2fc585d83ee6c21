"""A finding as a row of facts: what was looked at, the value here, what is normal, how much it weighs; pure.

The page of a case calls it. Values come from the finding's own evidence and settings, so that the row says what was
true then. What evidence is called and how it is written stands in `evidence_facts.py`.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from fraud_rules.sentences import write_sentence
from fraud_rules.types import PPM, Finding
from tracker.admin import labels
from tracker.admin.evidence_facts import MATCH, measured, named_fact
from tracker.cases.types import FindingRow
from tracker.fraud.rules import rule_titles
from tracker.i18n.catalog import translations
from tracker.i18n.translator import Translator


class FactRow(NamedTuple):
    """One row of the facts table; `weight_bps` is 0 where the sign was forgiven.

    `details` are the names and values of all evidence that `here` and `normal` do not say.
    """

    finding_id: str
    signal: str
    sentence: str
    here: str
    normal: str
    details: tuple[tuple[str, str], ...]
    weight_bps: int
    is_forgiven: bool
    clears_when: str
    conversion_ids: tuple[str, ...]


def fact_rows(rows: Iterable[FindingRow], speech: Translator) -> list[FactRow]:
    """Return one row a rule and shared fact, the weightiest first: a crowd's members all say the same of it.

    A finding about a partner as a whole is a row of its own: each kind of flood, each address is another fact.
    """
    groups: dict[tuple[str, str, bool], list[FindingRow]] = {}
    for row in rows:
        is_whole = row.conversion_id is None
        fact = row.finding_id if is_whole else row.finding.cluster_key or row.conversion_id or ""
        groups.setdefault((row.finding.rule, fact, _is_forgiven(row)), []).append(row)
    found = [_fact_row(group, speech) for group in groups.values()]
    return sorted(found, key=lambda fact: (fact.is_forgiven, -fact.weight_bps, fact.finding_id))


def _fact_row(group: list[FindingRow], speech: Translator) -> FactRow:
    """Return the row of findings about one fact in the reader's language, in the words of the weightiest."""
    row = max(group, key=lambda each: each.finding.factor_ppm)
    finding = row.finding
    catalogue = translations(speech.language)
    written = _VALUES.get(finding.rule)
    here, normal, said = measured(finding, speech) if written is None else (*written(finding, speech), frozenset())
    title = rule_titles().get(finding.rule)
    return FactRow(
        finding_id=row.finding_id,
        signal=speech.gettext(title) if title else finding.rule,
        sentence=write_sentence(finding, catalogue),
        here=here,
        normal=normal,
        details=tuple(named_fact(finding, key, speech) for key in finding.evidence if key not in said),
        weight_bps=finding.factor_ppm * 100 // PPM * 100,
        is_forgiven=_is_forgiven(row),
        clears_when=catalogue.gettext(finding.clears_when),
        conversion_ids=_spoken_of(row, group),
    )


def _spoken_of(row: FindingRow, group: list[FindingRow]) -> tuple[str, ...]:
    """Return the conversions the group is about; of a finding about a partner, those it speaks of."""
    about = [each.conversion_id for each in (row, *group) if each.conversion_id is not None]
    return tuple(dict.fromkeys(about or row.finding.compared))


def _is_forgiven(row: FindingRow) -> bool:
    return not row.finding.fired or row.allowed_by is not None


def headline(row: FindingRow, speech: Translator) -> str:
    """Return the finding as one sentence, for a row of the queue."""
    return write_sentence(row.finding, translations(speech.language))


def _int(finding: Finding, name: str) -> int:
    value = finding.evidence.get(name)
    return value if isinstance(value, int) else 0


def _self_email(finding: Finding, speech: Translator) -> tuple[str, str]:
    match = str(finding.evidence.get("match", ""))
    return labels.named(MATCH, match, speech), speech.gettext("a mailbox of somebody else")


def _self_network(finding: Finding, speech: Translator) -> tuple[str, str]:
    count = _int(finding, "logins")
    here = speech.ngettext(
        "%(count)s sign-in of the partner, the nearest %(span)s away",
        "%(count)s sign-ins of the partner, the nearest %(span)s away",
        count,
        span=speech.duration(_int(finding, "nearest_ms")),
    )
    window = finding.config.get("window_days")
    days = window if isinstance(window, int) else 7
    return here, speech.ngettext("none within %(count)s day", "none within %(count)s days", days)


def _same_ip(finding: Finding, speech: Translator) -> tuple[str, str]:
    people = _int(finding, "people")
    span = speech.duration(_int(finding, "span_ms"))
    here = speech.ngettext("%(count)s person within %(span)s", "%(count)s people within %(span)s", people, span=span)
    usual = str(finding.params.get("usual", ""))
    return here, speech.gettext("%(usual)s a day from such an address", usual=usual)


def _dup_email(finding: Finding, speech: Translator) -> tuple[str, str]:
    spellings = _int(finding, "spellings")
    here = speech.ngettext("%(count)s spelling of one mailbox", "%(count)s spellings of one mailbox", spellings)
    return here, speech.gettext("one")


def _too_fast(finding: Finding, speech: Translator) -> tuple[str, str]:
    here = speech.duration(_int(finding, "delay_ms"))
    return here, speech.gettext("over %(span)s", span=speech.duration(_int(finding, "line_ms")))


def _bot_agent(finding: Finding, speech: Translator) -> tuple[str, str]:
    agent = str(finding.evidence.get("agent") or "")
    return agent or speech.gettext("no name at all"), speech.gettext("a person's browser")


_VALUES: Mapping[str, Callable[[Finding, Translator], tuple[str, str]]] = {
    "self_email": _self_email,
    "self_network": _self_network,
    "same_ip_leads": _same_ip,
    "dup_person_email": _dup_email,
    "too_fast": _too_fast,
    "bot_agent": _bot_agent,
}
