"""Payment keys for what lacks them: partners with payout details, and conversions stored before there were keys.

A background task calls it. Whoever changes where a partner is paid to empties its key, and it is made anew here.
"""

from sqlalchemy import Connection, select, update

from tracker.clicks.tables import cursors
from tracker.conversions.tables import conversions
from tracker.fraud.payment_keys import PaymentKeys, payment_key_of
from tracker.partners.tables import enrollments, partners

AT_ONCE = 500  # rows given their keys in one transaction, a few ms

# How far down the conversions of before revision 0011 have their keys; the migration sets it, nothing is left at 0.
CURSOR = "payment_keys"


def give_payment_keys(conn: Connection, keys: PaymentKeys) -> bool:
    """Give partners and conversions of before the keys they lack, some at once; return whether more are left."""
    waiting = (
        select(enrollments.c.enrollment_id, enrollments.c.program_id, partners.c.payout_email)
        .join(partners, partners.c.partner_id == enrollments.c.partner_id)
        .where(partners.c.payout_email.is_not(None), enrollments.c.payment_key.is_(None))
        .order_by(enrollments.c.enrollment_id)
        .limit(AT_ONCE)
    )
    rows = conn.execute(waiting).all()
    for row in rows:
        mine = enrollments.c.enrollment_id == row.enrollment_id
        # A blank address has no key; it must not be asked for again and again.
        made = keys.key_of(row.program_id, row.payout_email) or ""
        conn.execute(update(enrollments).where(mine).values(payment_key=made))
    return len(rows) == AT_ONCE or _keep_old_conversions(conn, keys)


def _keep_old_conversions(conn: Connection, keys: PaymentKeys) -> bool:
    up_to = conn.execute(select(cursors.c.seq).where(cursors.c.name == CURSOR)).scalar_one_or_none()
    if not up_to:
        return False
    columns = (conversions.c.seq, conversions.c.program_id, conversions.c.trust, conversions.c.report)
    page = select(*columns).where(conversions.c.seq <= up_to).order_by(conversions.c.seq.desc()).limit(AT_ONCE)
    rows = conn.execute(page).all()
    for row in rows:
        key = payment_key_of(keys, row.program_id, row.report.get("metadata")) if row.trust == "verified" else None
        if key is not None:
            conn.execute(update(conversions).where(conversions.c.seq == row.seq).values(payment_key=key))
    left = rows[-1].seq - 1 if len(rows) == AT_ONCE else 0
    conn.execute(update(cursors).where(cursors.c.name == CURSOR).values(seq=left))
    return left > 0
