"""Which node this program speaks to: `init`, `shutdown`, and how its classes are named."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from pathlib import Path
from typing import Any, Final

from actors.driver.connection import Connection
from actors.errors import HostError, UsageError
from actors.node.layout import DEFAULT_CTL, DEFAULT_NAME, StateLayout, listening

# Set by an actor host for the program inside it.
ADDRESS: Final = "HAB_ACTOR_ADDRESS"
SECRET_FILE: Final = "HAB_ACTOR_SECRET_FILE"  # noqa: S105 - the name of a variable
IMPORTING: Final = "HAB_ACTOR_IMPORTING"
AUTO: Final = "auto"

_lock = threading.RLock()
_connection: Connection | None = None


def init(
    address: str | None = None, *, secret: str | None = None, connect_timeout: float = 5.0
) -> None:
    """Connect to the control gateway at `address` (`HOST:PORT` or a socket's path).

    `"auto"` is the supervisor of this machine: at `HAB_LISTEN_CTL`, else the one called
    `HAB_OVERRIDE_NAME` (or `default`) where it says that it listens, whatever option,
    variable or sup.toml told it to; else at the default place. Inside an actor: the one it lives
    on. With no address: inside an actor the same; else a node of its own is started in this
    process, with its actors as child processes. `secret` is the gateway's control secret; not
    given, it is `HAB_CTL_SECRET`, or read from the `CTL_SECRET` of a supervisor on this machine.
    Raises NoSupervisorError, SecretRefusedError, UsageError where already connected.
    """
    global _connection  # noqa: PLW0603 - one program, one connection, as in Ray
    with _lock:
        if _connection is not None:
            raise UsageError("already connected: call actors.shutdown() first")
        _connection = _connect(address, secret, connect_timeout)


def shutdown() -> None:
    """End the connection; actors that are not detached end with it. Fine to call twice."""
    global _connection
    with _lock:
        connection, _connection = _connection, None
    if connection is not None:
        connection.close()


def current() -> Connection:
    """The connection; made by `init()` if there is none yet."""
    connection = _connection
    if connection is not None:
        return connection
    with _lock:
        if _connection is None:
            init()
        assert _connection is not None
        return _connection


def class_path(cls: type[Any]) -> str:
    """`module:Class`, by which another process finds a class. Raises UsageError."""
    if "<locals>" in cls.__qualname__:
        raise UsageError(
            f"{cls.__qualname__} is defined inside a function: an actor's process imports its "
            "class by name, so it must stand at the top of a module"
        )
    module = cls.__module__
    if module == "__main__":
        main = sys.modules["__main__"]
        if (spec := getattr(main, "__spec__", None)) is not None:
            module = str(spec.name)
        elif (file := getattr(main, "__file__", None)) is not None:
            module = Path(file).stem
        else:
            raise UsageError(f"{cls.__qualname__} was typed in: put it into a module to import")
    return f"{module}:{cls.__qualname__}"


def _connect(address: str | None, secret: str | None, timeout_s: float) -> Connection:
    if os.environ.get(IMPORTING):
        raise UsageError(
            "a module of actor classes must not start actors while it is imported: "
            'put that under `if __name__ == "__main__":`'
        )
    atexit.register(shutdown)
    if address in (None, AUTO) and (inside := os.environ.get(ADDRESS)):
        address, secret = inside, secret or _read(Path(os.environ[SECRET_FILE]))
    if address == AUTO:
        address = local_address()
    if address is None:
        from actors.driver.embedded import EmbeddedNode

        return EmbeddedNode()
    from actors.driver.gateway import GatewayConnection

    return GatewayConnection(address, secret or find_secret(address), timeout_s)


def local_address() -> str:
    """The control gateway of this machine's supervisor, as the environment names it."""
    if address := os.environ.get("HAB_LISTEN_CTL"):
        return address
    layout = _layout()
    if address := listening(layout):
        return address
    return DEFAULT_CTL if layout.name == DEFAULT_NAME else str(layout.control_socket)


def find_secret(address: str) -> str:
    """The control secret for a gateway. Raises UsageError naming every place looked at."""
    if secret := os.environ.get("HAB_CTL_SECRET", "").strip():
        return secret
    beside = Path(address).parent / "CTL_SECRET"
    try:
        return _read(beside if "/" in address else _layout().secret)
    except HostError as error:
        raise UsageError(
            f"no control secret for {address}: HAB_CTL_SECRET is not set, and {error}"
        ) from error


def _layout() -> StateLayout:
    """State of the supervisor of this machine, as the command line finds it."""
    name = os.environ.get("HAB_OVERRIDE_NAME") or DEFAULT_NAME
    if root := os.environ.get("HAB_ROOT"):
        return StateLayout(Path(root), name)
    if root := os.environ.get("FS_ROOT"):
        return StateLayout(Path(root) / "hab", name)
    return StateLayout(Path("/hab") if os.geteuid() == 0 else Path.home() / ".hab", name)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise HostError(f"{path} cannot be read: {error}") from error
