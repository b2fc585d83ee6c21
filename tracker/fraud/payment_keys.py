"""Keys of what people pay with and are paid to: a keyed hash in place of the card's or account's own number.

The recording of reports makes them; the rules compare them. A key belongs to one program, so that programs cannot be
joined by it, and is made with a key that lives as long as the root secret: the same card is recognised after years.
"""

import hashlib
from typing import Any

import msgspec

from fraud_rules.identity import email_keys

FINGERPRINT = "payment_fingerprint"  # the key of a report's metadata
TEXT_MAX = 500  # characters; numbers of cards and accounts are shorter
KEY_BYTES = 16


class PaymentKeys(msgspec.Struct, frozen=True):
    """Makes the keys; `key` is derived from the root secret."""

    key: bytes

    def key_of(self, program_id: str, text: object) -> str | None:
        """Return the key of a card or account in a program; None without one. A mailbox counts in canonical form."""
        if not isinstance(text, str) or not text.strip():
            return None
        mailbox = email_keys(text)
        told = text.strip()[:TEXT_MAX] if mailbox is None else mailbox.canonical
        # The length says where the program ends.
        content = f"{len(program_id)}:{program_id}{told}".encode(errors="replace")
        return hashlib.blake2b(content, digest_size=KEY_BYTES, key=self.key, person=b"payment").hexdigest()


def payment_key_of(keys: PaymentKeys, program_id: str, metadata: dict[str, Any] | None) -> str | None:
    """Return the key of what the metadata of a verified report says was paid with."""
    return keys.key_of(program_id, (metadata or {}).get(FINGERPRINT))
