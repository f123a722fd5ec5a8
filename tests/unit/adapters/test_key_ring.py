"""Signing and box keys on disk: names, modes, what is refused; and files they sign."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from actors.adapters.key_files import write_key_file
from actors.adapters.key_ring import BOX, SIGNING, KeyRing
from actors.adapters.signing import blake2b_file, sign_file
from actors.adapters.unpacking import verify
from actors.depot.keyfile import KeyFile, KeyKind, format_key
from actors.errors import CryptoError, HostError

NOW = 1_700_000_000.0  # 2023-11-14 22:13:20


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return KeyRing(tmp_path / "cache" / "keys")


def modes(ring: KeyRing) -> dict[str, int]:
    return {p.name: stat.S_IMODE(p.stat().st_mode) for p in ring.path.iterdir()}


def test_a_signing_pair_is_stored_as_habitat_stores_it(ring: KeyRing) -> None:
    made = ring.generate("acme", SIGNING, NOW)
    assert made.full_name == "acme-20231114221320"
    assert modes(ring) == {
        "acme-20231114221320.pub": 0o444,
        "acme-20231114221320.sig.key": 0o400,
    }
    secret = ring.newest("acme", KeyKind.SIGNING_SECRET)
    assert secret.raw[32:] == made.raw


def test_pairs_of_one_second_never_share_a_file(ring: KeyRing) -> None:
    names = {ring.generate("acme", kinds, NOW).full_name for kinds in (SIGNING, BOX, SIGNING)}
    assert len(names) == 3
    assert len(modes(ring)) == 6


def test_the_newest_key_is_that_of_the_name_itself(ring: KeyRing) -> None:
    wanted = ring.generate("acme", SIGNING, NOW)
    ring.generate("acme-web", SIGNING, NOW + 100)
    ring.generate("acme", BOX, NOW + 200)
    assert ring.newest("acme", KeyKind.SIGNING_PUBLIC) == wanted
    assert ring.newest(wanted.full_name, KeyKind.SIGNING_PUBLIC) == wanted
    with pytest.raises(CryptoError, match="hab origin key generate other"):
        ring.newest("other", KeyKind.SIGNING_SECRET)


def test_an_imported_key_is_stored_once_and_never_replaced(ring: KeyRing, tmp_path: Path) -> None:
    data = format_key(ring.generate("acme", SIGNING, NOW))
    other = KeyRing(tmp_path / "other")
    key = other.import_bytes(data, SIGNING)
    assert other.import_bytes(data + b"\n", SIGNING) == key
    forged = KeyFile(key.kind, key.name, key.revision, b"x" * 32)
    with pytest.raises(CryptoError, match="another key"):
        other.import_bytes(format_key(forged), SIGNING)
    with pytest.raises(CryptoError, match="BOX-PUB-1 or BOX-SEC-1"):
        other.import_bytes(data, BOX)


@pytest.mark.parametrize("name", ["", "../evil", "a/b", "*", "[x]", "a\nb"])
def test_a_name_that_is_no_name_makes_no_key(ring: KeyRing, name: str) -> None:
    with pytest.raises(CryptoError, match="named revision"):
        ring.generate(name, SIGNING, NOW)
    assert not ring.path.exists()


def test_a_misnamed_key_and_a_link_are_not_used(ring: KeyRing, tmp_path: Path) -> None:
    key = ring.generate("acme", SIGNING, NOW)
    ring.path.joinpath("boss-20231114221320.pub").write_bytes(format_key(key))
    ring.path.joinpath("link-20231114221320.pub").symlink_to("/dev/zero")
    assert ring.list(KeyKind.SIGNING_PUBLIC) == [key]


def test_a_signed_file_verifies_and_is_the_same_each_time(ring: KeyRing, tmp_path: Path) -> None:
    public = ring.generate("acme", SIGNING, NOW)
    secret = ring.newest("acme", KeyKind.SIGNING_SECRET)
    payload, one, two = (tmp_path / name for name in ("payload", "one.hart", "two.hart"))
    payload.write_bytes(b"not looked into")
    sign_file(payload, one, secret)
    sign_file(payload, two, secret)
    assert one.read_bytes() == two.read_bytes()
    header = verify(one, ring.path)
    assert header.signer == public.full_name
    assert blake2b_file(one, header.payload_offset).encode() == header.digest
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "cache",
        "one.hart",
        "payload",
        "two.hart",
    ]


def test_a_secret_key_whose_halves_do_not_match_signs_nothing(
    ring: KeyRing, tmp_path: Path
) -> None:
    (tmp_path / "payload").write_bytes(b"x")
    damaged = KeyFile(KeyKind.SIGNING_SECRET, "acme", "20260101000000", b"k" * 64)
    with pytest.raises(CryptoError, match="damaged"):
        sign_file(tmp_path / "payload", tmp_path / "out.hart", damaged)
    assert not (tmp_path / "out.hart").exists()


def test_a_key_file_is_never_replaced(ring: KeyRing) -> None:
    ring.generate("acme", SIGNING, NOW)
    path = ring.path / "acme-20231114221320.pub"
    before = path.read_bytes()
    with pytest.raises(HostError, match="exists"):
        write_key_file(path, b"another", 0o444)
    assert path.read_bytes() == before
    assert len(modes(ring)) == 2
