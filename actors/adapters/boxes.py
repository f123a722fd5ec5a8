"""Encrypting for a service group, and opening what was encrypted for one: crypto_box of a pair."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from nacl.exceptions import CryptoError as NaclError
from nacl.public import Box, PrivateKey, PublicKey

from actors.depot.boxtext import NONCE_BYTES, BoxText, format_box, parse_box
from actors.depot.keyfile import KeyKind
from actors.errors import CryptoError

if TYPE_CHECKING:
    from actors.adapters.key_ring import KeyRing


def seal(plain: bytes, user: str, group: str, keys: KeyRing) -> bytes:
    """Encrypt by the newest secret key of `user` for the newest public key of `group`.

    Raises CryptoError where one of the two is not in the key cache.
    """
    sender = keys.newest(user, KeyKind.BOX_SECRET)
    receiver = keys.newest(group, KeyKind.BOX_PUBLIC)
    nonce = secrets.token_bytes(NONCE_BYTES)
    box = Box(PrivateKey(sender.raw), PublicKey(receiver.raw))
    ciphertext = box.encrypt(plain, nonce).ciphertext
    return format_box(BoxText(sender.full_name, receiver.full_name, nonce, ciphertext))


def open_sealed(data: bytes, group: str, keys: KeyRing) -> bytes:
    """What was encrypted for `group`. Raises CryptoError, which names the key that is missing."""
    box = parse_box(data)
    if box.receiver_name != group:
        raise CryptoError(f"it is encrypted for key {box.receiver}, not for one of {group}")
    receiver = keys.exactly(box.receiver, KeyKind.BOX_SECRET)
    sender = keys.exactly(box.sender, KeyKind.BOX_PUBLIC)
    try:
        return Box(PrivateKey(receiver.raw), PublicKey(sender.raw)).decrypt(
            box.ciphertext, box.nonce
        )
    except NaclError as error:
        raise CryptoError(
            f"keys {box.receiver} and {box.sender} do not open it: "
            "it was altered, or one of them is another key of that name"
        ) from error
