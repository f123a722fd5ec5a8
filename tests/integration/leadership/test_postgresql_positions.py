"""Where the demo's PostgreSQL says that its data stand: the parts that need no server."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from postgresql_member import Member

HISTORY = "1\t0/2000000\tx\n\n3\t1/4000\tx\n"


@pytest.fixture
def member(tmp_path: Path) -> Member:
    made = Member(tmp_path, "a", {"a": 5432})
    (made.data / "cluster" / "pg_wal").mkdir(parents=True)
    (made.data / "cluster" / "pg_wal" / "00000008.history").write_text(HISTORY)
    return made


def sh(member: Member, script: str) -> str:
    """What a script that has sourced the plan's functions prints; empty where it fails."""
    done = subprocess.run(
        ["sh", "-c", f". {member.root}/config/role.sh; {script}"],
        env={"PATH": "/usr/bin:/bin", "HAB_LEADER_TERM": "9", "HAB_LEADER": "a"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout if done.returncode == 0 else ""


def position(member: Member, timeline: int, last: str) -> int:
    return int(sh(member, f"timeline={timeline}; last=$(number {last}); position"))


def test_a_later_timeline_outranks_whatever_was_written_in_an_older_one(member: Member) -> None:
    old, new = position(member, 7, "FF/FFFFFFF8"), position(member, 8, "1/4000")
    assert old < new < 2**63
    assert old >> 43 == 7


def test_of_one_timeline_the_later_record_outranks_the_earlier(member: Member) -> None:
    begin = position(member, 8, "1/4000")
    assert begin == 8 << 43
    assert position(member, 8, "1/4008") == begin + 1
    assert position(member, 8, "2/4000") == begin + 2**29


def test_a_timeline_was_left_where_the_history_says_or_was_not_on_the_way(member: Member) -> None:
    history = "$wal/00000008.history"
    assert int(sh(member, f"left_at 3 <{history}")) == 0x100004000
    assert sh(member, f"left_at 2 <{history}") == ""
    assert int(sh(member, "begins 8")) == 0x100004000
    assert int(sh(member, "begins 1")) == 0


def test_segments_are_named_as_postgresql_names_them(member: Member) -> None:
    sizes = "segment_bytes=16777216"
    assert sh(member, f"{sizes}; segment 8 $(number 1/4000)") == "000000080000000100000000"
    assert sh(member, f"{sizes}; segment '' $(number 2/FF000000)") == "00000002000000FF"
    assert sh(member, "lsn $(number 2/FF00A0)") == "2/FF00A0"


def test_a_timeline_that_nobody_wrote_gets_the_history_of_where_it_would_begin(
    member: Member,
) -> None:
    assert sh(member, 'timeline=8; skip 2 9/0 && skip 5 9/0 && skip 9 9/0 && ls "$wal"')
    wal = member.data / "cluster" / "pg_wal"

    def branches(timeline: int) -> list[list[str]]:
        lines = (wal / f"{timeline:08X}.history").read_text().splitlines()
        return [line.split()[:2] for line in lines if line]

    assert branches(2) == [["1", "0/2000000"]]
    assert branches(5) == [["1", "0/2000000"], ["3", "1/4000"]]
    assert branches(9) == [["1", "0/2000000"], ["3", "1/4000"], ["8", "9/0"]]


def test_the_timeline_of_a_term_is_the_next_one_or_later_by_what_the_cluster_had(
    member: Member,
) -> None:
    assert int(sh(member, "own_timeline")) == 10
    (member.data / "cluster" / "habring.shift").write_text("4\n")
    assert int(sh(member, "own_timeline")) == 14
    assert int(sh(member, "own_timeline 7")) == 17


def test_a_role_gives_way_to_a_later_term_and_to_another_of_its_term_in_this_life(
    member: Member,
) -> None:
    def is_current(role: str, written: str) -> bool:
        (member.data / "role").write_text(written)
        return sh(member, f"HAB_ROLE={role}; is_current && echo yes") == "yes\n"

    assert is_current("follower", "none 8 ")
    assert not is_current("follower", "none 10 ")
    assert not is_current("follower", "none 9 ")
    assert is_current("follower", "follower 9 ")
    assert is_current("follower", "none 9 77-123")  # told to an earlier life


def test_a_password_may_have_the_signs_that_part_a_passfile(member: Member) -> None:
    sh(member, "write_passfile")
    assert (member.data / "passfile").read_text() == "*:*:*:replicator:se\\:cr\\\\et\n"
    assert (member.data / "passfile").stat().st_mode & 0o777 == 0o600
