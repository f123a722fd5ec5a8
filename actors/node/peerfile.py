"""The peer watch file: one `host[:port]` a line; pure."""

from __future__ import annotations

import posixpath

from actors.messages.files import DirectoryListed, WatchDirectory


def watch(path: str) -> WatchDirectory:
    """What to ask of `port/files` about the peer watch file `path`."""
    directory, name = posixpath.split(path)
    return WatchDirectory(directory or ".", suffix=name)


def seeds(path: str, listed: DirectoryListed) -> tuple[str, ...] | None:
    """The seeds in the file, in order and once each; None while it cannot be read.

    Blank lines and what follows a `#` do not count. A file that is gone has no seeds.
    """
    if listed.error:
        return None
    name = posixpath.basename(path)
    for file in listed.files:
        if file.name == name:
            if file.error:
                return None
            lines = file.data.decode("utf-8", "replace").splitlines()
            named = (line.partition("#")[0].strip() for line in lines)
            return tuple(dict.fromkeys(seed for seed in named if seed))
    return ()
