"""Which binding stands after a decision; pure. Deciding for real and computing again both ask here."""

from tracker.conversions.types import ConversionRow, StoredBinding


def next_binding(
    row: ConversionRow, known: StoredBinding | None, *, credited: str | None, binds: bool
) -> StoredBinding | None:
    """Return whom the customer of a decided conversion is bound to from now on, None for nobody.

    Credited: the enrollment with the largest share, None without credit. Binds: whether the program bound when the
    conversion happened. First is what happened first, so an earlier conversion takes the binding over; one that is not
    credited any more gives its own back. Browser claims never bind.
    """
    if row.customer_id is None:
        return None
    is_mine = known is not None and known.conversion_id == row.conversion_id
    if not binds or credited is None or row.trust != "verified":
        return None if is_mine else known
    if known is not None and not is_mine and row.occurred_at_ms >= known.since_ms:
        return known
    return StoredBinding(
        program_id=row.program_id,
        customer_id=row.customer_id,
        enrollment_id=credited,
        since_ms=row.occurred_at_ms,
        conversion_id=row.conversion_id,
    )
