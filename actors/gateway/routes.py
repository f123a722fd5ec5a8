"""Paths of the HTTP gateway. The forms are Habitat's (components/sup/src/http_gateway.rs)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

What: TypeAlias = Literal[
    "services", "service", "config", "health", "census", "butterfly", "metrics"
]
WHOLE: Final[dict[str, What]] = {
    "services": "services",
    "census": "census",
    "butterfly": "butterfly",
    "metrics": "metrics",
}
_NAME: Final = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Route:
    """What is asked for; `service` and `group` (`name.group[@org]`) for one service."""

    what: What
    service: str = ""
    group: str = ""


def parse(path: str) -> Route | int:
    """What a path asks for, or the HTTP status that answers it: 404, or 400 for no service group.

    An organization is the third part of a service's path; `config` and `health` are the last.
    """
    parts = path.strip("/").split("/")
    if len(parts) == 1:
        what = WHOLE.get(parts[0])
        return 404 if what is None else Route(what)
    if parts[0] != "services" or len(parts) > 5:
        return 404
    asked: What = "service"
    if len(parts) > 3 and parts[-1] in ("config", "health"):
        asked = "config" if parts.pop() == "config" else "health"
    if len(parts) not in (3, 4):
        return 400 if len(parts) == 2 else 404
    if not all(_NAME.fullmatch(part) for part in parts[1:]):
        return 400
    name, group, *org = parts[1:]
    return Route(asked, name, f"{name}.{group}" + (f"@{org[0]}" if org else ""))
