"""Encrypting for a service group: who opens it, and what keeps it shut."""

from __future__ import annotations

from pathlib import Path

import pytest

from actors.adapters.boxes import open_sealed, seal
from actors.adapters.key_ring import BOX, KeyRing
from actors.depot.boxtext import TEXT_LIMIT, parse_box
from actors.depot.keyfile import KeyKind
from actors.errors import CryptoError

GROUP = "web.default@acme"
NOW = 1_790_000_000.0
WHAT = "configuration 1"


@pytest.fixture
def keys(tmp_path: Path) -> KeyRing:
    ring = KeyRing(tmp_path / "keys")
    ring.generate("ann", BOX, NOW)
    ring.generate(GROUP, BOX, NOW)
    return ring


def test_the_newest_keys_encrypt_and_their_holders_open(keys: KeyRing) -> None:
    newest = keys.generate(GROUP, BOX, NOW + 60)
    sealed = seal(b"password", "ann", GROUP, WHAT, keys)
    assert b"password" not in sealed
    assert parse_box(sealed).receiver == newest.full_name
    assert open_sealed(sealed, GROUP, keys) == b"password"


def test_the_same_again_is_the_same_bytes_and_anything_else_has_a_nonce_of_its_own(
    keys: KeyRing,
) -> None:
    sealed = seal(b"password", "ann", GROUP, WHAT, keys)
    assert seal(b"password", "ann", GROUP, WHAT, keys) == sealed
    keys.generate("bob", BOX, NOW)
    others = [
        sealed,
        seal(b"passwort", "ann", GROUP, WHAT, keys),
        seal(b"password", "ann", GROUP, "configuration 2", keys),
        seal(b"password", "bob", GROUP, WHAT, keys),
    ]
    keys.generate(GROUP, BOX, NOW + 60)
    others.append(seal(b"password", "ann", GROUP, WHAT, keys))
    assert len({parse_box(other).nonce for other in others}) == len(others)


def test_the_greatest_content_is_within_what_a_member_takes(keys: KeyRing) -> None:
    sealed = seal(b"x" * 65_536, "ann", GROUP, WHAT, keys)
    assert len(sealed) < TEXT_LIMIT
    assert len(open_sealed(sealed, GROUP, keys)) == 65_536


@pytest.mark.parametrize("kind", [KeyKind.BOX_SECRET, KeyKind.BOX_PUBLIC])
def test_without_one_of_the_keys_it_stays_shut_and_names_the_key(
    keys: KeyRing, kind: KeyKind
) -> None:
    sealed = seal(b"password", "ann", GROUP, WHAT, keys)
    name = parse_box(sealed).receiver if kind is KeyKind.BOX_SECRET else parse_box(sealed).sender
    (keys.path / f"{name}{kind.suffix}").unlink()
    with pytest.raises(CryptoError, match=name):
        open_sealed(sealed, GROUP, keys)


def test_a_missing_key_of_whom_to_encrypt_for_says_how_to_get_it(keys: KeyRing) -> None:
    with pytest.raises(CryptoError, match="hab svc key"):
        seal(b"", "ann", "db.default@acme", WHAT, keys)
    with pytest.raises(CryptoError, match="hab user key"):
        seal(b"", "bob", GROUP, WHAT, keys)


def test_what_is_for_another_group_or_was_altered_stays_shut(keys: KeyRing) -> None:
    keys.generate("db.default@acme", BOX, NOW)
    with pytest.raises(CryptoError, match="not for one of"):
        open_sealed(seal(b"x", "ann", "db.default@acme", WHAT, keys), GROUP, keys)
    sealed = bytearray(seal(b"x" * 60, "ann", GROUP, WHAT, keys))
    sealed[-20] = ord("A") if sealed[-20] != ord("A") else ord("B")
    with pytest.raises(CryptoError, match="altered"):
        open_sealed(bytes(sealed), GROUP, keys)
