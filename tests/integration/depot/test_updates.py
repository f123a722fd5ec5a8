"""`at-once`, live: a real supervisor, and a depot that is a folder or behind HTTP."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec
from depot_rig import LIB, NEWER, WEB, Here, Package, fill

from actors.adapters.depot_folder import FolderDepot

sys.path.insert(0, str(Path(__file__).parents[1] / "supervisor"))
from supervisor_rig import Machine, eventually

OLD = Package()
NEW = Package(NEWER)
STRAY = Package("acme/web/1.2/20260301000000", tdeps=("acme/gone/1/20260101000000",))
AT_ONCE = ("--strategy", "at-once")


def runs(machine: Machine, ident: str) -> Any:
    """The pid of the service's process, if it runs that release."""
    status = machine.services().get("web")
    up = status is not None and status.stage == "up" and status.package == ident
    return status.pid if up and status is not None else None


def update(machine: Machine) -> Any:
    return machine.services()["web"].update


def test_what_is_put_into_the_folder_depot_runs_at_once(machine: Machine) -> None:
    depot = FolderDepot(machine.root / "depot")
    fill(depot, OLD)
    machine.start("--service-update-period=1h")  # nothing of this comes from a poll
    machine.hab("svc", "load", "acme/web", *AT_ONCE)
    old = eventually("the old one runs", lambda: runs(machine, WEB))
    upload = NEW.write(machine.root / "built")
    machine.hab("pkg", "upload", str(upload))
    machine.hab("pkg", "promote", NEWER, "stable")
    new = eventually("the new one runs", lambda: runs(machine, NEWER))
    assert new != old
    assert update(machine).state == "current"
    kinds = ("UpdateFound", "ReleaseTaken")
    said = [e.text for kind in kinds for e in machine.events(kind)]
    assert said == [
        f"web is to go from {WEB} to {NEWER}, found in file://{machine.root}/depot",
        f"web goes from {WEB} to {NEWER}",
    ]


def test_a_release_whose_dependency_is_missing_leaves_the_old_one_running(
    machine: Machine,
) -> None:
    depot = FolderDepot(machine.root / "depot")
    fill(depot, OLD)
    machine.start()
    machine.hab("svc", "load", "acme/web", *AT_ONCE)
    old = eventually("the old one runs", lambda: runs(machine, WEB))
    fill(depot, STRAY)
    held = eventually(
        "it is held", lambda: found if (found := update(machine)).state == "held" else None
    )
    assert held.offered == STRAY.ident
    assert "acme/gone" in held.reason
    shown = eventually("it is said", lambda: machine.hab("svc", "status").err)
    assert f"update: {STRAY.ident} is " in shown
    assert "acme/gone" in shown
    assert runs(machine, WEB) == old
    depot.demote(STRAY.artifact, "stable")
    fill(depot, NEW)
    eventually("the next one runs", lambda: runs(machine, NEWER))


def test_a_package_with_a_failing_install_hook_is_not_run_until_the_hook_has_worked(
    machine: Machine, tmp_path: Path
) -> None:
    depot = FolderDepot(machine.root / "depot")
    ready = tmp_path / "ready"
    fill(depot, OLD)
    machine.start()
    machine.hab("svc", "load", "acme/web", *AT_ONCE)
    old = eventually("the old one runs", lambda: runs(machine, WEB))
    fill(depot, Package(NEWER, install=f"echo no database; test -f {ready}"))
    held = eventually(
        "it is held", lambda: found if (found := update(machine)).state == "held" else None
    )
    assert "install hook" in held.reason
    assert runs(machine, WEB) == old
    ready.touch()
    fill(depot, Package(LIB))  # any change of the folder is a reason to look again
    eventually("the new one runs", lambda: runs(machine, NEWER))


def test_a_depot_behind_http_is_polled_and_a_demotion_is_followed_back(
    machine: Machine, depot: FolderDepot, server: Here
) -> None:
    fill(depot, OLD)
    machine.start("--service-update-period=1s")
    tracking = ("--update-condition", "track-channel", "--url", server.url)
    machine.hab("svc", "load", "acme/web", *AT_ONCE, *tracking)
    eventually("the old one runs", lambda: runs(machine, WEB))
    fill(depot, NEW)
    eventually("the new one runs", lambda: runs(machine, NEWER))
    depot.demote(NEW.artifact, "stable")
    eventually("the old one runs again", lambda: runs(machine, WEB))
    machine.hab("svc", "stop", "acme/web")
    machine.hab("svc", "start", "acme/web")
    eventually("and after a start too", lambda: runs(machine, WEB))
    assert (machine.root / "pkgs" / NEWER / "IDENT").exists()


def test_a_supervisor_killed_in_an_update_goes_on_with_it(machine: Machine) -> None:
    depot = FolderDepot(machine.root / "depot")
    fill(depot, OLD)
    machine.start("--service-update-period=2s")
    machine.hab("svc", "load", "acme/web", *AT_ONCE)
    eventually("the old one runs", lambda: runs(machine, WEB))
    fill(depot, NEW)
    eventually("it is found", lambda: machine.events("UpdateFound"))
    machine.kill_actor("update/web")
    machine.kill_actor("service/web")
    eventually("the new one runs", lambda: runs(machine, NEWER))
    assert msgspec.json.decode(machine.hab("svc", "status", "--json").out)["services"][0]["update"][
        "state"
    ] in ("current", "unknown")
