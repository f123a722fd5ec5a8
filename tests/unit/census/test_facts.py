"""What may be applied to a group, from an operator and from the ring."""

from __future__ import annotations

import pytest

from actors.census import fold
from actors.census.facts import (
    MAX_BYTES,
    conflict,
    done_text,
    event_of,
    holds,
    publication,
    refusal,
)
from actors.messages.groups import (
    ApplyConfig,
    ConfigStaged,
    GroupConfig,
    GroupFacts,
    GroupFile,
    UploadFile,
)
from actors.messages.ring import GroupMember, Rumor, ServiceInfo

A, B = "a" * 32, "b" * 32
GROUP = "redis.default"


def config(data: bytes = b"port = 1\n", version: int = 1, group: str = GROUP) -> GroupConfig:
    return GroupConfig(group, version, data)


def rumor_of(command: ApplyConfig | UploadFile, owner: str = A) -> Rumor:
    said = publication(command)
    return Rumor(said.kind, said.key, owner, said.version, 1, said.body)


@pytest.mark.parametrize(
    ("fact", "says"),
    [
        (config(b"port ="), "as toml"),
        (config(b"\xff\xfe"), "as toml"),
        (config(b"a" * (MAX_BYTES + 1)), "too large"),
        (config(version=0), "Invalid version"),
        (config(version=-3), "Invalid version"),
        (config(group="redis"), "Invalid service group"),
        (config(group="../x.y"), "Invalid service group"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_refused_with_its_reason(
    fact: GroupConfig, says: str
) -> None:
    refused = refusal(ApplyConfig(fact))
    assert refused is not None
    assert says in refused.text


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../a", "a\\b", "a\0b", "x" * 201, "a\nb"])
def test_a_file_cannot_leave_its_directory(name: str) -> None:
    file = GroupFile(GROUP, name, 1, b"")
    refused = refusal(UploadFile(file))
    assert refused is not None
    assert "file name" in refused.text
    known = fold.update({}, [Rumor("file", f"{GROUP}/{name}", A, 1, 1, file)])
    assert fold.group_facts(known).files == {}


def test_configuration_that_no_parser_takes_is_refused() -> None:
    for data in (b"a = " + b"1" * 5000, b"a = " + b"[" * 5000):
        refused = refusal(ApplyConfig(GroupConfig(GROUP, 1, data)))
        assert refused is not None
        assert refused.code == "toml"


def test_sealed_configuration_is_not_read() -> None:
    assert refusal(ApplyConfig(GroupConfig(GROUP, 1, b"BOX-1\n...", sealed=True))) is None


def test_a_group_has_one_configuration_whoever_published_it() -> None:
    first = rumor_of(ApplyConfig(config(b"port = 1\n", 1)), A)
    second = rumor_of(ApplyConfig(config(b"port = 2\n", 2)), B)
    known = fold.update(fold.update({}, [first]), [second])
    assert fold.group_facts(known).configs == {GROUP: config(b"port = 2\n", 2)}


def staged(data: bytes = b"port = 5\n", version: int = 5) -> GroupConfig:
    return GroupConfig(GROUP, version, data, rolling=True)


def test_what_is_staged_is_told_as_long_as_what_is_in_force_is_older() -> None:
    both = [rumor_of(ApplyConfig(config(version=4))), rumor_of(ApplyConfig(staged()))]
    found = fold.group_facts(fold.update({}, both))
    assert (found.configs, found.staged) == ({GROUP: config(version=4)}, {GROUP: staged()})
    for newer in (config(version=6), staged()):  # applied to all; or what all members have taken
        promoted = Rumor("config", GROUP, A, newer.version, 1, newer)
        after = fold.group_facts(fold.update(fold.update({}, both), [promoted]))
        assert (after.configs, after.staged) == ({GROUP: newer}, {})


def test_a_staged_rumor_has_to_say_that_it_rolls() -> None:
    odd = Rumor("staged", GROUP, A, 5, 1, config(version=5))
    assert fold.group_facts(fold.update({}, [odd])).staged == {}


def members(*strategies: str) -> list[GroupMember]:
    infos = (
        ServiceInfo(f"{n:032x}", GROUP, "core/redis", strategy=strategy)
        for n, strategy in enumerate(strategies)
    )
    return [GroupMember(info, "alive") for info in infos]


KNOWN = GroupFacts({GROUP: config(version=4)}, staged={GROUP: staged()})
ROLLS = members("rolling", "rolling")


@pytest.mark.parametrize(
    ("fact", "who", "says"),
    [
        (staged(version=4), ROLLS, "version 4 is not above the current one, 4"),
        (config(version=5), ROLLS, "version 5 is not above the staged one, 5"),
        (staged(version=6), [], "no member of redis.default is up"),
        (staged(version=6), members("rolling", "none"), "1 of 2 members of redis.default do not"),
    ],
)
def test_versions_are_one_sequence_and_all_members_have_to_roll(
    fact: GroupConfig, who: list[GroupMember], says: str
) -> None:
    refused = conflict(ApplyConfig(fact), KNOWN, who)
    assert refused is not None
    assert says in refused.text
    assert refused.code == ("stale" if "not above" in says else "no-roll")


@pytest.mark.parametrize(
    ("fact", "who"),
    [
        (staged(version=6), ROLLS),
        (config(version=6), []),
        (config(version=4), []),  # gossip says that it is unchanged
        (config(version=3), []),  # and which one is current
        (staged(), ROLLS),
    ],
)
def test_what_may_be_applied_or_is_for_gossip_to_judge(
    fact: GroupConfig, who: list[GroupMember]
) -> None:
    assert conflict(ApplyConfig(fact), KNOWN, who) is None


def test_the_text_and_the_event_say_that_it_is_staged() -> None:
    command = ApplyConfig(staged())
    assert done_text(command) == "Staged configuration version 5"
    assert event_of(command) == ConfigStaged(GROUP, 5, 9)
    assert not holds(GroupFacts({GROUP: config(version=4)}), command)
    assert holds(KNOWN, command)
    assert not holds(KNOWN, ApplyConfig(config(version=5)))


def test_a_group_has_its_files_by_name() -> None:
    files = [GroupFile(GROUP, name, 1, b"x") for name in ("b.txt", "a.txt")]
    known = fold.update({}, [rumor_of(UploadFile(file)) for file in files])
    assert [file.name for file in fold.group_facts(known).files[GROUP]] == ["a.txt", "b.txt"]


def test_a_rumor_that_speaks_of_another_group_or_version_is_left_out() -> None:
    foreign = Rumor("config", "web.default", A, 1, 1, config())
    older = Rumor("config", GROUP, A, 2, 1, config(version=1))
    for odd in (foreign, older):
        assert fold.group_facts(fold.update({}, [odd])).configs == {}
