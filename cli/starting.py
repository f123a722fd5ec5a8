"""From the options of `hab sup run` to a running launcher: settle, check, prepare, become it."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import click

from actors.errors import CryptoError, UsageError
from actors.messages.service import LoadService, StartService
from actors.node.options import (
    DEFAULT_NAME,
    ENVIRONMENT_NAME,
    StateLayout,
    SupervisorOptions,
)
from cli.output import color_wanted, say
from cli.problem import Failure
from cli.settings import lock_holder, make_directory
from cli.supconfig import Resolved, resolve
from cli.values import CTL_PORT, GOSSIP_PORT, HTTP_PORT, is_loopback, join_host, split_host

SUPERVISOR = (sys.executable, "-m", "actors.adapters.supervisor")
# What must not reach the environment of services.
SECRETS = ("HAB_RING_KEY", "HAB_CTL_SECRET")


def config_files_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--config-files`."""
    return click.option(
        "--config-files",
        multiple=True,
        metavar="FILE",
        help="Configuration files that outrank sup.toml; of several the last wins.",
    )(command)


def settled_options(
    flags: Mapping[str, object], layout: StateLayout, config_files: tuple[str, ...]
) -> Resolved:
    """Settle the options of `hab sup run`. Raises UsageError for a file that is not there."""
    files = [layout.config_file] if layout.config_file.is_file() else []
    for name in config_files:
        path = Path(name).absolute()
        if not path.is_file():
            raise UsageError(f"--config-files: File: '{name}' cannot be found")
        files.append(path)
    return resolve(flags, os.environ, files)


def supervisor_options(
    layout: StateLayout, resolved: Resolved, ring: str = "", initial_service: str = ""
) -> SupervisorOptions:
    """Make what the supervisor process is told; `ring` is the name of the key it is to use."""
    gossip = resolved.text("listen_gossip")
    if resolved.flag("local_gossip_mode"):
        gossip = join_host("127.0.0.1", GOSSIP_PORT)
    control = resolved.text("listen_ctl")
    if layout.name != DEFAULT_NAME and not resolved.given("listen_ctl"):
        control = str(layout.control_socket)
    org = resolved.text("org")
    if bool(resolved.text("certs")) != bool(resolved.text("key")):
        raise UsageError("--certs and --key belong together: give both, or none")
    if resolved.text("ca_certs") and not resolved.text("certs"):
        raise UsageError(
            "--ca-certs needs --certs and --key: without TLS there are no certificates"
        )
    return SupervisorOptions(
        root=str(layout.root),
        name=layout.name,
        listen_gossip=gossip,
        listen_http=resolved.text("listen_http"),
        http_disable=resolved.flag("http_disable"),
        http_hosts=resolved.texts("http_host"),
        http_certificate=resolved.text("certs"),
        http_key=resolved.text("key"),
        http_client_ca=resolved.text("ca_certs"),
        listen_ctl=control,
        peers=resolved.texts("peer"),
        peer_watch_file=resolved.text("peer_watch_file"),
        permanent=resolved.flag("permanent_peer"),
        ring=ring,
        merge=resolved.flag("merge"),
        org="" if org == "default" else org,  # Habitat's word for none
        sys_ip_address=resolved.text("sys_ip_address"),
        hostname=socket.gethostname(),
        cache_key_path=resolved.text("cache_key_path"),
        allow_actors=resolved.texts("allow_actors"),
        json_logging=resolved.flag("json_logging"),
        color=color_wanted(sys.stdout) and not resolved.flag("no_color"),
        verbose=resolved.flag("verbose"),
        trace=resolved.texts("trace"),
        log_size_bytes=int(resolved.number("log_size")),
        log_files=int(resolved.number("log_files")),
        backoff_min_s=resolved.number("service_min_backoff_period"),
        backoff_max_s=resolved.number("service_max_backoff_period"),
        backoff_cooldown_s=resolved.number("service_restart_cooldown_period"),
        update_period_s=resolved.number("service_update_period"),
        initial_service=initial_service,
    )


def supervise(
    layout: StateLayout, resolved: Resolved, wanted: LoadService | StartService | None
) -> NoReturn:
    """Become the launcher; its exit code is then ours. `wanted` is followed before the start."""
    check_alone(layout)
    check_not_habitat(layout)
    check_ports(layout, supervisor_options(layout, resolved))
    ring = prepare_ring_key(layout, resolved)
    service = ""
    if wanted is not None:
        from cli.offline import write_for_start

        service = write_for_start(layout, wanted)
    options = supervisor_options(layout, resolved, ring, service)
    for warning in warnings(options):
        say(f"warning: {warning}")
    launch(options)


def launch(options: SupervisorOptions) -> NoReturn:
    """Become the launcher of a supervisor with these options."""
    from actors.launcher.main import LauncherOptions, become

    layout = options.layout
    make_directory(layout)
    environment = {key: value for key, value in os.environ.items() if key not in SECRETS}
    become(
        LauncherOptions(
            state_dir=str(layout.supervisor),
            argv=SUPERVISOR,
            env={**environment, ENVIRONMENT_NAME: options.to_json()},
            json_logging=options.json_logging,
            color=options.color,
            log_size_bytes=options.log_size_bytes,
            log_keep=options.log_files,
        )
    )


def check_alone(layout: StateLayout) -> None:
    """Refuse to start beside another launcher with the same state; nothing was touched yet."""
    pid = lock_holder(layout)
    if pid is None:
        return
    raise Failure(
        f"Could not acquire exclusive lock on lock file '{layout.lock}'. Is another Supervisor "
        f"process running?{f' It is held by pid {pid}.' if pid else ''}",
        "Load services into it with `hab svc load`, end it with `hab sup term`, or run a second "
        "one with --override-name and ports of its own.",
    )


def ports(options: SupervisorOptions) -> list[tuple[str, str, str, str]]:
    """Return what is to be listened on: what for, address, flag, and why that is not possible."""
    wanted = [("gossip", options.listen_gossip, GOSSIP_PORT, "--listen-gossip")]
    if "/" not in options.listen_ctl:
        wanted.append(("control", options.listen_ctl, CTL_PORT, "--listen-ctl"))
    return [
        (what, address, flag, taken(*split_host(address, default)))
        for what, address, default, flag in wanted
    ]


def taken(host: str, port: int) -> str:
    """Say why an address cannot be listened on; nothing if it can."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as ZeroMQ does
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.strerror or str(error)
    return ""


def check_ports(layout: StateLayout, options: SupervisorOptions) -> None:
    """Refuse to start where somebody else listens: trying again and again would not help a person.

    What a launcher that died has left behind is the next one's to deal with, ports included.
    """
    from actors.launcher.main import TABLE_FILE
    from actors.launcher.table import COPY

    if any((layout.supervisor / f"{TABLE_FILE}{end}").exists() for end in ("", COPY)):
        return
    for what, address, flag, reason in ports(options):
        if reason:
            if flag == "--listen-ctl" and os.environ.get("HAB_LISTEN_CTL") == address:
                raise Failure(
                    f"The {what} address {address} of HAB_LISTEN_CTL cannot be listened on: "
                    f"{reason}.",
                    "Another supervisor may run there. Without HAB_LISTEN_CTL one with "
                    "--override-name listens on a socket of its own; --listen-ctl outranks it.",
                )
            raise Failure(
                f"The {what} address {address} cannot be listened on: {reason}.",
                f"Another supervisor may run there (`ss -ltnp` tells): {flag} chooses another "
                "address; a second supervisor needs --override-name too.",
            )


def check_not_habitat(layout: StateLayout) -> None:
    """Refuse a directory that Chef Habitat's own supervisor keeps its state in."""
    if habitat_state(layout):
        raise Failure(
            f"{layout.supervisor} is the state of a Chef Habitat supervisor; it was not touched.",
            "Choose another root with HAB_ROOT, or another name with --override-name.",
        )


def habitat_state(layout: StateLayout) -> bool:
    """Whether a Chef Habitat supervisor has run with this state: its rumor snapshot is there."""
    return any((layout.supervisor / "data").glob("*.rst"))


def prepare_ring_key(layout: StateLayout, resolved: Resolved) -> str:
    """Put a ring key given as text into the key cache; return the name of the ring key to use.

    Raises UsageError for a key of another ring, Failure for a name without a key.
    """
    name, text = resolved.text("ring"), resolved.text("ring_key")
    if not name and not text:
        return ""
    from actors.adapters.keys import KeyCache

    cache = KeyCache(Path(resolved.text("cache_key_path") or layout.keys))
    if text:
        source = resolved.sources["ring_key"]
        try:
            revision = cache.import_text(text)
        except CryptoError as error:
            raise UsageError(f"the ring key from {source}: {error}") from error
        if name and revision.name != name:
            raise UsageError(
                f"the ring key from {source} is for ring {revision.name}, "
                f"--ring ({resolved.sources['ring']}) says {name}"
            )
        return revision.name
    if not cache.revisions(name):
        raise Failure(
            f"There is no key for ring {name}.",
            "Bring it here with `hab ring key import`; make one with "
            f"`hab ring key generate {name}`.",
        )
    return name


def warnings(options: SupervisorOptions) -> list[str]:
    """Say what an operator should know before strangers do."""
    found = []
    host, _ = split_host(options.listen_gossip, GOSSIP_PORT)
    if not options.ring and not is_loopback(host):
        found.append(
            f"gossip listens on {options.listen_gossip} without a ring key: whoever reaches the "
            "port can join. Use --ring with a key from `hab ring key generate`."
        )
    if "/" not in options.listen_ctl:
        host, _ = split_host(options.listen_ctl, CTL_PORT)
        if not is_loopback(host):
            found.append(
                f"control listens on {options.listen_ctl}: whoever knows the secret commands it."
            )
    if not options.http_disable and (why := taken(*split_host(options.listen_http, HTTP_PORT))):
        found.append(
            f"the HTTP gateway cannot listen on {options.listen_http} now ({why}); it tries again. "
            "--listen-http chooses another address."
        )
    return found
