"""The environment of a service's process and of its hooks."""

from __future__ import annotations

from collections.abc import Mapping

from actors.messages.depot import PackageInfo
from actors.messages.service import ServiceSpec
from actors.service.record import Position

# Secrets of the supervisor, and what would make a service talk to the supervisor's own parents.
PRIVATE = frozenset(
    (
        *("HAB_RING_KEY", "HAB_CTL_SECRET", "HAB_SUP_GATEWAY_AUTH_TOKEN", "HAB_AUTH_TOKEN"),
        *("HAB_SUPERVISOR_OPTIONS", "HAB_LAUNCHER_PID", "HAB_LAUNCHER_FD", "HAB_LAUNCHER_PIPE"),
        *(
            "HAB_LAUNCHER_MARK",
            "NOTIFY_SOCKET",
            "WATCHDOG_USEC",
            "WATCHDOG_PID",
            "LISTEN_FDS",
            "LISTEN_PID",
        ),
    )
)
DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
DIRECTORIES = ("config", "data", "files", "logs", "static", "var")


def service_environment(
    inherited: Mapping[str, str], spec: ServiceSpec, package: PackageInfo | None, path: str
) -> dict[str, str]:
    """The whole environment; `path` is the service's directory.

    Inherited, then the package's RUNTIME_ENVIRONMENT, then ours. PATH is the package's run path
    before the inherited one. A certificate file the supervisor was given outranks the package's.
    """
    env = {name: value for name, value in inherited.items() if name not in PRIVATE}
    before: tuple[str, ...] = ()
    if package is not None:
        before = package.run_path
        kept = {name: env[name] for name in ("SSL_CERT_FILE",) if name in env}
        env.update(package.environment)
        env.update(kept)
    outer = inherited.get("PATH") or DEFAULT_PATH
    env["PATH"] = ":".join((*before, outer))
    env["HAB_SERVICE"] = spec.service
    env["HAB_SERVICE_GROUP"] = spec.service_group
    env["HAB_SVC_PATH"] = path
    for name in DIRECTORIES:
        env[f"HAB_SVC_{name.upper()}_PATH"] = f"{path}/{name}"
    if package is not None:
        env["HAB_PKG_IDENT"] = package.ident
        env["HAB_PKG_PATH"] = package.path
    return env


def role_environment(acts: Position, *, dissolved: bool = False) -> dict[str, str]:
    """What the process and the hooks of a service with an elected leader are told of its role.

    `HAB_LEADER` is the member id of the leader, empty where nobody leads; `HAB_DISSOLVED` is 1
    where the group gives way to another of its name that was founded before.
    """
    told = {
        "HAB_ROLE": acts.role,
        "HAB_LEADER_TERM": str(acts.term),
        "HAB_LEADER": acts.leader,
    }
    return {**told, "HAB_DISSOLVED": "1"} if dissolved else told
