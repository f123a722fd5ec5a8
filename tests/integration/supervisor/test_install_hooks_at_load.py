"""Install hooks of a package that a service is loaded with: they run before its first start."""

from __future__ import annotations

from pathlib import Path

from supervisor_rig import Machine

from actors.adapters.trees import HOOK_STATUS


def test_a_service_starts_only_when_its_package_s_install_hook_has_worked(
    machine: Machine, tmp_path: Path
) -> None:
    ready, log = tmp_path / "ready", tmp_path / "log"
    hook = f"echo ran >> {log}\necho no database; test -f {ready}"
    place = machine.package("acme/web", hooks={"install": hook})
    machine.start()
    refused = machine.hab("svc", "load", "acme/web", check=False)
    assert refused.code == 1
    assert "the install hook of acme/web" in refused.err
    assert "no database" in refused.err
    assert (place / HOOK_STATUS).read_text() == "1\n"
    ready.touch()
    assert "web is up" in machine.hab("svc", "load", "acme/web").out
    assert (place / HOOK_STATUS).read_text() == "0\n"
    assert log.read_text() == "ran\n" * 2
    machine.hab("svc", "restart", "acme/web")
    machine.up("web")
    assert log.read_text() == "ran\n" * 2
