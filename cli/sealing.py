"""Encrypting what is applied to a service group, before it leaves this machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from actors.errors import CryptoError, UsageError
from cli.ring import key_cache_path
from cli.ringkeys import cache_option


def seals(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--user`, whose key encrypts, and the directory of keys."""
    user = click.option(
        "-u",
        "--user",
        metavar="USER",
        help="Encrypt for the group, by the newest key of this user (`hab user key generate`) and "
        "of the group (`hab svc key generate`), which has to be SERVICE.GROUP@ORG.",
    )
    return user(cache_option(command))


def sealed_for(group: str, user: str, plain: bytes, what: str, cache_key_path: str | None) -> bytes:
    """Encrypt for a group; `what` names it, with its version.

    Raises UsageError for a group without organization, CryptoError.
    """
    if "@" not in group:
        raise UsageError(
            f"{group} is of no organization: keys are made for SERVICE.GROUP@ORG, and only its "
            "members can open what is encrypted"
        )
    from actors.adapters.boxes import seal
    from actors.adapters.key_ring import KeyRing

    return seal(plain, user, group, what, KeyRing(key_cache_path(cache_key_path)))


def sealing(data: bytes) -> str:
    """In words, by which key something is encrypted and for which."""
    from actors.depot.boxtext import parse_box

    try:
        box = parse_box(data)
    except CryptoError as error:
        return f"said to be encrypted, but {error}"
    return f"encrypted by key {box.sender} for key {box.receiver}"
