"""The text of what is encrypted for a group: Habitat's five lines, and whatever else may come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.depot.boxtext import TEXT_LIMIT, BoxText, format_box, parse_box
from actors.errors import CryptoError

BOX = BoxText("ann-20260101000000", "web.default@acme-20260102000000", b"n" * 24, b"c" * 40)


def test_a_message_is_five_lines_without_a_newline_at_the_end() -> None:
    lines = format_box(BOX).split(b"\n")
    assert lines[:3] == [b"BOX-1", BOX.sender.encode(), BOX.receiver.encode()]
    assert len(lines) == 5
    assert parse_box(format_box(BOX)) == parse_box(format_box(BOX) + b"\n") == BOX
    assert BOX.receiver_name == "web.default@acme"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"BOX-1", b"BOX-2"),
        (b"ann-20260101000000", b"../ann-20260101000000"),
        (b"ann-20260101000000", b"ann"),
        (b"@acme-20260102000000", b"@acme/x-20260102000000"),
        (b"bm5u", b"bm5"),
        (b"bm5ubm5u", b"bm5u"),
        (b"Y2Nj", b"!!!!"),
        (b"\n", b" "),
    ],
)
def test_what_is_no_such_text_is_refused(old: bytes, new: bytes) -> None:
    with pytest.raises(CryptoError):
        parse_box(format_box(BOX).replace(old, new))


def test_a_text_beyond_its_limit_is_refused_unread() -> None:
    with pytest.raises(CryptoError, match="at most"):
        parse_box(b"x" * (TEXT_LIMIT + 1))


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    for text in (data, b"BOX-1\n" + data):
        try:
            parse_box(text)
        except CryptoError:
            continue
