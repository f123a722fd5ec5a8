"""What is encrypted for a service's group: opened or kept shut, on virtual time."""

from __future__ import annotations

from typing import Any

import pytest

from actors.messages.groups import GroupConfig, GroupFacts, GroupFile, SealedKept, SealedOpened
from actors.messages.service import LoadService, RestartService, ServiceSpec

WEB = ServiceSpec(ident="acme/web")
GROUP = "web.default"
CONF = {"web.conf": b"port={{cfg.port}}\n"}


@pytest.fixture
def web(rig: Any, make_package: Any) -> Any:
    package = make_package(version="3.0", hooks=("run", "reconfigure"), exports={"port": "port"})
    rig.shelf.add(package, config=CONF, defaults=b"port = 80\n")
    return rig


def apply(rig: Any, data: bytes, version: int = 1, *, sealed: bool = True) -> None:
    rig.facts = GroupFacts({GROUP: GroupConfig(GROUP, version, data, sealed=sealed)})


def conf(rig: Any) -> bytes:
    return bytes(rig.shelf.written["web"]["config/web.conf"])


def test_who_has_the_keys_uses_it_from_the_first_start(web: Any) -> None:
    web.shelf.keys.add("k1")
    apply(web, b"k1:port = 90")
    assert web.command(LoadService(WEB))[-1].outcome == "up"
    assert conf(web) == b"port=90\n"
    assert web.rumors()[-1].body.exports == {"port": 90}
    assert not web.events(SealedKept)


def test_who_lacks_a_key_says_so_once_and_keeps_what_it_has(web: Any) -> None:
    apply(web, b"port = 81", sealed=False)
    web.command(LoadService(WEB))
    pid = web.pid("web")
    apply(web, b"k1:port = 90", 2)
    web.until(lambda: bool(web.events(SealedKept)))
    web.run(20.0)
    (kept,) = web.events(SealedKept)
    assert (kept.service_group, kept.what) == (GROUP, "configuration version 2")
    assert "k1" in kept.reason
    assert (conf(web), web.pid("web")) == (b"port=81\n", pid)
    web.shelf.keys.add("k1")
    web.until(lambda: conf(web) == b"port=90\n")
    web.until(lambda: len(web.hooks("web", "reconfigure")) == 1)
    assert web.pid("web") == pid


def test_a_start_without_the_key_goes_without_it(web: Any) -> None:
    apply(web, b"k1:port = 90")
    assert web.command(LoadService(WEB))[-1].outcome == "up"
    assert conf(web) == b"port=80\n"
    assert web.events(SealedKept)


def test_a_new_instance_without_the_key_leaves_the_files_of_a_living_process(web: Any) -> None:
    web.shelf.keys.add("k1")
    apply(web, b"k1:port = 90")
    web.command(LoadService(WEB))
    pid = web.pid("web")
    web.shelf.keys.clear()
    web.kill("service/web")
    web.until(lambda: bool(web.events(SealedKept)))
    web.run(12.0)
    assert (conf(web), web.pid("web")) == (b"port=90\n", pid)


def test_a_restart_goes_on_with_the_configuration_held(web: Any) -> None:
    apply(web, b"port = 81", sealed=False)
    web.command(LoadService(WEB))
    apply(web, b"k1:port = 90", 2)
    web.until(lambda: bool(web.events(SealedKept)))
    pid = web.pid("web")
    web.command(RestartService("web"))
    web.until(lambda: web.pid("web") not in (None, pid))
    assert conf(web) == b"port=81\n"


def test_a_file_is_written_open_or_left_as_it_is(web: Any) -> None:
    files = (GroupFile(GROUP, "a", 1, b"k1:one", sealed=True), GroupFile(GROUP, "b", 1, b"two"))
    web.facts = GroupFacts({}, {GROUP: files})
    web.command(LoadService(WEB))
    assert "files/a" not in web.shelf.written["web"]
    assert web.shelf.written["web"]["files/b"] == b"two"
    web.shelf.keys.add("k1")
    web.until(lambda: web.shelf.written["web"].get("files/a") == b"one")


def test_content_that_was_opened_is_in_no_representation() -> None:
    said = repr(SealedOpened({b"box": b"password", b"other": "key k1 is not here"}))
    assert "password" not in said
    assert "key k1 is not here" in said
