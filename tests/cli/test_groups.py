"""`hab config` and `hab file`: what is asked, what is shown, what is refused before asking."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from click.testing import Result

from actors.adapters.boxes import open_sealed
from actors.adapters.key_ring import KeyRing
from actors.messages.base import Message
from actors.messages.groups import (
    ApplyConfig,
    GroupConfig,
    GroupFacts,
    GroupFile,
    QueryGroup,
    UploadFile,
)
from actors.messages.ring import (
    Census,
    GroupMember,
    Member,
    Members,
    MemberView,
    QueryCensus,
    QueryMembers,
    ServiceInfo,
)
from actors.messages.runtime import CallFailed
from actors.messages.service import Accepted

Hab = Callable[..., Result]
GROUP = "redis.default"


def test_apply_sends_the_file_s_bytes_and_prints_what_was_accepted(
    hab: Hab, gateway: Any, tmp_path: Path
) -> None:
    file = tmp_path / "redis.toml"
    file.write_bytes(b"port = 7000\n")
    with gateway(lambda _: [Accepted("Applied configuration version 3", "e:1:1")]) as playing:
        done = hab("config", "apply", GROUP, "3", str(file))
        again = hab("apply", GROUP, "3", text="port = 7000\n")
    assert done.exit_code == again.exit_code == 0, done.output + again.output
    assert done.stdout == "Applied configuration version 3 (event e:1:1)\n"
    assert "Setting new configuration version 3 for redis.default" in done.stderr
    assert playing.asked == [ApplyConfig(GroupConfig(GROUP, 3, b"port = 7000\n"))] * 2


def test_a_stale_version_is_an_error_that_names_the_current_one(hab: Hab, gateway: Any) -> None:
    refused = CallFailed("Refused", "version 3 is not above the current one, 5", "stale")
    with gateway(lambda _: [refused]):
        done = hab("config", "apply", GROUP, "3", "-", text="a = 1")
    assert done.exit_code == 1
    assert "current one, 5" in done.stderr


def test_what_cannot_be_right_is_refused_without_a_supervisor(hab: Hab, tmp_path: Path) -> None:
    big = tmp_path / "big"
    big.write_bytes(b"x" * 65_537)
    for words, says in (
        (("config", "apply", "redis", "1", "-"), "Invalid service group"),
        (("config", "apply", GROUP, "0", "-"), "no version"),
        (("config", "apply", GROUP, "x", "-"), "no version"),
        (("config", "apply", GROUP, "1", str(big)), "too large"),
        (("file", "upload", GROUP, "1", str(big)), "too large"),
    ):
        done = hab(*words)
        assert done.exit_code == 2, done.output
        assert says in done.stderr
    missing = hab("file", "upload", GROUP, "1", str(tmp_path / "nowhere"))
    assert missing.exit_code == 1
    assert "nowhere" in missing.stderr


def test_apply_rolling_stages_it_and_names_what_tells_how_far_it_is(hab: Hab, gateway: Any) -> None:
    with gateway(lambda _: [Accepted("Staged configuration version 3", "e:1:1")]) as playing:
        done = hab("config", "apply", "--rolling", GROUP, "3", text="port = 7000\n")
    assert done.exit_code == 0, done.output
    assert done.stdout == "Staged configuration version 3 (event e:1:1)\n"
    assert f"`hab svc rollout status {GROUP}`" in done.stderr
    config = GroupConfig(GROUP, 3, b"port = 7000\n", rolling=True)
    assert playing.asked == [ApplyConfig(config)]


A, B = ("a" * 32, "b" * 32)


def knowing(facts: GroupFacts, **runs: int) -> Callable[[Message], list[Any]]:
    """Answers with what was applied; members `a` and `b` run with these versions."""
    members = tuple(
        GroupMember(ServiceInfo(name * 32, GROUP, "core/redis", config=version), "alive")
        for name, version in runs.items()
    )

    def answer(message: Message) -> list[Any]:
        match message:
            case QueryCensus():
                return [Census(1, {GROUP: members} if members else {})]
            case QueryMembers():
                known = (Member(m, 1, "10.0.0.1:9638", name=n) for m, n in ((A, "one"), (B, "two")))
                return [Members(A, "r", tuple(MemberView(one, "alive") for one in known))]
            case _:
                return [facts]

    return answer


def test_show_prints_the_toml_as_it_was_given(hab: Hab, gateway: Any) -> None:
    known = GroupFacts({GROUP: GroupConfig(GROUP, 4, b"port = 1")})
    with gateway(knowing(known)) as playing:
        shown, as_json = hab("config", "show", GROUP), hab("config", "show", GROUP, "--json")
    assert shown.stdout == "port = 1\n"
    assert "version 4" in shown.stderr
    said = json.loads(as_json.stdout)
    assert (said["schema"], said["version"], said["config"]) == ("config/1", 4, "port = 1")
    assert (said["staged"], said["members"]) == (None, {})
    assert playing.asked[0] == QueryGroup(GROUP)


def test_show_tells_which_version_is_staged_and_which_one_each_member_runs_with(
    hab: Hab, gateway: Any
) -> None:
    staged = GroupConfig(GROUP, 5, b"port = 2", rolling=True)
    known = GroupFacts({GROUP: GroupConfig(GROUP, 4, b"port = 1")}, staged={GROUP: staged})
    with gateway(knowing(known, a=5, b=4)):
        shown, as_json = hab("config", "show", GROUP), hab("config", "show", GROUP, "--json")
    assert shown.stdout == "port = 1\n"
    assert "staged is version 5; `hab svc rollout status redis.default`" in shown.stderr
    assert "configuration 5 runs at one (aaaaaaaa, this supervisor)" in shown.stderr
    assert "configuration 4 runs at two (bbbbbbbb)" in shown.stderr
    said = json.loads(as_json.stdout)
    assert (said["version"], said["staged"]["version"]) == (4, 5)
    assert said["members"] == {A: 5, B: 4}
    with gateway(knowing(GroupFacts(staged={GROUP: staged}), a=0)):
        first = hab("config", "show", GROUP)
    assert (first.exit_code, first.stdout) == (0, "")
    assert "nothing is in force" in first.stderr
    assert "no configuration runs at one" in first.stderr


def test_show_of_a_group_without_configuration_says_how_to_apply_one(
    hab: Hab, gateway: Any
) -> None:
    with gateway(knowing(GroupFacts())):
        shown = hab("config", "show", GROUP)
    assert shown.exit_code == 1
    assert "hab config apply redis.default 1" in shown.stderr


def test_upload_sends_the_file_under_its_own_name(hab: Hab, gateway: Any, tmp_path: Path) -> None:
    file = tmp_path / "keys.txt"
    file.write_bytes(b"\x00\x01")
    with gateway(lambda _: [Accepted("Uploaded keys.txt version 1")]) as playing:
        assert hab("file", "upload", GROUP, "1", str(file)).exit_code == 0
    assert playing.asked == [UploadFile(GroupFile(GROUP, "keys.txt", 1, b"\x00\x01"))]


def test_list_shows_every_file_of_every_group(hab: Hab, gateway: Any) -> None:
    files = {GROUP: (GroupFile(GROUP, "a.txt", 2, b"abc"),)}
    with gateway(lambda _: [GroupFacts({}, files)]):
        shown, as_json = hab("file", "list"), hab("file", "list", "--json")
    assert shown.stdout.splitlines()[1].split() == [GROUP, "a.txt", "2", "3", "no"]
    assert json.loads(as_json.stdout)["files"][0]["size_bytes"] == 3


# ── encrypted ──

SEALED = "redis.default@acme"


def test_what_a_user_encrypts_never_leaves_the_client_in_plain_text(
    hab: Hab, gateway: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setenv("HAB_CACHE_KEY_PATH", str(tmp_path / "keys"))
    assert hab("user", "key", "generate", "ann").exit_code == 0
    assert hab("svc", "key", "generate", SEALED).exit_code == 0
    file = tmp_path / "pass.txt"
    file.write_text("password")
    with gateway(lambda _: [Accepted("Done", "e:1:1")]) as playing:
        apply = ("config", "apply", "-u", "ann", SEALED, "1", "-")
        assert hab(*apply, text='p = "password"').exit_code == 0
        done = hab("file", "upload", "--user", "ann", SEALED, "1", str(file))
        assert done.exit_code == 0, done.output
        assert "encrypted by ann" in done.stderr
    config, uploaded = playing.asked[0].config, playing.asked[1].file
    keys = KeyRing(tmp_path / "keys")
    for fact, plain in ((config, b'p = "password"'), (uploaded, b"password")):
        assert fact.sealed
        assert b"password" not in fact.data
        assert open_sealed(fact.data, SEALED, keys) == plain
    with gateway(knowing(GroupFacts({SEALED: config}))):
        shown = hab("config", "show", SEALED)
    assert "encrypted by key ann-" in shown.stderr
    assert f"for key {SEALED}-" in shown.stderr
    assert shown.stdout.startswith("BOX-1\n")


def test_what_cannot_be_encrypted_is_not_sent(hab: Hab, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("HAB_CACHE_KEY_PATH", str(tmp_path / "keys"))
    words = ("config", "apply", "--user", "ann")
    group = hab(*words, GROUP, "1", text="a = 1")
    assert group.exit_code == 2
    assert "SERVICE.GROUP@ORG" in group.stderr
    keyless = hab(*words, SEALED, "1", text="a = 1")
    assert keyless.exit_code == 1
    assert "hab user key generate" in keyless.stderr
    broken = hab(*words, SEALED, "1", text="a =")
    assert broken.exit_code == 1
    assert "is not TOML" in broken.stderr
