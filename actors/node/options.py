"""What a supervisor process is told at its start.

The command line builds a `SupervisorOptions` and hands it, as JSON in the environment variable
`HAB_SUPERVISOR_OPTIONS`, to the launcher, which gives it to each supervisor process it starts.
Standard library only: the launcher and the fast path of the command line import it.

No secret travels here. A ring key given as text is written to the key cache before the start, and
only the ring's name is passed on.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actors.node.layout import DEFAULT_CTL, DEFAULT_NAME, StateLayout, zmq_endpoint

ENVIRONMENT_NAME = "HAB_SUPERVISOR_OPTIONS"
DEFAULT_GOSSIP = "0.0.0.0:9638"
DEFAULT_HTTP = "0.0.0.0:9631"

__all__ = [
    "DEFAULT_CTL",
    "DEFAULT_GOSSIP",
    "DEFAULT_HTTP",
    "DEFAULT_NAME",
    "ENVIRONMENT_NAME",
    "StateLayout",
    "SupervisorOptions",
    "from_json",
    "zmq_endpoint",
]


@dataclass(frozen=True, slots=True)
class SupervisorOptions:
    """One supervisor's options, all resolved: nothing is looked up again in files or environment.

    Addresses are `HOST:PORT` with the port always given. `listen_ctl` may also be a path, the
    control socket of a supervisor not named `default`. `http_hosts` are names the HTTP gateway
    answers to, `http_certificate`, `http_key` and `http_client_ca` PEM files. `peers` are
    `HOST:PORT` and resolved again at each attempt. `ring` is the ring key's name, empty for a ring
    without a key. `sys_ip_address` and `hostname` are advertised; empty means: find out.
    `allow_actors` are modules whose actor classes others may
    start here. `trace` are globs of actors whose messages are logged from the start.

    Times in seconds. A service that ends is started again after `backoff_min_s` growing to
    `backoff_max_s`, from the beginning once it was up for `backoff_cooldown_s`. A
    depot is asked for updates each `update_period_s`. Its log files are
    rotated at `log_size_bytes`, `log_files` old ones kept.

    `initial_service` is the service named on the command line of `hab sup run`; its spec is
    already in place when the supervisor starts, so a later start of this same process does not
    load it again.
    """

    root: str
    name: str = DEFAULT_NAME
    listen_gossip: str = DEFAULT_GOSSIP
    listen_http: str = DEFAULT_HTTP
    http_disable: bool = False
    http_hosts: tuple[str, ...] = ()
    http_certificate: str = ""
    http_key: str = ""
    http_client_ca: str = ""
    listen_ctl: str = DEFAULT_CTL
    peers: tuple[str, ...] = ()
    peer_watch_file: str = ""
    permanent: bool = False
    ring: str = ""
    merge: bool = False
    org: str = ""
    sys_ip_address: str = ""
    hostname: str = ""
    cache_key_path: str = ""
    allow_actors: tuple[str, ...] = ()
    json_logging: bool = False
    color: bool = False
    verbose: bool = False
    trace: tuple[str, ...] = ()
    log_size_bytes: int = 10 * 1024 * 1024
    log_files: int = 5
    backoff_min_s: float = 1.0
    backoff_max_s: float = 60.0
    backoff_cooldown_s: float = 60.0
    update_period_s: float = 60.0
    initial_service: str = ""

    @property
    def layout(self) -> StateLayout:
        """Where this supervisor's state lies."""
        return StateLayout(Path(self.root), self.name)

    @property
    def key_cache(self) -> Path:
        """Directory of ring keys."""
        return Path(self.cache_key_path) if self.cache_key_path else self.layout.keys

    @property
    def control_endpoint(self) -> str:
        """`listen_ctl` as a ZeroMQ endpoint."""
        return zmq_endpoint(self.listen_ctl)

    def to_json(self) -> str:
        """Write the options as one line, for `HAB_SUPERVISOR_OPTIONS`."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)


def from_json(text: str) -> SupervisorOptions:
    """Read what `to_json` wrote. Raises ValueError, also for a field of another release."""
    try:
        fields: dict[str, Any] = json.loads(text)
        given: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in fields.items()
        }
        return SupervisorOptions(**given)  # refuses names it has not
    except (AttributeError, TypeError) as error:
        raise ValueError(f"not the options of a supervisor of this release: {error}") from error
