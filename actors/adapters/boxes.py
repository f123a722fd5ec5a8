"""Encrypting for a service group, and opening what was encrypted for one: crypto_box of a pair."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from nacl.exceptions import CryptoError as NaclError
from nacl.public import Box, PrivateKey, PublicKey

from actors.depot.boxtext import NONCE_BYTES, BoxText, format_box, parse_box
from actors.depot.keyfile import KeyKind
from actors.errors import CryptoError

if TYPE_CHECKING:
    from actors.adapters.key_ring import KeyRing


def seal(plain: bytes, user: str, group: str, what: str, keys: KeyRing) -> bytes:
    """Encrypt by the newest secret key of `user` for the newest public key of `group`.

    `what` names it, with its version. The same again comes to the same bytes: the nonce is a keyed
    hash of all that (as in SIV), so two contents never share one, and who sees two of these learns
    only whether they are the same version of the same content. Raises CryptoError where one of the
    keys is not in the key cache.
    """
    sender = keys.newest(user, KeyKind.BOX_SECRET)
    receiver = keys.newest(group, KeyKind.BOX_PUBLIC)
    named = f"{sender.full_name}\n{receiver.full_name}\n{what}\n".encode()
    nonce = hashlib.blake2b(
        named + plain, digest_size=NONCE_BYTES, key=sender.raw, person=b"habring nonce"
    ).digest()
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
