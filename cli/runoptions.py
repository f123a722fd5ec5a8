"""The options of `hab sup run` as one table: flags, file keys, variables, defaults and help."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

import click

from actors.node.options import DEFAULT_CTL, DEFAULT_GOSSIP, DEFAULT_HTTP
from cli.values import (
    CTL_PORT,
    GOSSIP_PORT,
    HTTP_PORT,
    is_name,
    join_host,
    listen_address,
    seconds,
    size_bytes,
    split_host,
)

Value: TypeAlias = str | bool | int | float | tuple[str, ...] | None
Kind: TypeAlias = Literal["text", "texts", "flag"]
Command = TypeVar("Command", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class RunOption:
    """One option: `key` in files, `flags` on the command line, `env` in the environment.

    `read` turns text into the value and raises ValueError. `shown` is the default as written.
    `env_unit` stands behind the number in the environment variable, for one that has a unit.
    """

    key: str
    flags: tuple[str, ...]
    help: str
    kind: Kind = "text"
    env: str = ""
    shown: str = ""
    metavar: str = ""
    read: Callable[[str], Value] = str
    secret: bool = False
    env_unit: str = ""


def _peer(text: str) -> str:
    return join_host(*split_host(text, GOSSIP_PORT))


def _ip(text: str) -> str:
    return str(ipaddress.ip_address(text.strip()))


def _name(text: str) -> str:
    if not is_name(text):
        raise ValueError(f"{text!r} is no name; use letters, digits, '-' and '_'")
    return text


def _module(text: str) -> str:
    if not all(part.isidentifier() for part in text.split(".")):
        raise ValueError(f"{text!r} is no module's dotted name")
    return text


def _control(text: str) -> str:
    return text if text.startswith("/") else listen_address(text, CTL_PORT)


def _host_name(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9.-]{1,253}", text.strip()):
        raise ValueError(f"{text!r} is no host name")
    return text.strip().lower()


def _file(text: str) -> str:
    path = Path(text).absolute()
    if not path.is_file():
        raise ValueError(f"File: '{text}' cannot be found")
    return str(path)


def _count(text: str) -> int:
    if not text.strip().isdigit():
        raise ValueError(f"{text!r} is no whole number")
    return int(text)


RUN_OPTIONS: tuple[RunOption, ...] = (
    RunOption(
        "listen_gossip",
        ("--listen-gossip",),
        "Address for the ring's traffic.",
        env="HAB_LISTEN_GOSSIP",
        shown=DEFAULT_GOSSIP,
        metavar="IP[:PORT]",
        read=lambda text: listen_address(text, GOSSIP_PORT),
    ),
    RunOption(
        "listen_http",
        ("--listen-http",),
        "Address of the HTTP gateway. Beyond loopback it tells secrets only to whoever has the "
        "token in HAB_SUP_GATEWAY_AUTH_TOKEN.",
        env="HAB_LISTEN_HTTP",
        shown=DEFAULT_HTTP,
        metavar="IP[:PORT]",
        read=lambda text: listen_address(text, HTTP_PORT),
    ),
    RunOption("http_disable", ("-D", "--http-disable"), "Open no HTTP gateway.", kind="flag"),
    RunOption(
        "http_host",
        ("--http-host",),
        "A name the HTTP gateway answers to, beside addresses, localhost and this machine's name; "
        "repeat for more.",
        kind="texts",
        metavar="NAME",
        read=_host_name,
    ),
    RunOption(
        "key",
        ("--key",),
        "Private key (PEM) of the HTTP gateway's TLS; --certs is needed with it.",
        metavar="FILE",
        read=_file,
    ),
    RunOption(
        "certs",
        ("--certs",),
        "Certificates (PEM) of the HTTP gateway's TLS; --key is needed with it.",
        metavar="FILE",
        read=_file,
    ),
    RunOption(
        "ca_certs",
        ("--ca-certs",),
        "Certificates (PEM) of which clients of the HTTP gateway have to show one.",
        metavar="FILE",
        read=_file,
    ),
    RunOption(
        "listen_ctl",
        ("--listen-ctl",),
        "Address for control by `hab`, or the path of a socket; with --override-name the default "
        "is ctl.sock in its state directory.",
        env="HAB_LISTEN_CTL",
        shown=DEFAULT_CTL,
        metavar="IP[:PORT]",
        read=_control,
    ),
    RunOption(
        "peer",
        ("--peer",),
        "A member of the ring to join through; the port defaults to 9638. Names are resolved at "
        "each attempt.",
        kind="texts",
        metavar="HOST[:PORT]",
        read=_peer,
    ),
    RunOption(
        "peer_watch_file",
        ("--peer-watch-file",),
        "Read peers from this file, one a line, whenever it changes.",
        metavar="FILE",
        read=lambda text: str(Path(text).absolute()),
    ),
    RunOption(
        "local_gossip_mode",
        ("--local-gossip-mode",),
        "Listen for gossip on the loopback only, without peers.",
        kind="flag",
    ),
    RunOption(
        "permanent_peer",
        ("-I", "--permanent-peer"),
        "Be a permanent peer: never given up by the others.",
        kind="flag",
    ),
    RunOption(
        "ring",
        ("-r", "--ring"),
        "Name of the ring key; its traffic is then encrypted and strangers are refused.",
        env="HAB_RING",
        metavar="RING",
    ),
    RunOption(
        "ring_key",
        ("--ring-key",),
        "The ring key itself, as `hab ring key export` prints it; it is put into the key cache.",
        env="HAB_RING_KEY",
        metavar="KEY",
        secret=True,
    ),
    RunOption(
        "merge",
        ("--merge",),
        "Let this supervisor's ring and a different one met through a peer become one; the older "
        "ring's id wins.",
        kind="flag",
    ),
    RunOption(
        "org",
        ("--org",),
        "Organization of the supervisor and the services it loads.",
        env="HAB_ORG",
        shown="default",
        metavar="ORG",
        read=_name,
    ),
    RunOption(
        "sys_ip_address",
        ("--sys-ip-address",),
        "Address to tell others, instead of the one found out.",
        metavar="IP",
        read=_ip,
    ),
    RunOption(
        "cache_key_path",
        ("--cache-key-path",),
        "Directory of keys, instead of cache/keys below the root.",
        env="HAB_CACHE_KEY_PATH",
        metavar="DIR",
        read=lambda text: str(Path(text).absolute()),
    ),
    RunOption(
        "allow_actors",
        ("--allow-actors",),
        "A Python module whose actor classes may be started here from outside; repeat for more.",
        kind="texts",
        metavar="MODULE",
        read=_module,
    ),
    RunOption(
        "service_min_backoff_period",
        ("--service-min-backoff-period",),
        "Shortest wait before a service that ended is started again.",
        shown="1s",
        metavar="TIME",
        read=seconds,
    ),
    RunOption(
        "service_max_backoff_period",
        ("--service-max-backoff-period",),
        "Longest wait before a service that ended is started again.",
        shown="60s",
        metavar="TIME",
        read=seconds,
    ),
    RunOption(
        "service_restart_cooldown_period",
        ("--service-restart-cooldown-period",),
        "A service up for this long starts from the shortest wait again.",
        shown="60s",
        metavar="TIME",
        read=seconds,
    ),
    RunOption(
        "service_update_period",
        ("--service-update-period",),
        "Time between two questions to a depot, for services that update themselves. A depot "
        "that is a folder of this machine is seen to change at once.",
        env="HAB_UPDATE_STRATEGY_PERIOD_MS",
        env_unit="ms",
        shown="60s",
        metavar="TIME",
        read=seconds,
    ),
    RunOption(
        "log_size",
        ("--log-size",),
        "Rotate a service's log file at this size.",
        shown="10M",
        metavar="SIZE",
        read=size_bytes,
    ),
    RunOption(
        "log_files",
        ("--log-files",),
        "Old log files kept of each.",
        shown="5",
        metavar="COUNT",
        read=_count,
    ),
    RunOption(
        "trace",
        ("--trace",),
        "Log the messages of actors matching this glob from the start; repeat for more.",
        kind="texts",
        metavar="GLOB",
    ),
    RunOption(
        "json_logging", ("--json-logging",), "Write the log as one JSON object a line.", kind="flag"
    ),
    RunOption(
        "no_color", ("--no-color",), "Write the log without colour.", kind="flag", env="NO_COLOR"
    ),
    RunOption("verbose", ("-v", "--verbose"), "Write a more detailed log.", kind="flag"),
)
BY_KEY: Mapping[str, RunOption] = {option.key: option for option in RUN_OPTIONS}


def run_options(command: Command) -> Command:
    """Give a command every option of the table, each None (or empty) unless given."""
    for option in reversed(RUN_OPTIONS):
        notes = [f"default: {option.shown}"] if option.shown else []
        notes += [f"env: {option.env}"] if option.env else []
        text = option.help + (f"  [{'; '.join(notes)}]" if notes else "")
        settings: dict[str, Any] = {"default": None, "help": text}
        if option.kind == "flag":
            settings["is_flag"] = True
        else:
            settings["metavar"] = option.metavar
            settings["multiple"] = option.kind == "texts"
        command = click.option(*option.flags, option.key, **settings)(command)
    return command
