"""Files of a key cache: read warily, written whole, the secret ones for their owner alone."""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from actors.errors import HostError

DIRECTORY_MODE: Final = 0o700
SECRET_MODE: Final = 0o400
PUBLIC_MODE: Final = 0o444


def read_key_file(path: Path, limit: int) -> bytes | None:
    """At most `limit` bytes of a regular file; None if it is none, or cannot be read."""
    try:
        # A link could name a device; a pipe would block.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        return os.read(handle, limit) if stat.S_ISREG(os.fstat(handle).st_mode) else None
    except OSError:
        return None
    finally:
        os.close(handle)


def write_key_file(path: Path, data: bytes, mode: int) -> None:
    """Put a key file in its place, whole or not at all; the same again changes nothing.

    Raises HostError, also if another key is there: two who make a key of one name in one second
    must not end with halves of two pairs.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(mode=DIRECTORY_MODE, parents=True, exist_ok=True)
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, SECRET_MODE)
        try:
            os.write(handle, data)
            os.fchmod(handle, mode)  # whatever the umask is
            os.fsync(handle)
        finally:
            os.close(handle)
        try:
            path.hardlink_to(temporary)  # unlike a rename, it replaces nothing
        except FileExistsError:
            if path.read_bytes() != data:  # two who fetch one key at once are no conflict
                raise
        temporary.unlink()
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise HostError(f"{path} cannot be written: {error}") from error
