"""A plan's sources: fetched from a file or over HTTP, checked, unpacked."""

from __future__ import annotations

import hashlib
import os
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final

from actors.adapters.unpacking import CHUNK
from actors.depot.tree import split_name
from actors.errors import HostError, Refused

TIMEOUT_S: Final = 30.0  # without a byte
TRIES: Final = 3
SIZE_LIMIT: Final = 16 * 1024**3
TELL_S: Final = 2.0  # between two words about how far a download is

Say = Callable[[str], None]


def fetch(url: str, into: Path, shasum: str, base: Path, say: Say) -> None:
    """Let `into` hold what `url` names: http(s)://, file://, or a path (relative to `base`).

    With a `shasum` (SHA-256 in hex) nothing else is ever put there; what is there already and has
    it is kept. Raises Refused, HostError.
    """
    shasum = shasum.strip().lower()
    if shasum and into.is_file() and sha256(into) == shasum:
        say(f"Using {into.name}, fetched before")
        return
    scheme = urllib.parse.urlsplit(url).scheme
    if scheme in ("http", "https"):
        origin: Path | None = None
    elif scheme == "file":
        origin = Path(urllib.request.url2pathname(urllib.parse.urlsplit(url).path))
    elif scheme == "":
        origin = base / url
    else:
        raise Refused(f"pkg_source={url}: http, https, file and plain paths are known", "source")
    if origin is not None and not origin.is_file():
        raise Refused(f"pkg_source={url}: there is no file {origin}", "source")
    into.parent.mkdir(parents=True, exist_ok=True)
    part = into.with_name(f".{into.name}.part")
    say(f"Fetching {url}")
    try:
        with part.open("wb") as out:
            if origin is not None:
                with origin.open("rb") as data:
                    _copy(data, out, None, say)
            else:
                _download(url, out, say)
        found = sha256(part)
        if shasum and found != shasum:
            raise Refused(
                f"{url} has the SHA-256 {found}, but pkg_shasum is {shasum}: is it another "
                "release, or was it altered?",
                "source",
            )
        part.replace(into)
    finally:
        part.unlink(missing_ok=True)


def check(path: Path, shasum: str) -> None:
    """Refuse a source that is not what the plan says."""
    if not path.is_file():
        raise Refused(f"there is no {path} to verify", "source")
    found = sha256(path)
    if not shasum:
        raise Refused(f"pkg_source needs a pkg_shasum; {path.name} has {found}", "source")
    if found != shasum.strip().lower():
        raise Refused(f"{path.name} has the SHA-256 {found}, not {shasum}", "source")


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def unzip(archive: Path, into: Path) -> None:
    """Unpack a zip file (a wheel is one), modes kept. Raises Refused for names that leave it."""
    try:
        with zipfile.ZipFile(archive) as zipped:
            for member in zipped.infolist():
                path = into.joinpath(*split_name(member.filename))
                if member.is_dir():
                    path.mkdir(parents=True, exist_ok=True)
                    continue
                path.parent.mkdir(parents=True, exist_ok=True)
                with zipped.open(member) as data, path.open("wb") as out:
                    while chunk := data.read(CHUNK):
                        out.write(chunk)
                    if mode := (member.external_attr >> 16) & 0o777:
                        os.fchmod(out.fileno(), mode | 0o600)
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise Refused(
            f"{archive.name} is no zip file that can be read: {error}", "source"
        ) from error


def _download(url: str, out: IO[bytes], say: Say) -> None:
    for attempt in range(1, TRIES + 1):
        out.seek(0)
        out.truncate()
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:  # noqa: S310 - checked
                length = answer.headers.get("Content-Length", "")
                size = int(length) if length.isdigit() else None
                _copy(answer, out, size, say)
                return
        except urllib.error.HTTPError as error:
            if error.code < 500 or attempt == TRIES:
                raise Refused(f"{url} answers {error.code} {error.reason}", "source") from error
            say(f"{url} answers {error.code}; try {attempt + 1} of {TRIES}")
        except OSError as error:
            if attempt == TRIES:
                raise HostError(f"{url} cannot be fetched: {error}") from error
            say(f"{url}: {error}; try {attempt + 1} of {TRIES}")


def _copy(source: IO[bytes], out: IO[bytes], size: int | None, say: Say) -> None:
    got, told = 0, time.monotonic()
    while chunk := source.read(64 * 1024):
        got += len(chunk)
        if got > SIZE_LIMIT:
            raise Refused(f"the source has more than {SIZE_LIMIT} bytes", "source")
        out.write(chunk)
        if time.monotonic() - told > TELL_S:
            told = time.monotonic()
            of = f" of {size / 1e6:.1f}" if size else ""
            say(f"… {got / 1e6:.1f}{of} MB")
    if size is not None and got != size:
        raise OSError(f"it ended after {got} of {size} bytes")
