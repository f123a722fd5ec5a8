"""The client of a depot server, ours or Builder: patient, and trusting nothing it is told.

One connection a request, as Habitat's client does. What may pass is tried again, visibly; what a
depot says is measured: names, types, sizes, pace. Proxies come from the environment (HTTP_PROXY,
HTTPS_PROXY, ALL_PROXY, NO_PROXY), authorities from SSL_CERT_FILE or the system and `cache/ssl`.
"""

from __future__ import annotations

import contextlib
import platform
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlsplit

import httpx

from actors import __version__
from actors.adapters.depot_client import UNAVAILABLE, DepotSettings, Found, Tell
from actors.depot.builder import (
    NameJson,
    PackageJson,
    PageJson,
    read_ident_json,
    read_json,
)
from actors.depot.channels import Artifact
from actors.depot.ident import PackageIdent
from actors.depot.patience import (
    JSON_LIMIT,
    KEY_LIMIT,
    SIZE_LIMIT,
    Pace,
    Patience,
    check_file_name,
    resumes_at,
)
from actors.errors import Refused, RemoteError, UsageError
from actors.messages.service import Progress

CHUNK: Final = 256 * 1024
SHOWN: Final = 300  # characters of a refusal's text
TOLD_S: Final = 0.2  # between two reports of progress
CODES: Final = {401: "unauthorized", 403: "forbidden", 404: "not-found", 409: "conflict"}
_Result = TypeVar("_Result")


class HttpDepot:
    """A depot server. Raises Refused, as `Depot` says."""

    def __init__(
        self, settings: DepotSettings, target: str, tell: Tell, patience: Patience
    ) -> None:
        self.url = settings.url
        self._settings = settings
        self._target = target
        self._tell = tell
        self._patience = patience
        parts = urlsplit(settings.url)
        self._base = settings.url.rstrip("/") + ("" if parts.path.strip("/") else "/v1")
        self._client: httpx.Client | None = None

    # ── questions ──

    def latest(self, wanted: PackageIdent, target: str, channel: str) -> Found | None:
        """The newest package of a channel, in Builder's order."""
        parts = [wanted.name, *(p for p in (wanted.version, wanted.release) if p)]
        path = f"/depot/channels/{_path(wanted.origin, channel)}/pkgs/{_path(*parts)}"
        path += "" if wanted.full else "/latest"
        what = f"asking for {wanted} in channel {channel}"

        def read(answer: httpx.Response, body: bytes) -> Found:
            del answer
            found = read_json(body, PackageJson)
            ident = read_ident_json(found.ident)
            if not ident.satisfies(wanted):
                raise RemoteError(f"it names {ident} where {wanted} was asked for")
            return Found(Artifact(ident, target), found.checksum.lower())

        return self._ask(what, "GET", path, read, params={"target": target})

    def origin_channels(self, origin: str) -> list[str]:
        """The channels of an origin."""

        def read(answer: httpx.Response, body: bytes) -> list[str]:
            del answer
            return [channel.name for channel in read_json(body, list[NameJson])]

        what = f"asking for the channels of {origin}"
        return self._ask(what, "GET", f"/depot/channels/{_path(origin)}", read) or []

    def channels(self, artifact: Artifact) -> list[str] | None:
        """The channels a package is in, None where there is no such package."""

        def read(answer: httpx.Response, body: bytes) -> list[str]:
            del answer
            return sorted(channel.name for channel in read_json(body, list[NameJson]))

        what = f"asking for the channels of {artifact.ident}"
        path = f"{_package(artifact)}/channels"
        return self._ask(what, "GET", path, read, params={"target": artifact.target})

    def key(self, origin: str, revision: str) -> bytes | None:
        """The text of a public key; no token is sent for it."""

        def read(answer: httpx.Response, body: bytes) -> bytes:
            check_file_name(answer.headers.get("x-filename"), f"{origin}-{revision}.pub")
            return body

        what = f"asking for the key {origin}-{revision}"
        path = f"/depot/origins/{_path(origin)}/keys/{_path(revision)}"
        return self._ask(what, "GET", path, read, limit=KEY_LIMIT, anonymous=True)

    def search(self, term: str, limit: int) -> tuple[list[PackageIdent], int]:
        """At most `limit` packages that a term finds, and how many it finds."""
        found: list[PackageIdent] = []
        total = 0

        def read(answer: httpx.Response, body: bytes) -> tuple[list[PackageIdent], int, bool]:
            page = read_json(body, PageJson)
            more = answer.status_code == 206 and bool(page.data)
            return [read_ident_json(item) for item in page.data], page.total_count, more

        more = True
        while more and len(found) < limit:
            path = f"/depot/pkgs/search/{quote(term, safe='')}"
            params = {"range": str(len(found))}
            answer = self._ask(f"searching for {term}", "GET", path, read, params=params)
            idents, total, more = answer or ([], 0, False)
            found += idents
        return found[:limit], max(total, len(found[:limit]))

    # ── changes ──

    def upload(self, file: Path, artifact: Artifact, checksum: str, *, forced: bool) -> None:
        """Send a HART file."""
        size = file.stat().st_size
        told = _Told(self._tell, f"Uploading {artifact.ident}", size)
        params = {"checksum": checksum, "target": artifact.target}
        params["forced"] = "true" if forced else "false"

        def body() -> Iterator[bytes]:
            with file.open("rb") as stream:
                while chunk := stream.read(CHUNK):
                    yield chunk
                    told.moved(stream.tell())

        headers = {"content-length": str(size), "content-type": "application/octet-stream"}
        self._change(
            f"uploading {artifact.ident}",
            "POST",
            _package(artifact),
            tries=self._patience.tries,
            params=params,
            headers=headers,
            body=body,
        )

    def add_key(self, origin: str, revision: str, data: bytes) -> bool:
        """Send a public key; False if it was there."""
        path = f"/depot/origins/{_path(origin)}/keys/{_path(revision)}"
        return self._change_once(f"uploading the key {origin}-{revision}", path, data)

    def create_channel(self, origin: str, channel: str) -> None:
        """Make a channel, unless there is one."""
        path = f"/depot/channels/{_path(origin, channel)}"
        self._change_once(f"making channel {channel} of {origin}", path, b"")

    def promote(self, artifact: Artifact, channel: str) -> None:
        """Put a package into a channel."""
        self._move(artifact, channel, "promote")

    def demote(self, artifact: Artifact, channel: str) -> None:
        """Take a package out of a channel."""
        self._move(artifact, channel, "demote")

    def _move(self, artifact: Artifact, channel: str, verb: str) -> None:
        ident = artifact.ident
        path = f"/depot/channels/{_path(ident.origin, channel)}/pkgs/"
        path += f"{_path(ident.name, ident.version, ident.release)}/{verb}"
        direction = "to" if verb == "promote" else "from"
        what = f"{verb[:-1]}ing {ident} {direction} {channel}"
        self._change(what, "PUT", path, params={"target": artifact.target})

    def _change_once(self, what: str, path: str, data: bytes) -> bool:
        """Whether something was made; False where it was there."""
        try:
            self._change(what, "POST", path, body=lambda: iter([data]))
        except Refused as error:
            if error.code == "conflict":
                return False
            raise
        return True

    def _change(
        self,
        what: str,
        method: str,
        path: str,
        tries: int | None = None,
        body: Callable[[], Iterator[bytes]] | None = None,
        **more: Any,
    ) -> None:
        def attempt() -> None:
            content = body() if body else None
            with self._open(method, path, content=content, slow=True, **more) as answer:
                if answer.status_code == 501:
                    return  # Builder: this target is not taken; Habitat goes on as well
                self._judge(answer, what)

        self._patiently(what, tries or self._patience.look_ups, attempt)

    # ── downloads ──

    def download(self, artifact: Artifact, part: Path) -> None:
        """Bring a HART file to `part`, going on behind what is there already."""
        what = f"downloading {artifact.ident}"
        self._patiently(what, self._patience.tries, lambda: self._download(artifact, part, what))

    def _download(self, artifact: Artifact, part: Path, what: str) -> None:
        have = part.stat().st_size if part.exists() else 0
        headers = {"range": f"bytes={have}-"} if have else {}
        path, params = f"{_package(artifact)}/download", {"target": artifact.target}
        with self._open("GET", path, params=params, headers=headers) as answer:
            if answer.status_code == 416:
                part.unlink(missing_ok=True)
                raise RemoteError("it cannot go on where the last download ended")
            self._judge(answer, what)
            check_file_name(answer.headers.get("x-filename"), artifact.file_name)
            on = answer.status_code == 206 and resumes_at(answer.headers.get("content-range"), have)
            if answer.status_code == 206 and not on:
                part.unlink(missing_ok=True)
                raise RemoteError("it sent another part of the file than was asked for")
            have = have if on else 0
            length = answer.headers.get("content-length", "")
            total = have + int(length) if length.isdigit() and len(length) < 19 else 0
            told = _Told(self._tell, f"Downloading {artifact.ident}", total)
            with part.open("ab" if on else "wb") as out:
                for chunk in self._chunks(answer, SIZE_LIMIT - have):
                    out.write(chunk)
                    told.moved(out.tell())

    # ── one request ──

    def _ask(
        self,
        what: str,
        method: str,
        path: str,
        read: Callable[[httpx.Response, bytes], _Result],
        *,
        limit: int = JSON_LIMIT,
        **more: Any,
    ) -> _Result | None:
        """The answer to a question as `read` makes it; None for 404."""

        def attempt() -> _Result | None:
            with self._open(method, path, **more) as answer:
                if answer.status_code == 404:
                    return None
                self._judge(answer, what)
                return read(answer, b"".join(self._chunks(answer, limit)))

        return self._patiently(what, self._patience.look_ups, attempt)

    def _patiently(self, what: str, tries: int, attempt: Callable[[], _Result]) -> _Result:
        """Try until it works, a definite no comes, or patience ends; every failure is told."""
        delays_s, reason = self._patience.delays_s(tries), ""
        for number in range(1, tries + 1):
            try:
                return attempt()
            except (RemoteError, httpx.TransportError, httpx.TooManyRedirects) as error:
                reason = _reason(error)
            if number < tries:
                delay_s = delays_s[number - 1]
                self._tell(
                    Progress(
                        f"{what}: the depot {self.url} failed ({reason}); attempt {number + 1} of "
                        f"{tries} in {delay_s:g} s"
                    )
                )
                time.sleep(delay_s)
        times = f"tried {tries} times" if tries > 1 else "tried once"
        raise Refused(
            f"{what}: the depot {self.url} failed ({reason}; {times}). Is it up, and is it a "
            "depot? --url or HAB_BLDR_URL names another",
            UNAVAILABLE,
        )

    @contextlib.contextmanager
    def _open(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        content: Iterator[bytes] | None = None,
        slow: bool = False,
        anonymous: bool = False,
    ) -> Iterator[httpx.Response]:
        sent = {"connection": "close", "accept-encoding": "identity", **(headers or {})}
        sent["user-agent"] = self._agent()
        if self._settings.token and not anonymous:
            sent["authorization"] = f"Bearer {self._settings.token}"
        patience = self._patience
        answer_s = patience.answer_s if slow else patience.window_s
        timeout = httpx.Timeout(answer_s, connect=patience.connect_s)
        head = _Head(answer_s)
        try:
            with self._session().stream(
                method,
                f"{self._base}{path}",
                params=params,
                headers=sent,
                content=content,
                timeout=timeout,
                extensions={"trace": head.trace},
            ) as answer:
                head.arrived()
                yield answer
        except httpx.TransportError as error:
            if head.overdue:
                text = f"no whole answer within {answer_s:g} s"
                raise RemoteError(text) from error
            raise
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError) as error:
            raise UsageError(f"{self.url!r} is no depot: {error}") from error
        finally:
            head.arrived()

    def _judge(self, answer: httpx.Response, what: str) -> None:
        """Go on with a good answer. Raises Refused for a definite no, RemoteError for others."""
        status = answer.status_code
        if 200 <= status < 300:
            kind = answer.headers.get("content-type", "")
            if kind.startswith("text/html"):
                raise RemoteError("it answered with a web page")
            if answer.headers.get("content-encoding", "identity") != "identity":
                raise RemoteError("it compressed its answer, which was not asked for")
            return
        if status >= 500 or status in (408, 429) or status < 400:
            raise RemoteError(f"it answered {status} {answer.reason_phrase}".rstrip())
        text = self._text(answer)
        if status == 401:
            text = text or "please check that your token is right and may do this"
        why = text or answer.reason_phrase or "no reason given"
        raise Refused(
            f"{what}: the depot {self.url} says {status}: {why}", CODES.get(status, "refused")
        )

    def _text(self, answer: httpx.Response) -> str:
        """The beginning of a refusal's text, if it is text."""
        if not answer.headers.get("content-type", "text/plain").startswith("text/plain"):
            return ""
        with contextlib.suppress(RemoteError, httpx.TransportError):
            text = b"".join(self._chunks(answer, JSON_LIMIT)).decode(errors="replace")
            return "".join(c if c.isprintable() else " " for c in text[:SHOWN]).strip()
        return ""

    def _chunks(self, answer: httpx.Response, limit: int) -> Iterator[bytes]:
        """The body, measured. Raises RemoteError for one too large or too slow."""
        size, pace = 0, Pace(self._patience, time.monotonic())
        for chunk in answer.iter_raw():
            size += len(chunk)
            if size > limit:
                raise RemoteError(f"it sent more than {limit} bytes")
            pace.moved(len(chunk), time.monotonic())
            yield chunk

    def _session(self) -> httpx.Client:
        if self._client is None:
            secure = self._base.startswith("https:")
            verify = _authorities(self._settings) if secure else False
            self._client = httpx.Client(verify=verify, follow_redirects=True, max_redirects=5)
        return self._client

    def _agent(self) -> str:
        return f"hab/{__version__} ({self._target}; {platform.release()})"


class _Head:
    """Ends a connection on which the head of an answer does not become whole in time.

    Timeouts of httpx are for each read, so a byte now and then would keep it waiting for hours.
    """

    def __init__(self, within_s: float) -> None:
        self.overdue = False
        self._within_s = within_s
        self._socket: socket.socket | None = None
        self._timer: threading.Timer | None = None

    def trace(self, name: str, info: dict[str, Any]) -> None:
        """Follow a request: httpcore calls this at each step."""
        if name in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            self._socket = info["return_value"].get_extra_info("socket")
        elif name == "http11.receive_response_headers.started":
            self.arrived()
            self._timer = threading.Timer(self._within_s, self._end)
            self._timer.daemon = True
            self._timer.start()
        elif name == "http11.receive_response_headers.complete":
            self.arrived()

    def arrived(self) -> None:
        """Wait no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end(self) -> None:
        self.overdue = True
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)


class _Told:
    """Reports a transfer's progress, not more often than somebody can read it."""

    def __init__(self, tell: Tell, text: str, total: int) -> None:
        self._tell = tell
        self._text = text
        self._total = total
        self._last_s = 0.0

    def moved(self, done: int) -> None:
        """So many bytes have moved."""
        now_s = time.monotonic()
        if now_s - self._last_s >= TOLD_S or done == self._total:
            self._last_s = now_s
            self._tell(Progress(self._text, done, self._total))


def _authorities(settings: DepotSettings) -> ssl.SSLContext | bool:
    """What certificates are trusted: the system's or SSL_CERT_FILE's, and those in `cache/ssl`."""
    if not settings.verify:
        return False
    context = ssl.create_default_context()
    directory = settings.certificates
    files = sorted(directory.glob("*")) if directory and directory.is_dir() else []
    for file in files:
        if file.suffix in (".pem", ".crt", ".cer"):
            try:
                context.load_verify_locations(file)
            except (ssl.SSLError, OSError) as error:
                raise UsageError(f"{file} holds no certificate: {error}") from error
    return context


def _reason(error: Exception) -> str:
    """Why an attempt failed, in a few words."""
    match error:
        case httpx.ConnectTimeout():
            return "no connection in time"
        case httpx.TimeoutException():
            return "no answer in time"
        case _:
            text = str(error) or type(error).__name__
            return text[:SHOWN].replace("\n", " ")


def _path(*parts: str) -> str:
    return "/".join(quote(part, safe="") for part in parts)


def _package(artifact: Artifact) -> str:
    ident = artifact.ident
    return f"/depot/pkgs/{_path(ident.origin, ident.name, ident.version, ident.release)}"
