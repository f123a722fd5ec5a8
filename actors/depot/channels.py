"""The channel table of a depot: which packages are in which channel of their origin.

Every package is in `unstable` from its upload on, without an entry. `stable` and `unstable` exist
in every origin and stay. The table is one file with a checksum: what is damaged is refused, never
taken for empty, because an empty `stable` would be a fact to those who poll it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

import msgspec

from actors.depot.ident import PackageIdent
from actors.errors import Refused

STABLE: Final = "stable"
UNSTABLE: Final = "unstable"
FIRST_LINE: Final = b"HABRING-CHANNELS-1 "
_ORIGIN = re.compile(r"[a-z0-9][a-z0-9_-]{0,254}", re.ASCII)  # as Habitat's
_CHANNEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,254}", re.ASCII)  # of Habitat's one is LTS-2024

Times: TypeAlias = Mapping[str, str]  # artifact → promoted at (ISO 8601)


@dataclass(frozen=True, slots=True)
class Artifact:
    """One package for one target."""

    ident: PackageIdent
    target: str

    @property
    def file_name(self) -> str:
        """The name of its HART file."""
        return self.ident.file_name(self.target)

    def __str__(self) -> str:
        return f"{self.ident} {self.target}"


@dataclass(frozen=True, slots=True)
class ChannelTable:
    """`origins`: origin → channel → artifact (`IDENT TARGET`) → since when.

    A changing method returns the next table; times are passed in.
    """

    origins: Mapping[str, Mapping[str, Times]] = field(default_factory=dict)

    def names(self, origin: str) -> list[str]:
        """The channels of an origin that was founded, sorted."""
        return sorted({STABLE, UNSTABLE, *self.origins.get(origin, {})})

    def exists(self, origin: str, channel: str) -> bool:
        """Whether an origin has a channel."""
        return channel in (STABLE, UNSTABLE) or channel in self.origins.get(origin, {})

    def holds(self, origin: str, channel: str, artifact: Artifact) -> bool:
        """Whether an artifact of `origin` is in a channel."""
        if artifact.ident.origin != origin:
            return False
        return channel == UNSTABLE or str(artifact) in self._times(origin, channel)

    def since(self, artifact: Artifact, uploaded: str) -> dict[str, str]:
        """Each channel the artifact is in, and since when; `uploaded` is the time for unstable."""
        channels = self.origins.get(artifact.ident.origin, {})
        key = str(artifact)
        there = {name: times[key] for name, times in channels.items() if key in times}
        return {UNSTABLE: uploaded, **there}

    def found(self, origin: str) -> ChannelTable:
        """The origin exists from now on. Raises Refused for a bad name."""
        check_origin(origin)
        return replace(self, origins={origin: {}, **self.origins})

    def create(self, origin: str, channel: str) -> ChannelTable:
        """A further, empty channel. Raises Refused (`conflict` where there is one already)."""
        _check_channel(channel)
        if self.exists(origin, channel):
            raise Refused(f"Channel {channel} of origin {origin} already exists", "conflict")
        return self._with(origin, channel, {})

    def remove(self, origin: str, channel: str) -> ChannelTable:
        """Without a channel; the packages stay. Raises Refused."""
        if channel in (STABLE, UNSTABLE):
            raise Refused(f"Channel {channel} cannot be removed", "forbidden")
        self._require(origin, channel)
        left = {k: v for k, v in self.origins[origin].items() if k != channel}
        return replace(self, origins={**self.origins, origin: left})

    def promote(self, artifact: Artifact, channel: str, now: str) -> ChannelTable:
        """With the artifact in a channel; the same table if it was there. Raises Refused."""
        origin = artifact.ident.origin
        self._require(origin, channel)
        if self.holds(origin, channel, artifact):
            return self
        return self._with(origin, channel, {**self._times(origin, channel), str(artifact): now})

    def demote(self, artifact: Artifact, channel: str) -> ChannelTable:
        """Without the artifact in a channel. Raises Refused."""
        origin = artifact.ident.origin
        if channel == UNSTABLE:
            raise Refused("No package can be demoted from unstable", "forbidden")
        self._require(origin, channel)
        if not self.holds(origin, channel, artifact):
            raise Refused(f"{artifact.ident} is not in channel {channel}", "bad-request")
        left = {k: v for k, v in self._times(origin, channel).items() if k != str(artifact)}
        return self._with(origin, channel, left)

    def forget(self, artifact: Artifact) -> ChannelTable:
        """Without an artifact that was deleted."""
        origin = artifact.ident.origin
        if origin not in self.origins:
            return self
        left = {
            name: {k: v for k, v in times.items() if k != str(artifact)}
            for name, times in self.origins[origin].items()
        }
        return replace(self, origins={**self.origins, origin: left})

    def _times(self, origin: str, channel: str) -> Times:
        return self.origins.get(origin, {}).get(channel, {})

    def _require(self, origin: str, channel: str) -> None:
        if not self.exists(origin, channel):
            raise Refused(f"Origin {origin} has no channel {channel}", "not-found")

    def _with(self, origin: str, channel: str, times: Times) -> ChannelTable:
        channels = {**self.origins.get(origin, {}), channel: times}
        return replace(self, origins={**self.origins, origin: channels})


def check_origin(name: str) -> None:
    """Refuse a name that is none of an origin (it becomes part of paths)."""
    if not _ORIGIN.fullmatch(name):
        raise Refused(
            f"{name[:100]!r} is no name for an origin: lower case letters, digits, _ and - are, "
            "and it begins with a letter or digit",
            "bad-name",
        )


def _check_channel(name: str) -> None:
    if not _CHANNEL.fullmatch(name):
        raise Refused(
            f"{name[:100]!r} is no name for a channel: letters, digits, _ and - are, and it "
            "begins with a letter or digit",
            "bad-name",
        )


def encode_table(table: ChannelTable) -> bytes:
    """The table's file: a first line with the checksum of the rest, then JSON."""
    data = msgspec.json.format(msgspec.json.encode(table.origins, order="sorted"), indent=1)
    return FIRST_LINE + _checksum(data) + b"\n" + data + b"\n"


def decode_table(data: bytes) -> ChannelTable:
    """The table in a file. Raises Refused where it is not what was written."""
    first, _, rest = data.partition(b"\n")
    rest = rest.removesuffix(b"\n")
    if first != FIRST_LINE + _checksum(rest):
        raise Refused("its checksum does not fit its content", "damaged")
    try:
        return ChannelTable(msgspec.json.decode(rest, type=dict[str, dict[str, dict[str, str]]]))
    except msgspec.DecodeError as error:
        raise Refused(str(error), "damaged") from error


def _checksum(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=32).hexdigest().encode()
