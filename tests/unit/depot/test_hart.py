"""HART headers and key files: what is accepted, and what any other bytes answer."""

from __future__ import annotations

import base64
import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.depot.hart import parse_header, parse_public_key
from actors.errors import CryptoError

SIGNED = base64.b64encode(b"s" * 64 + b"0123456789abcdef" * 4)
HEADER = b"HART-1\nacme-20260101000000\nBLAKE2b\n" + SIGNED + b"\n\n"


def test_a_header_names_signer_and_payload() -> None:
    header = parse_header(HEADER + b"payload\n\n")
    assert header.signer == "acme-20260101000000"
    assert header.key_file == "acme-20260101000000.pub"
    assert header.digest == b"0123456789abcdef" * 4
    assert header.payload_offset == len(HEADER)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "HART-1"),
        (b"HART-2\n", "HART-1"),
        (b"HART-1\nnobody\nBLAKE2b\n\n\n", "Cannot parse named revision"),
        (b"HART-1\nacme-20260101000000\n", "cut off"),
        (HEADER.replace(b"BLAKE2b", b"MD5"), "hashed with"),
        (HEADER.replace(SIGNED, b"***"), "base64"),
        (HEADER.replace(SIGNED, base64.b64encode(b"short")), "digest"),
        (HEADER[:-1] + b"x\n", "empty"),
        (HEADER.replace(b"acme", b"../acme"), "Cannot parse named revision"),
    ],
)
def test_a_broken_header_is_refused_with_its_reason(data: bytes, why: str) -> None:
    with pytest.raises(CryptoError, match=why):
        parse_header(data)


def test_a_public_key_has_a_name_and_32_bytes() -> None:
    text = b"SIG-PUB-1\nacme-20260101000000\n\n" + base64.b64encode(b"k" * 32)
    assert parse_public_key(text) == ("acme-20260101000000", b"k" * 32)
    for broken in (b"", b"BOX-PUB-1\na-20260101000000\n\nAAAA", text[:-8], text + b"!"):
        with pytest.raises(CryptoError):
            parse_public_key(broken)


@given(st.binary(max_size=400))
def test_no_bytes_raise_anything_but_a_crypto_error(data: bytes) -> None:
    for parse in (parse_header, parse_public_key):
        with contextlib.suppress(CryptoError):
            parse(b"HART-1\n" + data)
