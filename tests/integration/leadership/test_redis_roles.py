"""The hooks of the demo's Redis with real servers, told their roles by hand."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis_client import Redis, RedisSaysError
from redis_group import CHECKOUT, programs
from supervisor_rig import eventually, free_ports

PLAN = CHECKOUT / "scripts" / "demo_plans" / "redis"
NAMES = ("a", "b", "c")
CANNOT_SAY = 75


class Member:
    """One Redis and its hooks; `ports` are everybody's."""

    def __init__(self, root: Path, name: str, ports: dict[str, int]) -> None:
        self.root, self.name, self.port = root / name, name, ports[name]
        self.data = self.root / "data"
        for directory in (self.data, self.root / "config", self.root / "hooks"):
            directory.mkdir(parents=True)
        lines = "\n".join(f"{other} 127.0.0.1 {port}" for other, port in ports.items())
        values = {
            "{{cfg.bind}}": "127.0.0.1",
            "{{cfg.port}}": str(self.port),
            "{{cfg.maxmemory}}": "64mb",
            "{{pkg.svc_data_path}}": str(self.data),
            "{{pkg.svc_config_path}}": str(self.root / "config"),
        }
        for file in (*(PLAN / "config").iterdir(), *(PLAN / "hooks").iterdir()):
            text = re.sub(r"\{\{#each.*\{\{/each\}\}", lines, file.read_text(), flags=re.DOTALL)
            for word, value in values.items():
                text = text.replace(word, value)
            made = self.root / file.parent.name / file.name
            made.write_text(text)
            made.chmod(0o755)
        self.path = f"{programs()}{os.pathsep}{os.environ['PATH']}"
        self.server: subprocess.Popen[bytes] | None = None

    def start(self, role: str, term: int, leader: str = "") -> None:
        with (self.root / "log").open("ab") as log:
            self.server = subprocess.Popen(
                [self.root / "hooks" / "run"],
                env=self._environment(role, term, leader),
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        eventually("it answers", self.answers, 20)
        self.hook("post-run", role, term, leader)

    def kill(self) -> None:
        assert self.server is not None
        self.server.kill()
        self.server.wait()

    def answers(self) -> bool:
        try:
            return self.ask("PING") == "PONG"
        except (OSError, RedisSaysError):
            return False

    def ask(self, *words: str | int) -> object:
        with Redis(self.port) as client:
            return client.ask(*words)

    def becomes(self, role: str, term: int, leader: str = "") -> None:
        done = self._run("role-changed", (role, str(term)), role, term, leader)
        assert done.returncode == 0, done.stderr

    def hook(self, hook: str, role: str = "none", term: int = 0, leader: str = "") -> None:
        done = self._run(hook, (), role, term, leader)
        assert done.returncode == 0, done.stderr

    def health(self, role: str, term: int, leader: str) -> int:
        return self._run("health-check", (), role, term, leader).returncode

    def stands(self) -> tuple[int, int] | None:
        """What it offers as a leader, and what it needs of one; None where it cannot say."""
        done = self._run("suitability", (), "none", 0, "")
        if done.returncode == CANNOT_SAY:
            return None
        assert done.returncode == 0, done.stderr
        numbers = [int(word) for word in done.stdout.split()]
        return numbers[0], numbers[-1]

    def position(self) -> int | None:
        """Where its data stand: what a leader has to offer to have all of them."""
        stands = self.stands()
        return None if stands is None else stands[1]

    def elects(self, other: Member) -> bool:
        """Whether it would vote for the other, as far as their data go."""
        mine, theirs = self.stands(), other.stands()
        return mine is not None and theirs is not None and theirs[0] >= mine[1]

    def log(self) -> bytes:
        """The append-only file."""
        return (self.data / "appendonly.aof").read_bytes()

    def _run(
        self, hook: str, words: tuple[str, ...], role: str, term: int, leader: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.root / "hooks" / hook, *words],
            env=self._environment(role, term, leader),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def _environment(self, role: str, term: int, leader: str) -> dict[str, str]:
        told = {"HAB_ROLE": role, "HAB_LEADER_TERM": str(term), "HAB_LEADER": leader}
        return {**told, "PATH": self.path}


@pytest.fixture
def members(tmp_path: Path) -> Iterator[dict[str, Member]]:
    ports = dict(zip(NAMES, free_ports(3), strict=True))
    made = {name: Member(tmp_path, name, ports) for name in NAMES}
    yield made
    for member in made.values():
        if member.server is not None and member.server.poll() is None:
            member.kill()


@pytest.fixture
def led(members: dict[str, Member]) -> dict[str, Member]:
    """A leads in term 3, the others follow and have all it has."""
    members["a"].start("leader", 3, "a")
    members["b"].start("follower", 3, "a")
    members["c"].start("follower", 3, "a")
    eventually("all follow", lambda: members["a"].ask("WAIT", 2, 100) == 2, 20)
    return members


def write(member: Member, key: str, of: int) -> None:
    """Write, and have it confirmed by so many followers."""
    with Redis(member.port) as client:
        assert client.ask("SET", key, key) == "OK"
        assert client.ask("WAIT", of, 5000) == of


def gets(member: Member) -> int:
    """How often it was asked for a value."""
    found = re.search(r"cmdstat_get:calls=(\d+)", str(member.ask("INFO", "commandstats")))
    return int(found[1]) if found else 0


def test_who_has_not_been_told_to_lead_takes_no_write(members: dict[str, Member]) -> None:
    members["a"].start("none", 3)
    with pytest.raises(RedisSaysError, match="READONLY"):
        members["a"].ask("SET", "key", "value")


def test_positions_are_equal_on_all_members_and_outlive_a_crash(led: dict[str, Member]) -> None:
    write(led["a"], "one", 2)
    eventually("all can say", lambda: None not in [m.position() for m in led.values()], 20)
    eventually("all say the same", lambda: len({m.position() for m in led.values()}) == 1, 20)
    led["c"].becomes("none", 4)
    write(led["a"], "two", 1)
    a, b, c = (led[name].position() or 0 for name in NAMES)
    assert a == b > c
    led["a"].kill()
    assert led["a"].position() == a
    led["a"].start("none", 4)
    assert led["a"].position() == a
    assert c >> 48 == 3  # the term of the data


def test_a_new_leader_writes_its_term_first_and_followers_go_on_from_where_they_are(
    led: dict[str, Member],
) -> None:
    write(led["a"], "one", 2)
    for name in NAMES:
        led[name].becomes("none", 4)
    with pytest.raises(RedisSaysError, match="READONLY"):
        led["a"].ask("SET", "late", "late")
    led["b"].becomes("leader", 4, "b")
    led["a"].becomes("follower", 4, "b")
    led["c"].becomes("follower", 4, "b")
    write(led["b"], "two", 2)
    assert [led[name].ask("GET", "habring:term") for name in NAMES] == ["4"] * 3
    assert [led[name].ask("GET", "one") for name in NAMES] == ["one"] * 3
    eventually("all say the same", lambda: len({m.position() for m in led.values()}) == 1, 20)
    assert (led["a"].position() or 0) >> 48 == 4


def test_an_old_leader_is_not_followed_by_who_was_told_a_newer_term(
    led: dict[str, Member],
) -> None:
    led["c"].becomes("none", 4)
    waiting = subprocess.Popen(
        [led["c"].root / "hooks" / "role-changed", "follower", "4"],
        env={"HAB_ROLE": "follower", "HAB_LEADER_TERM": "4", "HAB_LEADER": "a"}
        | {"PATH": led["c"].path},
        stderr=subprocess.DEVNULL,
    )
    try:
        asked = gets(led["a"])
        eventually("it has tried several times", lambda: gets(led["a"]) >= asked + 3, 20)
        assert waiting.poll() is None
        assert led["a"].ask("WAIT", 2, 100) == 1
    finally:
        waiting.kill()
        waiting.wait()


def test_who_led_and_took_more_than_others_have_comes_back_with_what_the_new_leader_has(
    led: dict[str, Member],
) -> None:
    for name in ("b", "c"):
        led[name].becomes("none", 4)
    led["a"].ask("SET", "never-acknowledged", "x")
    led["a"].kill()
    led["b"].becomes("leader", 4, "b")
    led["c"].becomes("follower", 4, "b")
    write(led["b"], "new", 1)
    led["a"].start("follower", 4, "b")
    eventually("it has the new write", lambda: led["a"].ask("GET", "new") == "new", 20)
    assert led["a"].ask("GET", "never-acknowledged") is None
    eventually("it can say where it stands", lambda: led["a"].position() is not None, 20)
    eventually("as the others", lambda: led["a"].position() == led["b"].position(), 20)


def test_a_start_that_was_overtaken_by_another_role_changes_nothing(led: dict[str, Member]) -> None:
    led["c"].becomes("none", 4)
    led["c"].hook("post-run", "follower", 3, "a")
    assert led["a"].ask("WAIT", 2, 100) == 1


def test_what_it_was_told_in_an_earlier_life_does_not_hinder_a_start(
    led: dict[str, Member],
) -> None:
    for name in NAMES:
        led[name].becomes("none", 4)
    led["b"].becomes("leader", 4, "b")
    led["c"].becomes("follower", 4, "b")
    led["a"].kill()  # its last word is `none` in the very term in which it starts as follower
    led["a"].start("follower", 4, "b")
    write(led["b"], "one", 2)
    led["c"].kill()
    led["c"].start("follower", 4, "b")
    write(led["b"], "two", 2)


def test_a_health_check_mends_a_follower_that_was_interrupted_and_no_overtaken_one(
    led: dict[str, Member],
) -> None:
    led["c"].ask("REPLICAOF", "127.0.0.1", 1)
    assert led["c"].health("follower", 3, "a") == 1
    eventually("it is mended", lambda: led["c"].health("follower", 3, "a") == 0, 20)
    led["c"].becomes("none", 4)
    assert led["c"].health("follower", 3, "a") == 1
    assert led["a"].ask("WAIT", 2, 100) == 1


def test_a_repeated_promotion_makes_no_second_first_mark(led: dict[str, Member]) -> None:
    write(led["a"], "one", 2)
    before = led["b"].position() or 0
    led["a"].becomes("leader", 3, "a")
    assert (led["b"].position() or 0) >= before
    assert led["a"].ask("GET", "one") == "one"


def test_who_led_offers_all_of_its_term_and_needs_what_it_has(led: dict[str, Member]) -> None:
    write(led["a"], "one", 2)
    eventually("all say the same", lambda: len({m.position() for m in led.values()}) == 1, 20)
    led["c"].becomes("none", 4)
    write(led["a"], "two", 1)
    a, b, c = led["a"], led["b"], led["c"]
    assert (b.elects(a), c.elects(a), a.elects(b)) == (True, True, True)
    assert (a.elects(c), b.elects(c)) == (False, False)


def test_whose_file_has_no_mark_elects_who_led_its_term_and_nobody_else(
    led: dict[str, Member],
) -> None:
    write(led["a"], "one", 2)
    a, b, c = led["a"], led["b"], led["c"]
    for member in (b, c):  # as after a full resynchronisation that nothing followed
        member.becomes("none", 4)
        member.ask("BGREWRITEAOF")
        eventually("it is rewritten", lambda m=member: b"habring-mark" not in m.log(), 20)
        eventually("it can say", lambda m=member: m.position() is not None, 20)
    assert (b.elects(a), c.elects(a)) == (True, True)
    assert (b.elects(c), c.elects(b), a.elects(b)) == (False, False, False)
    b.kill()
    assert b.stands() is None
    b.start("none", 4)
    assert b.elects(a)
    a.becomes("leader", 4, "a")
    b.becomes("follower", 4, "a")
    eventually("it has a mark again", lambda: a.elects(b), 20)


def test_a_leader_that_goes_leaves_nothing_behind_that_its_followers_lack(
    led: dict[str, Member],
) -> None:
    with Redis(led["a"].port) as client:
        for number in range(2000):
            assert client.ask("SET", f"key-{number}", "x" * 100) == "OK"
    led["a"].becomes("none", 4)
    for name in ("b", "c"):
        led[name].becomes("none", 4)
        assert led["a"].elects(led[name])
    led["b"].becomes("leader", 4, "b")
    assert led["b"].ask("SET", "new", "x") == "OK"


def test_where_the_last_mark_is_found_is_kept_and_not_believed_of_another_file(
    led: dict[str, Member],
) -> None:
    write(led["a"], "one", 2)
    b = led["b"]
    eventually("it can say", lambda: b.position() is not None, 20)
    before, kept = b.position(), (b.data / "mark").read_text()
    assert b.position() == before
    assert int(kept.split()[1]) == b.log().rindex(b"habring-mark:3")
    inode = (b.data / "appendonly.aof").stat().st_ino
    for wrong in (f"{inode} 99999999999", f"{inode + 1} 7", "nonsense", ""):
        (b.data / "mark").write_text(wrong)
        assert b.position() == before
