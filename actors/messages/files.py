"""What is said to the port that watches directories (`port/files`), and what it reports."""

from __future__ import annotations

import msgspec

from actors.messages.base import Message


class FileContent(msgspec.Struct, frozen=True):
    """One regular file: its name within the directory, and its bytes.

    `error` says why it could not be read (then `data` is empty); a file beyond the port's limit of
    1 MiB is not read.
    """

    name: str
    data: bytes = b""
    error: str = ""


class WatchDirectory(Message, frozen=True):
    """List the files of `path` that end in `suffix`, now and (unless `once`) at each change.

    `path` is below the supervisor's directory, or absolute. Each listing carries the `token` of the
    newest request that was handled before the directory was read: who writes a file and then asks
    with a new token can tell a listing that shows the write from one that is older. One watch a
    sender and path: asking again replaces it.
    """

    path: str
    suffix: str = ""
    token: int = 0
    once: bool = False


class FileWritten(Message, frozen=True):
    """The asker has just written file `name` of a directory it watches (`data` None: removed it).

    It is looked at alone: while it is as written that is no news, else it is a change like any
    other. Listings carry `token` from here on, as after a `WatchDirectory`.
    """

    path: str
    suffix: str
    name: str
    data: bytes | None
    token: int


class DirectoryListed(Message, frozen=True):
    """All matching files of `path`, sorted by name; none where the directory is not there.

    `error`: the directory could not be read, so nothing is known of its files.
    """

    path: str
    token: int
    files: tuple[FileContent, ...] = ()
    error: str = ""
