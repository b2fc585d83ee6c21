"""The signed address of a partner's private page: who may see what until there are accounts for partners; pure.

Staff copy the address from the partner's page. It names the partner and when it was made, works for 30 days and can be
made only with the root secret; there is no list of addresses to steal.
"""

import msgspec
from itsdangerous import BadSignature, URLSafeSerializer

from tracker.services import purpose_key

LIVES_MS = 30 * 86_400_000  # long enough to be kept as a bookmark between two statements
_SKEW_MS = 300_000  # another process's clock may be a little ahead
_SALT = "molva partner page"


def private_link(base_url: str, *, secret: bytes, partner_id: str, now_ms: int) -> str:
    """Return the address of a partner's private page, valid for 30 days from now."""
    return f"{base_url}/p/{_signer(secret).dumps([partner_id, now_ms])}"


def read_token(token: str, *, secret: bytes, now_ms: int) -> str | None:
    """Return the partner's id an address stands for; None when it is not ours or over."""
    try:
        partner_id, issued_at_ms = msgspec.convert(_signer(secret).loads(token), tuple[str, int])
    except (BadSignature, msgspec.ValidationError):
        return None
    is_valid = issued_at_ms - _SKEW_MS <= now_ms < issued_at_ms + LIVES_MS
    return partner_id if is_valid else None


def _signer(secret: bytes) -> URLSafeSerializer:
    return URLSafeSerializer(purpose_key(secret, b"partner page v1"), salt=_SALT)
