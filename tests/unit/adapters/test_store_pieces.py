from pathlib import Path

import pytest

from actors.adapters.commit import locate
from actors.adapters.sealed import seal, unseal


def test_what_is_sealed_unseals_to_the_same_bytes() -> None:
    for data in (b"", b"x", b"two\nlines\n", bytes(range(256)) * 50):
        assert unseal(seal(data)) == data


def test_the_sealed_form_is_one_readable_line_then_the_data() -> None:
    header, _, rest = seal(b"INCARNATION 7").partition(b"\n")
    assert header.startswith(b"habring-state-1 ")
    assert len(header.split()[1]) == 64
    assert rest == b"INCARNATION 7"


def test_any_torn_prefix_is_refused() -> None:
    content = seal(b"some state")
    assert all(unseal(content[:cut]) is None for cut in range(len(content)))


def test_any_flipped_bit_is_refused() -> None:
    content = seal(b"some state")
    for at in range(len(content)):
        for bit in range(8):
            flipped = content[:at] + bytes([content[at] ^ 1 << bit]) + content[at + 1 :]
            assert unseal(flipped) is None


def test_a_path_stays_below_the_directory() -> None:
    root = Path("/state")
    assert locate(root, "specs/redis.spec") == root / "specs/redis.spec"
    for bad in ("", ".", "/etc/passwd", "../up", "a/../../b", "a/..", "nul\0", ".habring-tmp-1-1"):
        with pytest.raises(ValueError, match=r"state directory|temporary"):
            locate(root, bad)
