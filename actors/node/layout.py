"""Where a supervisor's state lies, and how its control gateway is reached.

Standard library only, and apart from the options, because every command of `hab` needs it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DEFAULT_NAME = "default"
DEFAULT_CTL = "127.0.0.1:9632"


@dataclass(frozen=True, slots=True)
class StateLayout:
    """Paths of one supervisor's state: `root` of all state, `name` of the supervisor."""

    root: Path
    name: str = DEFAULT_NAME

    @property
    def supervisor(self) -> Path:
        """The supervisor's own directory: member id, lock, specs, secret, event log."""
        return self.root / "sup" / self.name

    @property
    def specs(self) -> Path:
        """One spec file a loaded service."""
        return self.supervisor / "specs"

    @property
    def lock(self) -> Path:
        """Held by the launcher while it lives."""
        return self.supervisor / "LOCK"

    @property
    def secret(self) -> Path:
        """The secret of the control gateway (mode 0600)."""
        return self.supervisor / "CTL_SECRET"

    @property
    def config_file(self) -> Path:
        """The supervisor's configuration, lowest in precedence."""
        return self.supervisor / "config" / "sup.toml"

    @property
    def control_socket(self) -> Path:
        """Where a supervisor not named `default` listens for control, unless told otherwise."""
        return self.supervisor / "ctl.sock"

    @property
    def control_address(self) -> Path:
        """Where it listens for control; written by the supervisor at its start."""
        return self.supervisor / "CTL_ADDRESS"

    @property
    def services(self) -> Path:
        """Service directories: shared at the root for `default`, of its own for any other."""
        return self.root / "svc" if self.name == DEFAULT_NAME else self.supervisor / "svc"

    @property
    def user(self) -> Path:
        """What operators write for services: `<service>/config/user.toml`."""
        return self.root / "user" if self.name == DEFAULT_NAME else self.supervisor / "user"

    def user_config(self, service: str) -> Path:
        """The operator's configuration of one service on this machine."""
        return self.user / service / "config" / "user.toml"

    @property
    def packages(self) -> Path:
        """Installed packages."""
        return self.root / "pkgs"

    @property
    def artifacts(self) -> Path:
        """Package archives, kept after installation."""
        return self.root / "cache" / "artifacts"

    @property
    def keys(self) -> Path:
        """The key cache, unless `--cache-key-path` says otherwise."""
        return self.root / "cache" / "keys"


def listening(layout: StateLayout) -> str:
    """Where a supervisor that runs with this state said it listens for control; empty if none did.

    Who listens everywhere is to be asked on the loopback.
    """
    from actors.launcher.lock import holder

    try:
        if holder(str(layout.lock)) is None:
            return ""  # its port may be anybody's by now
        lines = layout.control_address.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    address = lines[0] if len(lines) == 1 else ""
    for everywhere, loopback in (("0.0.0.0:", "127.0.0.1:"), ("[::]:", "[::1]:")):
        if address.startswith(everywhere):
            return loopback + address.removeprefix(everywhere)
    return address


def zmq_endpoint(address: str) -> str:
    """`HOST:PORT` or a socket's path as a ZeroMQ endpoint; endpoints pass unchanged."""
    if "://" in address:
        return address
    return f"ipc://{address}" if "/" in address else f"tcp://{address}"
