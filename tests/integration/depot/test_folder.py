"""A depot that is a folder: uploads, channels, keys; several processes; damage."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from depot_rig import LIB, NEWER, REVISION, WEB, Package, checksum, fill, public_key, put
from nacl.signing import SigningKey

from actors.adapters.depot_folder import FolderDepot
from actors.depot.channels import Artifact
from actors.depot.ident import parse_ident
from actors.errors import CryptoError, HabError, Refused

TARGET = Package().target


def test_an_upload_lands_in_unstable_and_is_described_from_its_metafiles(
    depot: FolderDepot,
) -> None:
    put(depot, Package(tdeps=(LIB,)))
    found = depot.latest(parse_ident("acme/web"), TARGET, "unstable")
    assert found is not None
    assert (found.ident, found.tdeps, found.service) == (WEB, (LIB,), True)
    assert found.checksum == checksum(Package(tdeps=(LIB,)).hart())
    assert depot.latest(parse_ident("acme/web"), TARGET, "stable") is None
    assert list(depot.channels(Package().artifact)) == ["unstable"]


def test_what_was_promoted_is_the_latest_of_its_channel_until_demoted(depot: FolderDepot) -> None:
    fill(depot, Package())
    put(depot, Package(NEWER))
    stable = depot.latest(parse_ident("acme/web"), TARGET, "stable")
    unstable = depot.latest(parse_ident("acme/web"), TARGET, "unstable")
    assert stable is not None
    assert unstable is not None
    assert (stable.ident, unstable.ident) == (WEB, NEWER)
    depot.demote(Package().artifact, "stable")
    assert depot.latest(parse_ident("acme/web"), TARGET, "stable") is None


def test_a_hart_that_was_copied_in_counts_and_a_broken_one_is_left_out_and_said_once(
    depot: FolderDepot, caplog: pytest.LogCaptureFixture
) -> None:
    Package().write(depot.harts)
    (depot.harts / "broken.hart").write_bytes(b"nonsense")
    (depot.harts / f"acme-web-9-9-{TARGET}.hart").write_bytes(Package(NEWER).hart())
    with caplog.at_level(logging.WARNING):
        assert [d.ident for d in depot.all()] == [WEB]
        assert [d.ident for d in depot.all()] == [WEB]
    assert len(caplog.records) == 2


def test_a_changed_file_is_read_again(depot: FolderDepot) -> None:
    file = Package().write(depot.harts)
    before = depot.get(Package().artifact)
    file.write_bytes(Package(padding=6400).hart())
    after = depot.get(Package().artifact)
    assert before is not None
    assert after is not None
    assert before.checksum != after.checksum == checksum(file.read_bytes())


def test_another_process_reads_no_archive_again(depot: FolderDepot) -> None:
    put(depot, Package())
    file = depot.harts / Package().artifact.file_name
    status = file.stat()
    file.write_bytes(b"x" * status.st_size)  # no one could read this
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert [d.ident for d in FolderDepot(depot.folder).all()] == [WEB]


@pytest.mark.parametrize("cut", [0, 1, 50, 300, -1])
def test_a_truncated_upload_is_refused_and_nothing_is_left(depot: FolderDepot, cut: int) -> None:
    with pytest.raises(Refused):
        put(depot, Package(), Package().hart()[:cut])
    assert depot.all() == []
    assert [p for p in depot.folder.rglob("*") if p.is_file() and p.name != "LOCK"] == []


def test_an_upload_with_a_flipped_bit_is_refused_even_with_a_fitting_checksum(
    depot: FolderDepot,
) -> None:
    data = bytearray(Package().hart())
    data[-10] ^= 1
    with pytest.raises(Refused, match="altered"):
        put(depot, Package(), bytes(data))


def test_a_wrong_signature_is_refused_where_the_key_is_known(depot: FolderDepot) -> None:
    forged = Package().hart(SigningKey(b"z" * 32))
    depot.add_key("acme", REVISION, public_key())
    with pytest.raises(Refused, match="signature"):
        put(depot, Package(), forged)


def test_a_release_is_never_replaced(depot: FolderDepot) -> None:
    put(depot, Package())
    with pytest.raises(Refused) as refused:
        put(depot, Package(padding=640))
    assert refused.value.code == "conflict"


def test_two_packages_of_one_file_name_do_not_replace_each_other(depot: FolderDepot) -> None:
    one, other = Package(f"acme-x/web/1/{REVISION}"), Package(f"acme/x-web/1/{REVISION}")
    put(depot, one)
    with pytest.raises(Refused, match="same file name"):
        put(depot, other)
    assert depot.get(other.artifact) is None
    assert depot.get(one.artifact) is not None


def test_a_package_in_stable_is_not_deleted(depot: FolderDepot) -> None:
    fill(depot, Package())
    with pytest.raises(Refused):
        depot.delete(Package().artifact)
    depot.demote(Package().artifact, "stable")
    depot.delete(Package().artifact)
    assert depot.all() == []
    with pytest.raises(Refused):
        depot.promote(Package().artifact, "stable")


def test_keys_are_kept_under_their_own_name_only(depot: FolderDepot) -> None:
    depot.add_key("acme", REVISION, public_key())
    assert depot.key("acme", REVISION) == public_key()
    assert depot.key_revisions("acme") == [REVISION]
    with pytest.raises(Refused) as refused:
        depot.add_key("acme", REVISION, public_key())
    assert refused.value.code == "conflict"
    with pytest.raises(Refused):
        depot.add_key("other", REVISION, public_key())
    with pytest.raises(CryptoError):
        depot.add_key("acme", "20260101000001", b"SYM-SEC-1\nacme-20260101000001\n\n")
    assert depot.key("acme", "../x") is None
    assert depot.origins() == {"acme"}


def test_a_damaged_channel_table_is_an_error_and_never_an_empty_channel(depot: FolderDepot) -> None:
    fill(depot, Package())
    table = depot.folder / "channels"
    table.write_bytes(table.read_bytes().replace(b"1.0", b"1.1"))
    with pytest.raises(Refused, match="is damaged"):
        depot.latest(parse_ident("acme/web"), TARGET, "stable")
    with pytest.raises(Refused, match="is damaged"):
        depot.create_channel("acme", "lab")


PROMOTER = """
import sys
from pathlib import Path
from actors.adapters.depot_folder import FolderDepot
depot = FolderDepot(Path(sys.argv[1]))
for number in range(int(sys.argv[2]), int(sys.argv[2]) + 20):
    depot.create_channel("acme", f"c{number}")
"""


def test_two_processes_lose_none_of_each_others_changes(depot: FolderDepot) -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", PROMOTER, str(depot.folder), str(first)])
        for first in (0, 100)
    ]
    assert [process.wait(60) for process in processes] == [0, 0]
    names = set(depot.table().names("acme"))
    assert names == {"stable", "unstable", *(f"c{n}" for s in (0, 100) for n in range(s, s + 20))}


def test_a_reader_sees_a_whole_table_while_it_changes(depot: FolderDepot) -> None:
    with subprocess.Popen([sys.executable, "-c", PROMOTER, str(depot.folder), "0"]) as process:
        while process.poll() is None:
            depot.table()
    assert process.returncode == 0


def test_a_folder_that_may_only_be_read_serves(depot: FolderDepot, tmp_path: Path) -> None:
    Package().write(depot.harts)  # no index, no table, nothing else
    (depot.folder / "index").write_text("in the way")  # root may write anywhere
    assert [d.ident for d in FolderDepot(depot.folder).all()] == [WEB]


def test_uploads_cut_off_by_a_power_failure_are_removed_and_younger_ones_are_not(
    tmp_path: Path,
) -> None:
    now = 2_000_000_000.0
    depot = FolderDepot(tmp_path / "depot", wall=lambda: now)
    depot.prepare()
    for name, age_s in (("old", 90_000.0), ("new", 60.0)):
        file = depot.folder / "incoming" / name
        file.touch()
        os.utime(file, (now - age_s, now - age_s))
    depot.prepare()
    assert [p.name for p in (depot.folder / "incoming").iterdir()] == ["new"]


def test_a_package_of_another_origin_name_is_refused(depot: FolderDepot) -> None:
    bad = Artifact(parse_ident(f"Acme/web/1.0/{REVISION}"), TARGET)
    with depot.incoming_file() as incoming, pytest.raises(HabError):
        depot.upload(incoming, bad, "00")
    assert json.dumps([d.ident for d in depot.all()]) == "[]"
