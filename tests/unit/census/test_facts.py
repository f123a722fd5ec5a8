"""What may be applied to a group, from an operator and from the ring."""

from __future__ import annotations

import pytest

from actors.census import fold
from actors.census.facts import MAX_BYTES, publication, refusal
from actors.messages.groups import ApplyConfig, GroupConfig, GroupFile, UploadFile
from actors.messages.ring import Rumor

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


def test_a_group_has_its_files_by_name() -> None:
    files = [GroupFile(GROUP, name, 1, b"x") for name in ("b.txt", "a.txt")]
    known = fold.update({}, [rumor_of(UploadFile(file)) for file in files])
    assert [file.name for file in fold.group_facts(known).files[GROUP]] == ["a.txt", "b.txt"]


def test_a_rumor_that_speaks_of_another_group_or_version_is_left_out() -> None:
    foreign = Rumor("config", "web.default", A, 1, 1, config())
    older = Rumor("config", GROUP, A, 2, 1, config(version=1))
    for odd in (foreign, older):
        assert fold.group_facts(fold.update({}, [odd])).configs == {}
