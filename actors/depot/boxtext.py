"""What a user has encrypted for a service group: the text around the ciphertext; pure.

Five lines, Habitat's (components/core/src/crypto/keys): `BOX-1`, the sender's key, the receiver's
key (both `name-revision`), base64 of the nonce, base64 of the ciphertext (crypto_box).
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Final

from actors.depot.keyfile import decode_base64, split_key_name
from actors.errors import CryptoError

FORM: Final = "BOX-1"
NONCE_BYTES: Final = 24
TEXT_LIMIT: Final = 128 * 1024  # what a member takes of anything encrypted


@dataclass(frozen=True, slots=True)
class BoxText:
    """An encrypted message; `sender` and `receiver` are keys as `name-revision`."""

    sender: str
    receiver: str
    nonce: bytes
    ciphertext: bytes

    @property
    def receiver_name(self) -> str:
        """Whom it is for: `service.group@org`."""
        return split_key_name(self.receiver)[0]


def parse_box(data: bytes) -> BoxText:
    """The message in its text. Raises CryptoError, whatever the bytes."""
    if len(data) > TEXT_LIMIT:
        raise CryptoError(f"encrypted text has {len(data)} bytes, at most {TEXT_LIMIT} are taken")
    lines = [line.strip() for line in data.strip().split(b"\n")]
    if len(lines) != 5 or lines[0] != FORM.encode():
        raise CryptoError(f"this is not five lines of {FORM}, as what is encrypted for a group is")
    sender, receiver = (line.decode("ascii", "replace") for line in lines[1:3])
    split_key_name(sender)
    split_key_name(receiver)
    nonce = decode_base64(lines[3], "the nonce")
    if len(nonce) != NONCE_BYTES:
        raise CryptoError(f"the nonce has {len(nonce)} bytes, not {NONCE_BYTES}")
    return BoxText(sender, receiver, nonce, decode_base64(lines[4], "the ciphertext"))


def format_box(box: BoxText) -> bytes:
    """The text of a message, as Habitat writes it: no newline at the end."""
    encoded = (base64.b64encode(part).decode() for part in (box.nonce, box.ciphertext))
    return "\n".join((FORM, box.sender, box.receiver, *encoded)).encode()
