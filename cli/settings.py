"""Where things are: root of all state, the supervisor meant, its control endpoint and its secret.

Precedence, highest first. Root: HAB_ROOT, FS_ROOT/hab, `/hab` for root, `~/.hab` for others.
Supervisor: `--override-name`, HAB_OVERRIDE_NAME, `default`. Control endpoint: `--remote-sup`,
HAB_LISTEN_CTL, `listen_ctl` in cli.toml (neither of the two where `--override-name` is given: who
names a supervisor means that one), where a supervisor that runs says it listens,
`listen_ctl` in its sup.toml, the control socket of one not named `default`, 127.0.0.1:9632.
Secret: HAB_CTL_SECRET, `ctl_secret` in cli.toml, the supervisor's CTL_SECRET file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from actors.errors import UsageError
from actors.node.layout import DEFAULT_CTL, DEFAULT_NAME, StateLayout, listening, zmq_endpoint
from cli.problem import Failure, suggestion
from cli.values import CTL_PORT, is_loopback, join_host, split_host

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
# Habitat's own client reads the same file; its other keys are its business and left alone.
CLI_KEYS = frozenset({"ctl_secret", "listen_ctl"})
HABITAT_CLI_KEYS = frozenset(
    {
        "auth_token",
        "origin",
        "ctl_client_certificate",
        "ctl_client_key",
        "ctl_server_ca_certificate",
        "ctl_server_name_indication",
        "bldr_url",
        "refresh_channel",
    }
)


@dataclass(frozen=True, slots=True)
class Place:
    """The supervisor a command is meant for.

    `asked` says in words where the endpoint came from. `local`: its state is on this machine.
    """

    layout: StateLayout
    endpoint: str
    asked: str
    local: bool


def state_root(environ: Mapping[str, str]) -> Path:
    """Return the root of all state."""
    if chosen := environ.get("HAB_ROOT"):
        return Path(chosen).absolute()
    if chosen := environ.get("FS_ROOT"):
        return Path(chosen).absolute() / "hab"
    return Path("/hab") if os.geteuid() == 0 else Path.home() / ".hab"


def state_layout(override_name: str | None, environ: Mapping[str, str]) -> StateLayout:
    """Return the paths of the supervisor meant. Raises UsageError for a bad name."""
    name = override_name or environ.get("HAB_OVERRIDE_NAME") or DEFAULT_NAME
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"--override-name {name!r} is no name for a directory; "
            "use letters, digits, '.', '-' and '_', a letter or digit first"
        )
    return StateLayout(state_root(environ), name)


def locate(override_name: str | None, remote_sup: str | None, environ: Mapping[str, str]) -> Place:
    """Find the supervisor a command is meant for."""
    layout = state_layout(override_name, environ)
    if remote_sup:
        try:
            address = join_host(*split_host(remote_sup, CTL_PORT))
        except ValueError as error:
            raise UsageError(f"--remote-sup: {error}") from error
        return Place(layout, zmq_endpoint(address), "from --remote-sup", local=False)
    address, asked = _control_address(layout, environ, named=bool(override_name))
    if "/" in address:
        return Place(layout, zmq_endpoint(address), asked, local=True)
    try:
        host, port = split_host(address, CTL_PORT)
    except ValueError as error:
        raise UsageError(f"the control address {asked}: {error}") from error
    # Who listens everywhere is reached on the loopback.
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
    return Place(layout, zmq_endpoint(join_host(host, port)), asked, local=is_loopback(host))


def _control_address(
    layout: StateLayout, environ: Mapping[str, str], *, named: bool
) -> tuple[str, str]:
    """Return the control address and where it was found; `named`: by `--override-name`."""
    if not named and (address := environ.get("HAB_LISTEN_CTL")):
        return address, "from HAB_LISTEN_CTL"
    if not named and (address := cli_setting(layout.root, "listen_ctl")):
        return address, f"from {cli_file(layout.root)}"
    if address := listening(layout):
        return address, f"from {layout.control_address}"
    if layout.config_file.is_file():
        configured = read_toml(layout.config_file).get("listen_ctl")
        if isinstance(configured, str) and configured:
            return configured, f"from {layout.config_file}"
    if layout.name != DEFAULT_NAME:
        return str(layout.control_socket), f"the default of --override-name {layout.name}"
    return DEFAULT_CTL, "the default one"


def control_secret(place: Place, environ: Mapping[str, str]) -> str:
    """Return the secret of the control gateway; Failure names every place that was looked at."""
    if secret := environ.get("HAB_CTL_SECRET", "").strip():
        return secret
    if secret := (cli_setting(place.layout.root, "ctl_secret") or "").strip():
        return secret
    path = place.layout.secret
    try:
        secret = path.read_text(encoding="ascii").strip()
        reason = "is empty"
    except UnicodeDecodeError:
        reason = "is no text; the next start of the supervisor sets it aside and makes a new one"
    except OSError as error:
        reason = f"cannot be read ({(error.strerror or str(error)).lower()})"
    if secret:
        return secret
    raise Failure(
        f"No control secret: HAB_CTL_SECRET is not set, {cli_file(place.layout.root)} has no "
        f"ctl_secret, and {path} {reason}.",
        "The supervisor makes its secret at its first start; run as its owner, or copy the "
        "secret into HAB_CTL_SECRET or cli.toml.",
    )


def cli_file(root: Path) -> Path:
    """Return the client's configuration file."""
    return root / "etc" / "cli.toml"


def cli_setting(root: Path, key: str) -> str | None:
    """Read one of `CLI_KEYS` from cli.toml; None without the file or the key."""
    path = cli_file(root)
    try:
        if not path.is_file():
            return None
        settings = read_toml(path)
    except PermissionError:
        return None
    check_keys(settings, CLI_KEYS | HABITAT_CLI_KEYS, path)
    value = settings.get(key)
    if value is not None and not isinstance(value, str):
        raise UsageError(f"{path}: {key} must be a string")
    return value


def read_toml(path: Path) -> dict[str, object]:
    """Parse a TOML file. Raises UsageError that names the file and the place."""
    import tomllib

    try:
        return tomllib.loads(path.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid TOML: {error}") from error


def check_keys(settings: Mapping[str, object], known: Collection[str], path: Path) -> None:
    """Refuse keys that are not known, with the nearest one that is. Raises UsageError."""
    for key in settings:
        if key not in known:
            raise UsageError(f'{path}: unknown key "{key}".{suggestion(key, known)}')


def make_directory(layout: StateLayout) -> None:
    """Make the supervisor's directory; what lies above is read by services of other users."""
    for directory in (layout.root, layout.root / "sup", layout.supervisor):
        if not directory.is_dir():
            directory.mkdir(parents=True, exist_ok=True)
            directory.chmod(0o755)  # whatever the umask is


def lock_holder(layout: StateLayout) -> int | None:
    """Return the pid of the launcher that runs with this state, 0 if it does not say, else None."""
    from actors.launcher.lock import holder

    try:
        return holder(str(layout.lock))
    except (NotADirectoryError, PermissionError):
        return None  # not ours to know
