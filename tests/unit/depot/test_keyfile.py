"""Key files: byte for byte Habitat's, and hostile bytes answered plainly."""

from __future__ import annotations

import base64
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.depot.hart import format_header, parse_header
from actors.depot.keyfile import KeyFile, KeyKind, format_key, parse_key
from actors.errors import CryptoError

TEXT = b"SIG-PUB-1\nacme-20260101000000\n\n" + base64.b64encode(b"k" * 32)


def test_a_key_has_habitat_s_text_without_a_newline_at_the_end() -> None:
    key = KeyFile(KeyKind.SIGNING_PUBLIC, "acme", "20260101000000", b"k" * 32)
    assert format_key(key) == TEXT
    assert parse_key(TEXT) == parse_key(TEXT + b"\n") == key
    assert key.file_name == "acme-20260101000000.pub"


@pytest.mark.parametrize("kind", list(KeyKind))
def test_every_kind_of_key_survives_its_text(kind: KeyKind) -> None:
    key = KeyFile(kind, "redis.default@acme", "20260101000000", bytes(range(kind.size)))
    assert parse_key(format_key(key)) == key
    assert key.file_name.endswith(kind.suffix)
    assert str(key.raw) not in repr(key)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "not a key"),
        (b"NONSENSE-12\nacme-20260101000000\n\nAAAA", "not a key"),
        (b"SIG-PUB-1\nacme-20260101000000", "cut off"),
        (TEXT.replace(b"acme", b"../../acme"), "Cannot parse named revision"),
        (TEXT.replace(b"acme-", b""), "Cannot parse named revision"),
        (TEXT[:-4], "bytes"),
        (TEXT + b"!", "base64"),
        (TEXT.replace(b"SIG-PUB-1", b"SIG-SEC-1"), "32 bytes, not 64"),
        (b"x" * 5000, "four short lines"),
    ],
)
def test_what_is_no_key_is_refused_with_its_reason(data: bytes, why: str) -> None:
    with pytest.raises(CryptoError, match=why):
        parse_key(data)


def test_base64_counts_only_in_its_canonical_spelling() -> None:
    assert TEXT.endswith(b"s=")  # the last two bits of the s say nothing
    with pytest.raises(CryptoError, match="as it is written"):
        parse_key(TEXT[:-2] + b"t=")
    header = format_header("acme-20260101000000", b"s" * 64 + b"0123456789abcdef" * 4)
    assert parse_header(header).payload_offset == len(header)
    at = header.index(b"=") - 1
    with pytest.raises(CryptoError, match="as it is written"):
        parse_header(header[:at] + bytes([header[at] ^ 1]) + header[at + 1 :])


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_but_a_crypto_error(data: bytes) -> None:
    for start in (b"", b"BOX-SEC-1\n", b"SIG-PUB-1\nacme-20260101000000\n\n"):
        with contextlib.suppress(CryptoError):
            parse_key(start + data)
