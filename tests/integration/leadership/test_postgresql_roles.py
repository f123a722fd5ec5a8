"""The hooks of the demo's PostgreSQL with real servers, told their roles by hand.

By hand (`pytest -m slow` and this file), because it takes minutes.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from postgresql_member import Member
from supervisor_rig import eventually, free_ports

NAMES = ("a", "b", "c")
NOT_NOW = 75

pytestmark = pytest.mark.slow


@pytest.fixture
def members() -> Iterator[dict[str, Member]]:
    root = Path(tempfile.mkdtemp(prefix="habring-pg-"))
    root.chmod(0o755)
    ports = dict(zip(NAMES, free_ports(3), strict=True))
    made = {name: Member(root, name, ports) for name in NAMES}
    yield made
    for member in made.values():
        if member.server is not None and member.server.poll() is None:
            member.kill()
        member.hook("post-stop")
    shutil.rmtree(root)


@pytest.fixture
def led(members: dict[str, Member]) -> dict[str, Member]:
    """A leads in term 3, the others follow and have all it has."""
    members["a"].start("leader", 3, "a")
    members["b"].start("follower", 3, "a")
    members["c"].start("follower", 3, "a")
    assert members["a"].asked("CREATE TABLE writes (number int)").returncode == 0
    members["a"].write(1)
    all_have(members, "1")
    return members


def all_have(members: dict[str, Member], writes: str) -> None:
    eventually("all have it", lambda: {m.writes() for m in members.values()} == {writes}, 20)


def test_who_has_not_been_told_to_lead_takes_no_write(members: dict[str, Member]) -> None:
    members["a"].start("leader", 1, "a")
    members["a"].stop()
    members["a"].start("none", 2)
    eventually("it answers", lambda: members["a"].says("SELECT 1") == "1", 20)
    assert "read-only" in members["a"].asked("CREATE TABLE t (n int)").stderr


def test_no_commit_returns_before_a_follower_has_it(members: dict[str, Member]) -> None:
    members["a"].start("leader", 1, "a")
    with pytest.raises(subprocess.TimeoutExpired):
        members["a"].asked("CREATE TABLE t (n int)", timeout_s=2)


def test_the_timeline_is_the_term_and_followers_go_on_from_where_they_are(
    led: dict[str, Member],
) -> None:
    assert led["a"].timeline() == 4
    for name in ("b", "c"):
        led[name].becomes("none", 9)
    a, b, c = led["a"], led["b"], led["c"]
    assert a.run("role-changed", ("none", "9"), "none", 9, "").returncode == NOT_NOW
    a.stop()
    b.becomes("leader", 9, "b")
    assert b.timeline() == 10
    c.becomes("follower", 9, "b")
    b.write(2)
    a.start("follower", 9, "b")
    b.write(3)
    all_have(led, "1 2 3")


def test_positions_are_equal_on_all_members_and_outlive_a_crash(led: dict[str, Member]) -> None:
    a, b, c = led["a"], led["b"], led["c"]
    c.becomes("none", 4)
    a.write(2)
    b.becomes("none", 4)
    assert a.stands() is None  # it takes writes
    a.kill()
    a.hook("post-stop")
    assert (b.elects(a), c.elects(a), c.elects(b), b.elects(c)) == (True, True, True, False)
    assert (b.stands() or (0,))[0] >> 43 == 4
    before = b.stands()
    b.kill()
    b.hook("post-stop")
    assert b.stands() == before


def test_who_led_and_took_more_is_outranked_by_the_next_leader_and_rewound(
    led: dict[str, Member],
) -> None:
    a, b, c = led["a"], led["b"], led["c"]
    for member in (b, c):
        member.becomes("none", 4)
    for number in range(100, 120):
        a.writes_alone(number)
    a.kill()
    a.hook("post-stop")
    assert not a.elects(b)  # it has more of their term, and would have to be asked first
    b.becomes("leader", 4, "b")
    c.becomes("follower", 4, "b")
    b.write(2)
    b.becomes("leader", 4, "b")  # once more changes nothing
    done = a.run("init", (), "follower", 4, "b")
    assert "to follow in term 4: rewind" in done.stderr
    assert "pg_rewind: Done!" in done.stderr
    assert (a.stands() or (1, 0))[0] == 0
    a.start("follower", 4, "b")
    b.write(3)
    all_have(led, "1 2 3")
    assert not list(a.data.glob("cluster-*"))


def test_an_interrupted_rewind_offers_nothing_needs_what_it_had_and_is_copied_anew(
    led: dict[str, Member],
) -> None:
    a, b, c = led["a"], led["b"], led["c"]
    a.stop()
    had = a.stands()
    (a.data / "copied").write_text(f"{(had or (0,))[0]} half\n")
    assert a.stands() == (0, (had or (0,))[0])
    assert b.elects(c)
    assert a.elects(b)
    assert a.run("init", (), "leader", 4, "a").returncode == 0
    for member in (b, c):
        member.becomes("none", 4)
    b.becomes("leader", 4, "b")
    c.becomes("follower", 4, "b")
    b.write(2)
    assert "to follow in term 4: copy" in a.run("init", (), "follower", 4, "b").stderr
    a.start("follower", 4, "b")
    all_have(led, "1 2")


def test_a_cluster_of_somebody_else_is_put_aside_before_its_member_follows(
    led: dict[str, Member],
) -> None:
    b = led["b"]
    b.stop()
    shutil.rmtree(b.data / "cluster")
    b.start("leader", 7, "b")
    b.stop()
    b.start("follower", 3, "a")
    all_have(led, "1")
    assert len(list(b.data.glob("cluster-*"))) == 1


def test_an_old_leader_is_not_followed_by_who_was_told_a_newer_term(
    led: dict[str, Member],
) -> None:
    c = led["c"]
    c.stop()
    done = c.run("init", (), "follower", 4, "a")
    assert done.returncode == 1
    assert "does not take writes in term 4" in done.stderr


def test_a_start_that_was_overtaken_by_another_role_follows_nobody(led: dict[str, Member]) -> None:
    c = led["c"]
    c.becomes("none", 4)
    c.hook("post-run", "follower", 3, "a")
    assert c.health("follower", 3, "a") == 1
    assert led["a"].says("SELECT count(*) FROM pg_stat_replication") == "1"


def test_who_was_not_told_in_time_that_nobody_leads_lets_go_before_it_says_where_it_stands(
    led: dict[str, Member],
) -> None:
    assert led["c"].stands() is not None
    assert led["a"].says("SELECT count(*) FROM pg_stat_replication") == "1"


def test_a_follower_of_a_much_older_timeline_comes_through_a_leader_that_was_copied(
    led: dict[str, Member],
) -> None:
    a, b, c = led["a"], led["b"], led["c"]
    c.stop()  # it stays on timeline 4
    for term, (old, new) in ((6, (a, b)), (9, (b, a))):
        new.becomes("none", term)
        old.stop()
        new.becomes("leader", term, new.name)
        shutil.rmtree(old.data / "cluster")
        old.start("follower", term, new.name)
        new.write(term)
    a.stop()
    b.becomes("none", 12)
    b.becomes("leader", 12, "b")
    c.start("follower", 12, "b")
    b.write(12)
    a.start("follower", 12, "b")
    all_have(led, "1 6 9 12")


def test_a_cluster_with_a_past_can_be_led_in_a_first_term(led: dict[str, Member]) -> None:
    a, b, c = led["a"], led["b"], led["c"]
    for member in (c, b, a):
        member.stop()
    a.start("leader", 1, "a")  # in another ring
    assert a.timeline() == 6
    for member in (b, c):
        member.start("follower", 1, "a")
    a.write(2)
    a.stop()
    for member in (b, c):
        member.becomes("none", 2)
    b.becomes("leader", 2, "b")
    assert b.timeline() == 7
    c.becomes("follower", 2, "b")
    b.write(3)
    a.start("follower", 2, "b")
    all_have(led, "1 2 3")
