"""Promo and partner codes: which entry a sent code means and whether it may earn.

Called by the engine once per conversion; never looks at clicks beyond the set of partners that took part.
"""

from collections.abc import Iterable

import msgspec

from attribution.eligibility import Refusal, Standings, refuse_partner
from attribution.types import CodeEntry, Conversion, Settings


class CodeClaim(msgspec.Struct, frozen=True, kw_only=True):
    """A code as sent.

    It has its name in the explanation, its owner if it is known, and the refusal if it cannot earn.
    """

    touch: str
    partner_id: str | None
    refusal: Refusal | None


def fold_code(text: str) -> str:
    """Return a code as it is compared: without case and outer blanks."""
    return text.strip().casefold()


def judge_codes(
    conversion: Conversion,
    entries: Iterable[CodeEntry],
    *,
    standings: Standings,
    settings: Settings,
    involved: frozenset[str],
) -> tuple[CodeClaim, ...]:
    """Return a claim per sent code, promo code before partner code; the same code sent twice counts once.

    involved are the partners with an eligible touch, which the policy if_involved asks for.
    """
    claims: dict[str, CodeClaim] = {}
    known = tuple(entries)
    for text in (conversion.coupon, conversion.partner_code):
        if not text or fold_code(text) in claims:
            continue
        entry = _find_entry(text, conversion, known)
        refusal = _refuse_code(entry, conversion, standings)
        uninvolved = entry is not None and entry.partner_id not in involved
        if refusal is None and settings.coupon_policy == "if_involved" and uninvolved:
            refusal = Refusal(reason="code_partner_not_involved")
        partner_id = entry.partner_id if entry else None
        claims[fold_code(text)] = CodeClaim(touch=f"code:{text}", partner_id=partner_id, refusal=refusal)
    return tuple(claims.values())


def _find_entry(text: str, conversion: Conversion, entries: tuple[CodeEntry, ...]) -> CodeEntry | None:
    """Return the entry a code means, or None.

    One of this program comes first, then the one that lasts longest, so that a code issued again after it
    ended counts again; then the partner decides, so that the order handed in does not.
    """

    def rank(entry: CodeEntry) -> tuple[bool, bool, int, str, str]:
        foreign = entry.program_id != conversion.program_id
        ends = entry.valid_to_ms is not None
        return (foreign, ends, -(entry.valid_to_ms or 0), entry.partner_id, entry.program_id)

    wanted = fold_code(text)
    return min((entry for entry in entries if fold_code(entry.code) == wanted), key=rank, default=None)


def _refuse_code(entry: CodeEntry | None, conversion: Conversion, standings: Standings) -> Refusal | None:
    if entry is None:
        return Refusal(reason="code_unknown")
    if entry.program_id != conversion.program_id:
        return Refusal(reason="code_other_program", detail={"program_id": entry.program_id})
    if entry.valid_to_ms is not None and conversion.at_ms > entry.valid_to_ms:
        return Refusal(reason="code_expired", detail={"valid_to_ms": entry.valid_to_ms})
    return refuse_partner(entry.partner_id, conversion, standings)
