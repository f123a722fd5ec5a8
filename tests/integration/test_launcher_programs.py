"""What the launcher runs, and what it says of what it cannot run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from launcher_rig import Rig

from actors.launcher import protocol

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="process identity needs /proc")


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.end()


def test_what_cannot_be_run_is_told_with_its_reason(rig: Rig) -> None:
    rig.start()
    rig.supervisor()
    rig.send(protocol.Start("x", "service:a", ("/no/such/program",), {}))
    assert "No such file" in rig.heard(protocol.StartFailed, ask="x").reason
    rig.send(protocol.Start("y", "service:a", ("/bin/true",), {}, user="no-such-user"))
    assert "no user" in rig.heard(protocol.StartFailed, ask="y").reason
    rig.send(protocol.Start("z", "service:a", ("/bin/true",), {}, cwd="/no/such/directory"))
    assert "No such file" in rig.heard(protocol.StartFailed, ask="z").reason
    rig.send(protocol.Start("w", "service:a", ("/bin/true",), {"A": "b\0c"}))
    assert "null" in rig.heard(protocol.StartFailed, ask="w").reason
    rig.run("service:a", "exec sleep 60")


def test_a_script_that_does_not_say_whose_it_is_is_the_shell_s(rig: Rig) -> None:
    rig.start()
    rig.supervisor()
    out, script = rig.root / "out.log", rig.root / "hook"
    script.write_text('\necho "$0 $1"; exit 3\n')
    script.chmod(0o755)
    start = protocol.Start("x", "hook:a:init:1", (str(script), "two words"), {}, stdout=str(out))
    rig.send(start)
    assert rig.heard(protocol.Exited, key="hook:a:init:1").code == 3
    assert out.read_text() == f"{script} two words\n"
