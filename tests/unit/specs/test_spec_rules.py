"""What each command makes of the specs, text by text."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from actors.errors import Refused
from actors.messages.depot import PackageInfo
from actors.messages.files import FileContent
from actors.messages.service import (
    LoadService,
    RestartService,
    ServiceSpec,
    ServiceStatus,
    StartService,
    StopService,
    UnloadService,
    UpdateService,
)
from actors.specs.directory import Known, read, written
from actors.specs.rules import (
    Deny,
    Keep,
    Remove,
    Write,
    check_package,
    decide,
    matching,
    outcome,
)
from actors.specs.spec_file import parse, problem, write

WEB = ServiceSpec(ident="acme/web/1.0", group="g", org="o", channel="dev", binds=("a:b.c",))
PY = ServiceSpec(ident="", name="py", cmd=("python", "x.py"))
SPECS = {"web": WEB, "py": PY}
STOPPED = {"web": ServiceSpec(ident="acme/web", desired_state="down")}


def replaced(spec: ServiceSpec, **fields: Any) -> ServiceSpec:
    return msgspec.structs.replace(spec, **fields)


def test_a_first_load_writes_the_spec_after_a_look_at_the_package() -> None:
    spec = ServiceSpec(ident="acme/db", desired_state="down", restarts=9)
    assert decide({}, LoadService(spec), "org") == Write(
        ServiceSpec(ident="acme/db", org="org"),
        "The acme/db service was successfully loaded",
        check=True,
        new=True,
    )


def test_a_different_load_is_a_conflict_in_habitats_words() -> None:
    denied = decide(SPECS, LoadService(ServiceSpec(ident="acme/web")))
    assert denied == Deny(
        "Service already loaded. Unload 'acme/web/1.0' and try again, or load with the --force "
        "flag to reload and restart the service.",
        "already-loaded",
    )
    assert isinstance(decide(SPECS, LoadService(ServiceSpec(ident="other/web"))), Deny)


def test_the_same_load_is_unchanged_also_when_stopped_since() -> None:
    assert isinstance(decide(SPECS, LoadService(WEB)), Keep)
    kept = decide(STOPPED, LoadService(ServiceSpec(ident="acme/web")))
    assert isinstance(kept, Keep)
    assert "stopped" in kept.text


def test_force_merges_only_what_was_given() -> None:
    spec = ServiceSpec(ident="acme/web", topology="leader", channel="x")
    forced = decide(SPECS, LoadService(spec, given=("topology",), force=True))
    assert isinstance(forced, Write)
    assert forced.spec == replaced(WEB, ident="acme/web", topology="leader")
    assert forced.changed == ("ident", "topology")
    stopped = decide(STOPPED, LoadService(ServiceSpec(ident="acme/web"), force=True))
    assert isinstance(stopped, Write)
    assert stopped.spec.desired_state == "up"


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (StopService("x/y"), "Service not loaded, x/y"),
        (StartService("nothere"), "Service not loaded, nothere"),
        (RestartService("x"), "Service not loaded, x"),
        (UnloadService("x/y"), "Service x/y not loaded"),
        (UpdateService("x", ServiceSpec(""), ("group",)), "Service x not loaded"),
    ],
)
def test_what_is_not_loaded_is_said_in_habitats_words(command: Any, text: str) -> None:
    assert decide(SPECS, command) == Deny(text, "not-loaded")


def test_start_of_what_was_never_loaded_loads_it_and_says_so() -> None:
    decision = decide(SPECS, StartService("acme/db"))
    assert isinstance(decision, Write)
    assert (decision.new, decision.check) == (True, True)
    assert decision.text == "The acme/db service was successfully loaded"


def test_stop_start_restart_and_unload_of_what_is_loaded() -> None:
    see = "See the Supervisor output for more details."
    stop = decide(SPECS, StopService("web"))
    assert stop == Write(
        replaced(WEB, desired_state="down"),
        f"Supervisor stopping web. {see}",
        changed=("desired_state",),
    )
    assert isinstance(decide(STOPPED, StopService("web")), Keep)
    start = decide(STOPPED, StartService("acme/web"))
    assert isinstance(start, Write)
    assert start.text == f"Supervisor starting acme/web. {see}"
    assert isinstance(decide(SPECS, StartService("web")), Keep)
    restart = decide(STOPPED, RestartService("web"))
    assert isinstance(restart, Write)
    assert (restart.spec.restarts, restart.spec.desired_state) == (1, "up")
    assert decide(SPECS, UnloadService("web.g@o")) == Remove("web", "Unloading web.g@o")


def test_update_changes_given_fields_only_and_may_clear_binds() -> None:
    decision = decide(SPECS, UpdateService("web", ServiceSpec(""), ("binds",)))
    assert decision == Write(
        replaced(WEB, binds=()), "Updating web", check=True, changed=("binds",)
    )
    none = Deny("No fields specified for update", "no-fields")
    assert decide(SPECS, UpdateService("web", ServiceSpec(""), ())) == none
    assert decide(SPECS, UpdateService("web", ServiceSpec(""), ("ident", "restarts"))) == none
    same = UpdateService("web", ServiceSpec("", channel="dev"), ("channel",))
    assert isinstance(decide(SPECS, same), Keep)


def test_an_ident_a_name_or_a_group_finds_a_service() -> None:
    for text in ("acme/web", "acme/web/1.0", "acme/web/1.0/2026", "web", "web.g@o"):
        assert matching(SPECS, text) == [WEB], text
    for text in ("acme/we", "acme/web/1.1", "web.g", "x/web", "acme", ""):
        assert matching(SPECS, text) == [], text
    assert matching(SPECS, "py.default") == [PY]


def test_an_ident_that_several_services_run_must_be_told_apart() -> None:
    both = {n: ServiceSpec(ident="acme/web", name=n) for n in ("a", "b")}
    denied = decide(both, StopService("acme/web"))
    assert denied == Deny(
        "acme/web is run by several services (a, b): name one of them", "ambiguous"
    )


def test_a_package_must_be_runnable_and_its_binds_given() -> None:
    package = PackageInfo("a/b/1/2", "/p", "t", binds={"db": (), "mq": ()}, hooks=("run",))
    spec = ServiceSpec(ident="a/b")
    missing = check_package(spec, package)
    assert missing == Deny("Missing required bind(s), db, mq", "binds")
    given = replaced(spec, binds=("db:x.y", "mq:x.y", "no:x.y"))
    assert check_package(given, package) == Deny("Invalid bind(s), no", "binds")
    assert check_package(replaced(spec, binds=("db:x.y", "mq:x.y")), package) is None
    denied = check_package(spec, PackageInfo("a/b/1/2", "/p", "t"))
    assert denied is not None
    assert denied.text.startswith("Package is not runnable: a/b/1/2")


@pytest.mark.parametrize(
    "spec",
    [
        ServiceSpec(ident=""),
        ServiceSpec(ident="web"),
        ServiceSpec(ident="a/b", cmd=("x",)),
        ServiceSpec(ident="", cmd=("x",)),
        ServiceSpec(ident="", name="../x", cmd=("x",)),
        ServiceSpec(ident="a/b", name="with.dot"),
        ServiceSpec(ident="a/b", group="a b"),
        ServiceSpec(ident="a/b", org="a/b"),
        ServiceSpec(ident="a/b", binds=("nogroup",)),
        ServiceSpec(ident="a/b", binds=("a:b.c", "a:d.e")),
        ServiceSpec(ident="a/b", health_check_interval=0),
        ServiceSpec(ident="a/b", shutdown_timeout=-1),
        ServiceSpec(ident="a/b", bootstrap_expect=0),
        ServiceSpec(ident="", name="x", cmd=("",)),
        ServiceSpec(ident="", name="x", cmd=("a\0b",)),
        ServiceSpec(ident="../..", name="x"),
    ],
)
def test_a_spec_that_cannot_be_is_refused_before_anything_is_written(spec: ServiceSpec) -> None:
    assert problem(spec)
    decision = decide({}, LoadService(spec))
    assert isinstance(decision, Deny)
    assert decision.code == "invalid"


def test_a_service_settles_only_in_the_spec_that_is_wanted() -> None:
    status = ServiceStatus(WEB, "p", "up")
    settled = outcome(WEB, status)
    assert settled is not None
    assert settled.outcome == "up"
    assert outcome(replaced(WEB, restarts=1), status) is None
    assert outcome(WEB, None) is None
    down = replaced(WEB, desired_state="down")
    assert outcome(down, ServiceStatus(down, "p", "up")) is None
    for stage, said in (
        ("waiting", "waiting"),
        ("backoff", "failed"),
        ("failed", "failed"),
        ("starting", None),
        ("initializing", None),
        ("stopping", None),
        ("down", None),
    ):
        settled = outcome(WEB, ServiceStatus(WEB, "p", stage))  # type: ignore[arg-type]
        assert (settled.outcome if settled else None) == said


def test_habitats_spec_files_are_read() -> None:
    text = b"""ident = "core/redis/4.0"
group = "default"
depot_url = "https://bldr.example"
start_style = "persistent"
topology = "leader"
binds = ["a:b.default@org"]
svc_encrypted_password = "x"

[health_check_interval]
secs = 10
nanos = 0
"""
    spec = parse("redis.spec", text)
    assert (spec.bldr_url, spec.health_check_interval) == ("https://bldr.example", 10)
    with pytest.raises(Refused, match=r"redis\.spec"):
        parse("other.spec", text)


def test_a_written_spec_shows_binds_also_when_there_are_none() -> None:
    assert b"binds = []" in write(ServiceSpec(ident="a/b"))
    assert b'binds = ["a:b.c"]' in write(WEB)
    assert b"shutdown_timeout = 0" in write(ServiceSpec(ident="a/b", shutdown_timeout=0))


def test_a_listing_tells_what_is_new_changed_gone_and_refused_once() -> None:
    web, py = write(WEB), write(PY)
    first = read(Known(), [FileContent("web.spec", web), FileContent("bad.spec", b"=")])
    assert first.changed == ("web",)
    assert [file for file, _ in first.refused] == ["bad.spec"]
    again = read(first.known, [FileContent("web.spec", web), FileContent("bad.spec", b"=")])
    assert (again.changed, again.gone, again.refused) == ((), (), ())
    slip = read(first.known, [FileContent("web.spec", b"="), FileContent("py.spec", py)])
    assert (slip.changed, slip.gone) == (("py",), ())
    assert slip.known.specs["web"] == WEB
    unreadable = read(first.known, [FileContent("web.spec", error="EIO")])
    assert unreadable.gone == ()
    gone = read(slip.known, [FileContent("py.spec", py)])
    assert gone.gone == ("web",)


def test_our_own_write_is_no_news_when_the_listing_shows_it() -> None:
    data = write(WEB)
    known = written(Known(), "web.spec", "web", WEB, data)
    assert read(known, [FileContent("web.spec", data)]).changed == ()
    removed = written(known, "web.spec", "web", None, b"")
    assert read(removed, []).gone == ()
