from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.errors import UsageError
from actors.node.layout import StateLayout, listening
from cli import settings
from cli.problem import Failure


def test_hab_root_outranks_fs_root_and_fs_root_the_home(tmp_path: Path) -> None:
    one, two = str(tmp_path / "one"), str(tmp_path / "two")
    assert settings.state_root({"HAB_ROOT": one, "FS_ROOT": two}) == Path(one)
    assert settings.state_root({"FS_ROOT": two}) == Path(two) / "hab"
    expected = Path("/hab") if os.geteuid() == 0 else Path.home() / ".hab"
    assert settings.state_root({}) == expected


def test_override_name_outranks_its_variable() -> None:
    assert settings.state_layout(None, {}).name == "default"
    assert settings.state_layout(None, {"HAB_OVERRIDE_NAME": "a"}).name == "a"
    assert settings.state_layout("b", {"HAB_OVERRIDE_NAME": "a"}).name == "b"


@pytest.mark.parametrize("name", ["../x", "a/b", ".hidden", "a b"])
def test_a_supervisor_s_name_cannot_leave_its_directory(name: str) -> None:
    with pytest.raises(UsageError, match="override-name"):
        settings.state_layout(name, {})


def test_a_named_supervisor_has_services_and_control_of_its_own(tmp_path: Path) -> None:
    named = StateLayout(tmp_path, "web")
    assert named.services == tmp_path / "sup" / "web" / "svc"
    assert StateLayout(tmp_path).services == tmp_path / "svc"
    place = settings.locate("web", None, {"HAB_ROOT": str(tmp_path)})
    assert place.endpoint == f"ipc://{tmp_path}/sup/web/ctl.sock"
    assert place.local


def _endpoint(root: Path, remote: str | None = None, **environ: str) -> tuple[str, bool]:
    place = settings.locate(None, remote, {"HAB_ROOT": str(root), **environ})
    return place.endpoint, place.local


def test_the_control_endpoint_is_found_in_the_documented_order(tmp_path: Path) -> None:
    assert _endpoint(tmp_path) == ("tcp://127.0.0.1:9632", True)
    layout = StateLayout(tmp_path)
    layout.config_file.parent.mkdir(parents=True)
    layout.config_file.write_text('listen_ctl = "127.0.0.1:1001"\n')
    assert _endpoint(tmp_path) == ("tcp://127.0.0.1:1001", True)
    settings.cli_file(tmp_path).parent.mkdir()
    settings.cli_file(tmp_path).write_text('listen_ctl = "127.0.0.1:1002"\n')
    assert _endpoint(tmp_path) == ("tcp://127.0.0.1:1002", True)
    assert _endpoint(tmp_path, HAB_LISTEN_CTL="127.0.0.1:1003") == ("tcp://127.0.0.1:1003", True)
    assert _endpoint(tmp_path, "far", HAB_LISTEN_CTL="127.0.0.1:1003") == ("tcp://far:9632", False)
    assert _endpoint(tmp_path, "far:7") == ("tcp://far:7", False)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[StateLayout]:
    """A supervisor `web` whose launcher lives, and which wrote down where it listens."""
    from actors.launcher.lock import acquire

    layout = StateLayout(tmp_path, "web")
    layout.supervisor.mkdir(parents=True)
    layout.control_address.write_text("127.0.0.1:1004\n")
    held = acquire(str(layout.lock))
    yield layout
    with contextlib.suppress(OSError):
        os.close(held)


def test_a_supervisor_named_on_the_command_line_outranks_the_environment(
    running: StateLayout,
) -> None:
    environ = {"HAB_ROOT": str(running.root), "HAB_LISTEN_CTL": "127.0.0.1:1003"}
    assert settings.locate("web", None, environ).endpoint == "tcp://127.0.0.1:1004"
    assert settings.locate("web", "far", environ).endpoint == "tcp://far:9632"
    assert settings.locate("other", None, environ).endpoint.endswith("/sup/other/ctl.sock")
    assert settings.locate(None, None, environ).endpoint == "tcp://127.0.0.1:1003"
    by_variable = {**environ, "HAB_OVERRIDE_NAME": "web"}
    assert settings.locate(None, None, by_variable).endpoint == "tcp://127.0.0.1:1003"
    del by_variable["HAB_LISTEN_CTL"]
    assert settings.locate(None, None, by_variable).endpoint == "tcp://127.0.0.1:1004"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("0.0.0.0:7\n", "127.0.0.1:7"),
        ("[::]:7\n", "[::1]:7"),
        ("/run/x/ctl.sock\n", "/run/x/ctl.sock"),
        ("", ""),
        ("a\nb\n", ""),
    ],
)
def test_what_a_supervisor_wrote_down_is_read_with_care(
    running: StateLayout, text: str, found: str
) -> None:
    running.control_address.write_text(text)
    assert listening(running) == found


def test_where_a_supervisor_listened_counts_only_while_its_launcher_lives(tmp_path: Path) -> None:
    layout = StateLayout(tmp_path)
    layout.supervisor.mkdir(parents=True)
    layout.control_address.write_text("127.0.0.1:1004\n")
    layout.lock.write_text("1\n")
    assert _endpoint(tmp_path) == ("tcp://127.0.0.1:9632", True)


def test_who_listens_everywhere_is_asked_on_the_loopback(tmp_path: Path) -> None:
    assert _endpoint(tmp_path, HAB_LISTEN_CTL="0.0.0.0:9632") == ("tcp://127.0.0.1:9632", True)
    assert _endpoint(tmp_path, HAB_LISTEN_CTL="[::]:9632") == ("tcp://[::1]:9632", True)
    assert _endpoint(tmp_path, HAB_LISTEN_CTL="10.1.2.3:9632") == ("tcp://10.1.2.3:9632", False)


def test_the_secret_is_found_in_the_documented_order(tmp_path: Path) -> None:
    place = settings.locate(None, None, {"HAB_ROOT": str(tmp_path)})
    with pytest.raises(Failure) as failure:
        settings.control_secret(place, {})
    said = failure.value.message
    assert "HAB_CTL_SECRET" in said
    assert "cli.toml" in said
    assert str(place.layout.secret) in said
    place.layout.supervisor.mkdir(parents=True)
    place.layout.secret.write_bytes(b"\xff\xfe")
    with pytest.raises(Failure, match="is no text"):
        settings.control_secret(place, {})
    place.layout.secret.write_text("of the file \n")
    assert settings.control_secret(place, {}) == "of the file"
    settings.cli_file(tmp_path).parent.mkdir()
    settings.cli_file(tmp_path).write_text('ctl_secret = "of cli.toml"\n')
    assert settings.control_secret(place, {}) == "of cli.toml"
    assert settings.control_secret(place, {"HAB_CTL_SECRET": "given"}) == "given"


def test_cli_toml_keeps_working_when_the_secret_file_is_removed(tmp_path: Path) -> None:
    place = settings.locate(None, None, {"HAB_ROOT": str(tmp_path)})
    settings.cli_file(tmp_path).parent.mkdir(parents=True)
    settings.cli_file(tmp_path).write_text('ctl_secret = "s"\norigin = "acme"\n')
    assert settings.control_secret(place, {}) == "s"


def test_an_unknown_key_in_cli_toml_is_an_error_with_a_suggestion(tmp_path: Path) -> None:
    settings.cli_file(tmp_path).parent.mkdir(parents=True)
    settings.cli_file(tmp_path).write_text('ctl_secert = "s"\n')
    with pytest.raises(UsageError, match=r'unknown key "ctl_secert".*"ctl_secret"'):
        settings.cli_setting(tmp_path, "ctl_secret")


def test_a_lock_counts_only_while_it_is_held(tmp_path: Path) -> None:
    from actors.launcher.lock import acquire

    layout = StateLayout(tmp_path)
    assert settings.lock_holder(layout) is None
    layout.supervisor.mkdir(parents=True)
    layout.lock.write_text("1\n")  # left over; pid 1 lives
    assert settings.lock_holder(layout) is None
    held = acquire(str(layout.lock))
    try:
        assert settings.lock_holder(layout) == os.getpid()
    finally:
        os.close(held)
    assert settings.lock_holder(layout) is None
