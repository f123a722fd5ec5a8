"""Facts of a whole service group, which exist once in the ring: its configuration and its files."""

from __future__ import annotations

from typing import ClassVar

from actors.messages.base import Event, Message


class GroupConfig(Message, frozen=True):
    """The body of a `config` rumor: TOML laid over the defaults of each member of the group.

    `sealed`: `data` is encrypted for the group (`BOX-1` text). The rumor's incarnation is the
    version the operator gave. `rolling`: members of strategy rolling take it one after the other;
    it is the body of a `staged` rumor, and of a `config` rumor too once all have.
    """

    service_group: str
    version: int
    data: bytes
    sealed: bool = False
    rolling: bool = False


class GroupFile(Message, frozen=True):
    """The body of a `file` rumor: a file for the `files` directory of each member of the group."""

    service_group: str
    name: str
    version: int
    data: bytes
    sealed: bool = False


class GroupFacts(Message, frozen=True):
    """census → subscribers of `config`: the configuration and files of all groups, by group.

    `configs` are in force; `staged` are above those, for rolling updates to bring to the members.
    """

    configs: dict[str, GroupConfig] = {}
    files: dict[str, tuple[GroupFile, ...]] = {}
    staged: dict[str, GroupConfig] = {}


class ApplyConfig(Message, frozen=True):
    """control → census: give a group a configuration; the group need not exist yet.

    Answered by `Accepted` once it is on this member's disk. Refused when `version` is not above the
    current one and the staged one (code `stale`; the same again is unchanged), too long, or no
    TOML. A `rolling` one is staged; refused where a member of the group does not roll (`no-roll`).
    """

    config: GroupConfig


class UploadFile(Message, frozen=True):
    """control → census: give a group a file; answered as `ApplyConfig`."""

    file: GroupFile


class QueryGroup(Message, frozen=True):
    """Asks census what was applied to one group (all, if empty); answered by `GroupFacts`."""

    service_group: str = ""


class OpenSealed(Message, frozen=True):
    """`service/<name>` → port/packages: open what is encrypted for the group; `SealedOpened`."""

    service_group: str
    sealed: tuple[bytes, ...]


class SealedOpened(Message, frozen=True):
    """What `OpenSealed` asked to open: its content, or in words why it stays shut.

    A trace of the actor that hears it does not show the content.
    """

    contents: dict[bytes, bytes | str]

    def __repr__(self) -> str:
        said = (c if isinstance(c, str) else f"{len(c)} bytes" for c in self.contents.values())
        return f"{type(self).__name__}({'; '.join(said)})"


class SealedKept(Event, frozen=True):
    """This member cannot open what was applied; it keeps what it has, and tries again."""

    service_group: str
    what: str
    reason: str
    sentence: ClassVar[str] = "{what} of {service_group} cannot be opened here: {reason}"


class ConfigApplied(Event, frozen=True):
    """A group has a new configuration, from here on."""

    service_group: str
    version: int
    size_bytes: int
    sentence: ClassVar[str] = "configuration version {version} was applied to {service_group}"


class ConfigStaged(Event, frozen=True):
    """A group has a configuration that its members are to take one after the other."""

    service_group: str
    version: int
    size_bytes: int
    sentence: ClassVar[str] = "configuration version {version} was staged for {service_group}"


class FileUploaded(Event, frozen=True):
    """A group has a new version of a file, from here on."""

    service_group: str
    name: str
    version: int
    size_bytes: int
    sentence: ClassVar[str] = "version {version} of {name} was uploaded to {service_group}"
