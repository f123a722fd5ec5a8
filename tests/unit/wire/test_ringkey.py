"""Habitat's ring key files: read, written, refused."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.errors import CryptoError
from actors.wire.ringkey import (
    RingKey,
    curve_secret,
    format_key,
    next_revision,
    parse,
    revision_at,
    split_full_name,
)

SECRET = bytes(range(32))
TEXT = "SYM-SEC-1\nbeyonce-20160504220722\n\nRCFaO84j41GmrzWddxMdsXpGdn3iuIy7Mw3xYrjPLsE="


def test_a_key_file_of_habitat_is_read() -> None:
    key = parse(TEXT)
    assert (key.name, key.revision) == ("beyonce", "20160504220722")
    assert key.file_name == "beyonce-20160504220722.sym.key"
    assert len(key.secret) == 32
    assert format_key(key) == TEXT
    assert parse(TEXT.replace("\n", "\r\n") + "\r\n") == key


def test_a_secret_is_never_shown() -> None:
    assert "RCFa" not in repr(parse(TEXT))
    assert "secret" not in repr(parse(TEXT))


@given(
    name=st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,30}", fullmatch=True),
    wall=st.integers(0, 4_000_000_000),
    secret=st.binary(min_size=32, max_size=32),
)
def test_every_key_comes_back_from_its_text(name: str, wall: int, secret: bytes) -> None:
    key = RingKey(name, revision_at(wall), secret)
    assert parse(format_key(key)) == key
    assert split_full_name(key.full_name) == (name, key.revision)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SYM-SEC-1",
        TEXT.replace("SYM-SEC-1", "BOX-SEC-1"),
        TEXT.replace("beyonce", "../../etc/cron.d/x"),
        TEXT.replace("beyonce", ""),
        TEXT.replace("beyonce", "a\x00b"),
        TEXT.replace("beyonce", ".hidden"),
        TEXT.replace("beyonce", "x" * 200),
        TEXT.replace("20160504220722", "20161304220722"),
        TEXT.replace("20160504220722", "99999999999999"),
        TEXT.replace("20160504220722", "2016050422072"),
        TEXT.replace("\n\n", "\nsomething\n"),
        TEXT.replace("\n\n", "\n"),
        TEXT + "\nmore",
        TEXT[:-4],
        TEXT.replace("RCFa", "!!!!"),
        TEXT.replace(
            "RCFaO84j41GmrzWddxMdsXpGdn3iuIy7Mw3xYrjPLsE=", base64.b64encode(b"x" * 31).decode()
        ),
        "x" * 10_000,
    ],
)
def test_a_hostile_key_file_is_refused(text: str) -> None:
    with pytest.raises(CryptoError):
        parse(text)


@given(text=st.text(max_size=200))
def test_any_text_is_a_key_or_a_crypto_error(text: str) -> None:
    with pytest.raises(CryptoError):
        parse(text)


def test_revisions_order_by_time() -> None:
    keys = [RingKey("r", revision_at(wall), SECRET) for wall in (30, 10, 20)]
    assert [key.revision for key in sorted(keys)] == [
        revision_at(10),
        revision_at(20),
        revision_at(30),
    ]


def test_a_new_revision_is_newer_even_within_a_second_or_behind_a_clock() -> None:
    assert next_revision("", 100) == revision_at(100)
    assert next_revision(revision_at(100), 100) == revision_at(101)
    assert next_revision(revision_at(5_000), 100) == revision_at(5_001)


def test_each_revision_derives_its_own_curve_secret() -> None:
    one = RingKey("r", revision_at(1), SECRET)
    assert curve_secret(one) == curve_secret(RingKey("r", revision_at(1), SECRET))
    others = [
        RingKey("r", revision_at(2), SECRET),
        RingKey("s", revision_at(1), SECRET),
        RingKey("r", revision_at(1), SECRET[::-1]),
    ]
    assert len({curve_secret(one), SECRET, *map(curve_secret, others)}) == 5
