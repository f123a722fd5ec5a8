"""The key cache: what it writes, what it trusts, what it notices."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from actors.adapters.keys import KeyCache, RingKeys
from actors.errors import CryptoError, HostError
from actors.wire.ringkey import RingKey, format_key, parse

OLD = RingKey("ring", "20260101000000", b"1" * 32)
NEW = RingKey("ring", "20260201000000", b"2" * 32)


@pytest.fixture
def cache(tmp_path: Path) -> KeyCache:
    return KeyCache(tmp_path / "cache" / "keys")


def test_a_generated_key_is_stored_for_its_owner_alone(cache: KeyCache) -> None:
    key = cache.generate("ring", 1_700_000_000)
    path = cache.path / "ring-20231114221320.sym.key"
    assert parse(path.read_text()) == key
    assert stat.S_IMODE(path.stat().st_mode) == 0o400
    assert stat.S_IMODE(cache.path.stat().st_mode) == 0o700
    assert [entry.name for entry in cache.path.iterdir()] == [path.name]


def test_each_generated_revision_is_newer(cache: KeyCache) -> None:
    keys = [cache.generate("ring", 1_700_000_000) for _ in range(3)]
    assert cache.revisions("ring") == keys[::-1]
    assert cache.newest("ring") == keys[-1]


def test_what_is_exported_can_be_imported_elsewhere(cache: KeyCache, tmp_path: Path) -> None:
    key = cache.generate("ring", 1_700_000_000)
    other = KeyCache(tmp_path / "other")
    assert other.import_text(cache.export("ring")) == key
    assert other.import_text(cache.export(key.full_name)) == key
    assert other.list() == [key]


def test_another_secret_under_the_same_name_is_refused(cache: KeyCache) -> None:
    cache.import_text(format_key(OLD))
    with pytest.raises(CryptoError, match="another key"):
        cache.import_text(format_key(RingKey("ring", OLD.revision, b"x" * 32)))
    assert cache.newest("ring") == OLD


def test_a_missing_key_names_the_next_step(cache: KeyCache) -> None:
    assert cache.list() == []
    with pytest.raises(CryptoError, match="hab ring key generate"):
        cache.newest("ring")


def test_names_that_leave_the_directory_are_refused(cache: KeyCache) -> None:
    for name in ("../x", "a/b", "", ".x", "a\n"):
        with pytest.raises(CryptoError):
            cache.generate(name, 0)


def test_files_that_are_not_what_they_say_are_not_used(cache: KeyCache, tmp_path: Path) -> None:
    cache.import_text(format_key(OLD))
    (cache.path / "ring-20270101000000.sym.key").write_text("rubbish")
    (cache.path / "ring-20280101000000.sym.key").write_text(format_key(NEW))
    (cache.path / "ring-20290101000000.sym.key").mkdir()
    os.mkfifo(cache.path / "ring-20300101000000.sym.key")
    (tmp_path / "key").write_text(format_key(NEW))
    (cache.path / NEW.file_name).symlink_to(tmp_path / "key")
    (cache.path / "ring-20310101000000.sym.key").write_bytes(b"\xff" * 100)
    assert cache.list() == [OLD]


def test_a_cache_that_cannot_be_written_is_an_error_of_this_host(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(HostError):
        KeyCache(tmp_path / "file" / "keys").generate("ring", 0)


def test_new_revisions_of_the_served_name_are_noticed(cache: KeyCache) -> None:
    cache.import_text(format_key(OLD))
    keys = RingKeys(cache, "ring")
    assert not keys.refresh()
    cache.generate("other", 0)
    assert not keys.refresh()
    cache.import_text(format_key(NEW))
    assert keys.refresh()
    assert keys.revisions == (NEW, OLD)
    assert not keys.refresh()


def test_a_lost_key_directory_does_not_lose_the_keys_in_use(cache: KeyCache) -> None:
    cache.import_text(format_key(OLD))
    keys = RingKeys(cache, "ring")
    (cache.path / OLD.file_name).unlink()
    assert not keys.refresh()
    assert keys.revisions == (OLD,)


def test_a_keyed_ring_is_not_entered_without_its_key(cache: KeyCache) -> None:
    with pytest.raises(CryptoError):
        RingKeys(cache, "ring")
