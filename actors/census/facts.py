"""What may be applied to a whole group: its configuration and its files, checked at both ends.

What an operator gives is checked before it is published, and what the ring tells once more: a
member that does not check (or is not of this program) must not write outside a files directory.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, TypeAlias

import tomli

from actors.messages.groups import (
    ApplyConfig,
    ConfigApplied,
    ConfigStaged,
    FileUploaded,
    GroupConfig,
    GroupFacts,
    GroupFile,
    UploadFile,
)
from actors.messages.ring import GroupMember, PublishRumor, Rumor
from actors.messages.runtime import CallFailed

Command: TypeAlias = ApplyConfig | UploadFile

STAGED: Final = "staged"  # the kind of rumor
MAX_BYTES: Final = 64 * 1024  # Habitat's limit, of what people write
SEALED_BYTES: Final = 2 * MAX_BYTES  # the same in base64 with its header
MAX_VERSION: Final = (1 << 62) - 1
_GROUP: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+(@[A-Za-z0-9_-]+)?")
_MAX_NAME: Final = 200


def config_of(rumor: Rumor) -> GroupConfig | None:
    """The configuration in force that a rumor brings, if it is one that may be used."""
    return _config_of(rumor, "config")


def staged_of(rumor: Rumor) -> GroupConfig | None:
    """The staged configuration that a rumor brings, if it is one that may be used."""
    config = _config_of(rumor, STAGED)
    return config if config is not None and config.rolling else None


def _config_of(rumor: Rumor, kind: str) -> GroupConfig | None:
    body = rumor.body
    if rumor.kind != kind or not isinstance(body, GroupConfig):
        return None
    fine = rumor.key == body.service_group and rumor.incarnation == body.version
    return body if fine and not _problem(body) else None


def file_of(rumor: Rumor) -> GroupFile | None:
    """The file a rumor brings, if it is one that may be written."""
    body = rumor.body
    if rumor.kind != "file" or not isinstance(body, GroupFile):
        return None
    fine = rumor.key == file_key(body) and rumor.incarnation == body.version
    return body if fine and not _problem(body) else None


def file_key(file: GroupFile) -> str:
    """The key of a file's rumor."""
    return f"{file.service_group}/{file.name}"


def refusal(command: Command) -> CallFailed | None:
    """Why a command cannot be followed, if so."""
    fact = command.config if isinstance(command, ApplyConfig) else command.file
    if problem := _problem(fact):
        return CallFailed("Refused", problem, "invalid")
    if isinstance(fact, GroupConfig) and not fact.sealed:
        try:
            tomli.loads(fact.data.decode())
        except (ValueError, RecursionError) as error:  # ValueError also for thousands of digits
            return CallFailed("Refused", f"Unable to decode configuration as toml, {error}", "toml")
    return None


def conflict(
    command: Command, known: GroupFacts, members: Sequence[GroupMember]
) -> CallFailed | None:
    """Why a configuration cannot go to a group as the group is now, if so.

    Versions in force and staged ones are one sequence; and only members that roll can take turns.
    """
    if not isinstance(command, ApplyConfig):
        return None
    config, group = command.config, command.config.service_group
    current, staged = known.configs.get(group), known.staged.get(group)
    again = current is not None and config.version <= current.version
    if again and (config == current or not config.rolling):
        return None  # gossip says that it is unchanged, or what the current one is
    other, what = (current, "current") if config.rolling else (staged, "staged")
    if other is not None and config.version <= other.version:
        text = f"version {config.version} is not above the {what} one, {other.version}"
        return CallFailed("Refused", text, "stale")
    if not config.rolling:
        return None
    if not members:
        text = (
            f"no member of {group} is up, to take it in its turn; without --rolling it is in force "
            "for all who come"
        )
        return CallFailed("Refused", text, "no-roll")
    still = [
        one.info.member[:8]
        for one in members
        if one.info.strategy != "rolling" or not one.info.package  # a plain command has none
    ]
    if still:
        text = (
            f"{len(still)} of {len(members)} members of {group} do not take turns "
            f"({', '.join(still[:5])}): `hab svc load --strategy rolling --force` there, or apply "
            "it to all at once, without --rolling"
        )
        return CallFailed("Refused", text, "no-roll")
    return None


def publication(command: Command) -> PublishRumor:
    """What gossip is to spread."""
    if isinstance(command, ApplyConfig):
        config = command.config
        kind = STAGED if config.rolling else "config"
        return PublishRumor(kind, config.service_group, config, version=config.version)
    file = command.file
    return PublishRumor("file", file_key(file), file, version=file.version)


def holds(known: GroupFacts, command: Command) -> bool:
    """Whether what was given, or something newer, is known."""
    if isinstance(command, ApplyConfig):
        group, version = command.config.service_group, command.config.version
        found = [known.configs.get(group)]
        found += [known.staged.get(group)] if command.config.rolling else []
        return any(config is not None and config.version >= version for config in found)
    file = command.file
    of = known.files.get(file.service_group, ())
    return any(one.name == file.name and one.version >= file.version for one in of)


def event_of(command: Command) -> ConfigApplied | ConfigStaged | FileUploaded:
    """What the event log says once it is done."""
    if isinstance(command, ApplyConfig):
        config = command.config
        if config.rolling:
            return ConfigStaged(config.service_group, config.version, len(config.data))
        return ConfigApplied(config.service_group, config.version, len(config.data))
    file = command.file
    return FileUploaded(file.service_group, file.name, file.version, len(file.data))


def done_text(command: Command) -> str:
    """What the operator reads once it is done."""
    if isinstance(command, ApplyConfig):
        done = "Staged" if command.config.rolling else "Applied"
        return f"{done} configuration version {command.config.version}"
    return f"Uploaded {command.file.name} version {command.file.version}"


def is_file_name(name: str) -> bool:
    """Whether `name` is one plain file name, which cannot leave its directory."""
    plain = 0 < len(name.encode(errors="replace")) <= _MAX_NAME and name not in (".", "..")
    return plain and name.isprintable() and not set(name) & {"/", "\\"}


def _problem(fact: GroupConfig | GroupFile) -> str:
    limit = SEALED_BYTES if fact.sealed else MAX_BYTES
    what = "Configuration" if isinstance(fact, GroupConfig) else "File"
    if not _GROUP.fullmatch(fact.service_group):
        return (
            f"Invalid service group: {fact.service_group}. A valid service group string is in the "
            "form service.group (example: redis.production)"
        )
    if not 0 < fact.version <= MAX_VERSION:
        return f"Invalid version: {fact.version}. Versions are whole numbers from 1 on, and grow"
    if len(fact.data) > limit:
        return f"{what} too large. Maximum allowed is {limit} bytes, this has {len(fact.data)}"
    if isinstance(fact, GroupFile) and not is_file_name(fact.name):
        return f"Invalid file name: {fact.name!r}. It is one plain name, without directories"
    return ""
