"""Values as people write them: durations, sizes, addresses, idents, binds, points in time."""

from __future__ import annotations

import ipaddress
import re
from datetime import datetime
from typing import Any, NoReturn

import click

from actors.errors import UsageError

GOSSIP_PORT = 9638
HTTP_PORT = 9631
CTL_PORT = 9632
MAX_GROUP_BYTES = 64 * 1024  # of a group's configuration, and of each of its files

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|)")
_SECONDS = {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE = re.compile(r"(\d+)\s*([KMG]?)(?:i?B)?", re.IGNORECASE)
_BYTES = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")
_GROUP = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+(@[A-Za-z0-9_-]+)?")
_BIND = re.compile(r"[A-Za-z0-9_-]+:[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+(@[A-Za-z0-9_-]+)?")


def seconds(text: str) -> float:
    """`30`, `30s`, `2m`, `500ms`, `1.5h` as seconds. Raises ValueError."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no duration; write 30s, 2m, 1h or 500ms")
    return float(match[1]) * _SECONDS[match[2]]


def size_bytes(text: str) -> int:
    """`1048576`, `512K`, `10M`, `1G` as bytes. Raises ValueError."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no size; write 512K, 10M or 1G")
    return int(match[1]) * _BYTES[match[2].upper()]


def split_host(text: str, port: int) -> tuple[str, int]:
    """Split `HOST`, `HOST:PORT`, `[V6]:PORT` or a bare IPv6 address. Raises ValueError."""
    host, given = text.strip(), ""
    if host.startswith("["):
        host, bracket, rest = host[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError(f"{text!r} is not of the form HOST[:PORT]")
        given = rest[1:]
    elif host.count(":") == 1:
        host, _, given = host.partition(":")
        if not given:
            raise ValueError(f"{text!r} has no port behind the colon")
    if not host or re.search(r"[\s/]", host):
        raise ValueError(f"{text!r} is not of the form HOST[:PORT]")
    if given and (not given.isascii() or not given.isdigit() or not 0 < int(given) < 65536):
        raise ValueError(f"{given!r} in {text!r} is no port number")
    return host, int(given) if given else port


def join_host(host: str, port: int) -> str:
    """`HOST:PORT`, with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def listen_address(text: str, port: int) -> str:
    """`IP[:PORT]` to listen on, with its port. Raises ValueError: a name is no place to listen."""
    host, number = split_host(text, port)
    try:
        ipaddress.ip_address(host)
    except ValueError:
        raise ValueError(f"{text!r} is not of the form IP[:PORT]") from None
    return join_host(host, number)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def moment(text: str, now: float) -> float:
    """A point in time as Unix seconds: a duration ago (`5m`, `-5m`), Unix seconds, or ISO 8601."""
    short = text.strip().removeprefix("-").removesuffix(" ago")
    if re.fullmatch(r"\d{9,}(\.\d+)?", short):
        return float(short)
    if _DURATION.fullmatch(short):
        return now - seconds(short)
    try:
        return datetime.fromisoformat(text.strip()).astimezone().timestamp()
    except ValueError:
        raise ValueError(
            f"{text!r} is no time; write 5m (ago), 2026-11-22T11:00 or Unix seconds"
        ) from None


class _Checked(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4
    """A text that a function accepts or refuses with a ValueError."""

    def refuse(self, error: ValueError, param: click.Parameter | None, ctx: Any) -> NoReturn:
        """Fail as click does, with the reason."""
        self.fail(str(error), param, ctx)


class Duration(_Checked):
    """Seconds, or a number with a unit."""

    name = "duration"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Convert to seconds."""
        if isinstance(value, int | float):
            return float(value)
        try:
            return seconds(str(value))
        except ValueError as error:
            self.refuse(error, param, ctx)


class WholeSeconds(Duration):
    """A duration without a fraction of a second: what a spec can hold."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Convert to whole seconds."""
        length_s = super().convert(value, param, ctx)
        if length_s != int(length_s):
            self.fail(f"{value!r} is not a number of whole seconds", param, ctx)
        return int(length_s)


class Bind(_Checked):
    """`NAME:SERVICE.GROUP[@ORG]`; empty passes, it means: none."""

    name = "bind"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check the form."""
        text = str(value)
        if text and not _BIND.fullmatch(text):
            self.fail(
                f'Invalid binding "{text}", must be of the form <NAME>:<SERVICE_GROUP> where '
                "<NAME> is a bind of the package and <SERVICE_GROUP> is like redis.default.",
                param,
                ctx,
            )
        return text


class Name(_Checked):
    """The name of a service, group, organization, ring or supervisor: one plain word."""

    name = "name"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check the form."""
        text = str(value)
        if not is_name(text):
            self.fail(
                f"{text!r} is no name; use letters, digits, '-' and '_', a letter or digit first",
                param,
                ctx,
            )
        return text


class GroupName(_Checked):
    """A service group, `service.group[@org]`."""

    name = "group"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Check the form."""
        text = str(value)
        if not _GROUP.fullmatch(text):
            self.fail(
                f"Invalid service group: {text}. A valid service group string is in the form "
                "service.group (example: redis.production)",
                param,
                ctx,
            )
        return text


class Version(_Checked):
    """The version of what is applied to a group: a whole number above 0."""

    name = "version"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Check that it is a version."""
        text = str(value)
        if not text.isascii() or not text.isdigit() or not 0 < int(text) < 1 << 62:
            self.fail(f"{text!r} is no version; it is a whole number from 1 on", param, ctx)
        return int(text)


def is_name(text: str) -> bool:
    """Whether `text` is one plain word, as names of services, groups and organizations are."""
    return _NAME.fullmatch(text) is not None


def is_service_word(text: str) -> bool:
    """Whether `text` can name a loaded service: an ident, a service name or a service group."""
    from actors.specs.spec_file import is_ident

    return is_ident(text) or any(form.fullmatch(text) for form in (_NAME, _GROUP))


def check_service(service: str) -> str:
    """Return `service` if it can name a loaded service. Raises UsageError."""
    if not is_service_word(service):
        raise UsageError(
            f'"{service}" is no service: write its package ident (core/redis), its name (redis) '
            "or its group (redis.default)"
        )
    return service
