"""Builder's HTTP API over a folder: the part of it that a supervisor and `hab pkg` need.

A route is a method; it answers in Builder's words. What a method raises becomes a status by its
code (`STATUS`), with the text as body, so that no request ever ends in a traceback on the wire.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from actors.adapters.depot_folder import FolderDepot
from actors.depot.artifact import Description, search
from actors.depot.builder import ident_json, number, package_json, page, parse_range
from actors.depot.builder_order import builder_key, newest_in_builder
from actors.depot.channels import Artifact, check_origin
from actors.depot.ident import TARGETS, PackageIdent, parse_ident
from actors.depot.patience import JSON_LIMIT, KEY_LIMIT, SIZE_LIMIT, Pace, Patience
from actors.depot.tokens import Tokens
from actors.errors import HabError, Refused, RemoteError, UsageError

STATUS: Final = {
    "bad-request": 400,
    "unauthorized": 401,
    "forbidden": 403,
    "not-found": 404,
    "conflict": 409,
    "too-large": 413,
    "bad-name": 417,  # Builder's answer to a name that is none
    "unprocessable": 422,
    "busy": 503,
}
UPLOADS: Final = 8  # at once; each may fill a disk
NO_STORE: Final = {"cache-control": "private, no-cache, no-store"}
_log = logging.getLogger("hab-depot")

Handler: TypeAlias = Callable[[Request], Response]
AsyncHandler: TypeAlias = Callable[[Request], Awaitable[Response]]


def application(
    depot: FolderDepot, tokens: Callable[[], Tokens], patience: Patience | None = None
) -> Starlette:
    """The server's application. `tokens` is asked at each request."""
    return Starlette(
        routes=_Routes(depot, tokens, patience or Patience()).table(),
        exception_handlers={HTTPException: _http_problem, Exception: _problem},
    )


class _Routes:
    """The routes, in the order they are tried in; writing ones check the token themselves."""

    def __init__(
        self, depot: FolderDepot, tokens: Callable[[], Tokens], patience: Patience
    ) -> None:
        self._depot = depot
        self._tokens = tokens
        self._patience = patience
        self._uploads = 0

    def table(self) -> list[Route]:
        """Every route of the server."""
        channel, package = "/depot/channels/{origin}/{channel}", "/depot/pkgs/{origin}/{name}"
        release = f"{package}/{{version}}/{{release}}"
        in_channel = f"{channel}/pkgs/{{name}}/{{version}}/{{release}}"
        keys = "/depot/origins/{origin}/keys"
        plain: list[tuple[str, str, Handler]] = [
            ("GET", "/status", lambda _: Response()),
            ("GET", "/depot/channels/{origin}", self.channels),
            ("POST", channel, self.create_channel),
            ("DELETE", channel, self.remove_channel),
            ("GET", f"{channel}/pkgs", self.channel_packages),
            ("GET", f"{channel}/pkgs/_latest", self.channel_latest),
            ("GET", f"{channel}/pkgs/{{name}}", self.channel_packages),
            ("GET", f"{channel}/pkgs/{{name}}/latest", self.package),
            ("GET", f"{channel}/pkgs/{{name}}/{{version}}", self.channel_packages),
            ("GET", f"{channel}/pkgs/{{name}}/{{version}}/latest", self.package),
            ("GET", in_channel, self.package),
            ("PUT", f"{in_channel}/promote", self.promote),
            ("PUT", f"{in_channel}/demote", self.demote),
            ("GET", "/depot/pkgs/search/{term:path}", self.search),
            ("GET", "/depot/pkgs/{origin}", self.packages),
            ("GET", package, self.packages),
            ("GET", f"{package}/latest", self.package),
            ("GET", f"{package}/versions", self.versions),
            ("GET", f"{package}/{{version}}", self.packages),
            ("GET", f"{package}/{{version}}/latest", self.package),
            ("GET", release, self.package),
            ("DELETE", release, self.delete),
            ("GET", f"{release}/download", self.download),
            ("GET", f"{release}/channels", self.package_channels),
            ("GET", "/depot/origins/{origin}", self.origin),
            ("GET", keys, self.keys),
            ("GET", f"{keys}/latest", self.key),
            ("GET", f"{keys}/{{revision}}", self.key),
        ]
        streaming: list[tuple[str, str, AsyncHandler]] = [
            ("POST", release, self.upload),
            ("POST", f"{keys}/{{revision}}", self.upload_key),
            ("POST", "/depot/origins", self.create_origin),
        ]
        routes = [
            Route(f"/v1{path}", self._in_thread(handler), methods=[method])
            for method, path, handler in plain
        ]
        return routes + [
            Route(f"/v1{path}", self._known(handler), methods=[method])
            for method, path, handler in streaming
        ]

    # ── channels ──

    def channels(self, request: Request) -> Response:
        """Names of an origin's channels; an unknown origin has none."""
        origin = request.path_params["origin"]
        known = origin in self._depot.origins()
        names = self._depot.table().names(origin) if known else []
        return JSONResponse([{"name": name} for name in names])

    def create_channel(self, request: Request) -> Response:
        """Make a channel."""
        origin, channel = request.path_params["origin"], request.path_params["channel"]
        self._maintainer(request, origin)
        self._depot.create_channel(origin, channel)
        now = self._depot.now()
        made = {"id": number(f"{origin} {channel}"), "owner_id": "0", "name": channel}
        made |= {"created_at": now, "updated_at": now, "origin": origin}
        return JSONResponse(made, 201)

    def remove_channel(self, request: Request) -> Response:
        """Remove a channel; its packages stay."""
        origin, channel = request.path_params["origin"], request.path_params["channel"]
        self._maintainer(request, origin)
        self._depot.remove_channel(origin, channel)
        return Response()

    def channel_packages(self, request: Request) -> Response:
        """A page of what is in a channel."""
        wanted, channel = _pattern(request), request.path_params["channel"]
        table = self._depot.table()
        there = [
            d.artifact.ident
            for d in self._depot.all()
            if _fits(d, wanted) and table.holds(wanted[0], channel, d.artifact)
        ]
        if not there and not table.exists(wanted[0], channel):
            raise Refused(f"Origin {wanted[0]} has no channel {channel}", "not-found")
        found = page(_sorted(there), _offset(request))
        return JSONResponse(found.json(ident_json), found.status)

    def channel_latest(self, request: Request) -> Response:
        """The newest of each name in a channel."""
        origin, channel = request.path_params["origin"], request.path_params["channel"]
        if "target" not in request.query_params:
            raise Refused("name the target: ?target=x86_64-linux", "bad-request")
        target, table = _target(request), self._depot.table()
        by_name: dict[str, list[PackageIdent]] = {}
        for d in self._depot.all():
            if d.target == target and table.holds(origin, channel, d.artifact):
                by_name.setdefault(d.artifact.ident.name, []).append(d.artifact.ident)
        newest = [newest_in_builder(PackageIdent(origin, n), by_name[n]) for n in sorted(by_name)]
        data = [ident_json(ident) for ident in newest if ident is not None]
        return JSONResponse({"channel": channel, "target": target, "data": data})

    def promote(self, request: Request) -> Response:
        """Put a package into a channel."""
        artifact = _artifact(request)
        self._maintainer(request, artifact.ident.origin)
        self._depot.promote(artifact, request.path_params["channel"])
        return Response()

    def demote(self, request: Request) -> Response:
        """Take a package out of a channel."""
        artifact = _artifact(request)
        self._maintainer(request, artifact.ident.origin)
        self._depot.demote(artifact, request.path_params["channel"])
        return Response()

    # ── packages ──

    def package(self, request: Request) -> Response:
        """The package named, or the newest one of what is named; of a channel where one is."""
        channel, target = request.path_params.get("channel"), _target(request)
        wanted = _ident(request)
        found = self._depot.latest(wanted, target, channel)
        if found is None and wanted.full and "target" not in request.query_params:
            # Builder ignores the target of a release; so whichever there is.
            found = next((d for d in self._depot.all() if d.ident == str(wanted)), None)
            found = found if channel is None else None
        if found is None:
            raise _missing(f"{wanted} for {target}", channel)
        channels = self._depot.channels(found.artifact)
        shown = package_json(found, channels, full=channel is not None)
        return JSONResponse(shown, headers=NO_STORE)

    def packages(self, request: Request) -> Response:
        """A page of an origin's packages, of a name's, or of a version's, newest first."""
        wanted = _pattern(request)
        there = [d for d in self._depot.all() if _fits(d, wanted)]
        return self._page(request, there)

    def search(self, request: Request) -> Response:
        """A page of what begins with each word of a term."""
        everything = self._depot.all()
        found = set(search(request.path_params["term"][:1000], [_of(d) for d in everything]))
        return self._page(request, [d for d in everything if _of(d) in found], ascending=True)

    def versions(self, request: Request) -> Response:
        """The versions of a package, newest first."""
        wanted = _pattern(request)
        by_version: dict[str, list[Description]] = {}
        for d in self._depot.all():
            if _fits(d, wanted):
                by_version.setdefault(_of(d).version, []).append(d)
        shown = [
            {
                "origin": wanted[0],
                "name": wanted[1],
                "version": version,
                "release_count": str(len({_of(d).release for d in group})),
                "latest": max(_of(d).release for d in group),
                "platforms": sorted({d.target for d in group}),
                "visibility": "public",
            }
            for version, group in sorted(by_version.items(), key=_newest, reverse=True)
        ]
        if not shown:
            raise _missing("/".join(wanted), None)
        return JSONResponse(shown)

    def package_channels(self, request: Request) -> Response:
        """The channels a package is in, names descending."""
        artifact = _artifact(request)
        since = self._depot.channels(artifact)
        if not since:
            raise _missing(str(artifact), None)
        return JSONResponse(
            [
                {"name": name, "created_at": since[name], "promoted_at": since[name]}
                for name in sorted(since, reverse=True)
            ]
        )

    def download(self, request: Request) -> Response:
        """The HART file, whole or a range of it."""
        artifact = _artifact(request)
        file = self._depot.hart(artifact)
        if file is None:
            raise _missing(str(artifact), None)
        headers = {"x-filename": file.name, "cache-control": "private, max-age=31536000"}
        return FileResponse(
            file, headers=headers, filename=file.name, media_type="application/octet-stream"
        )

    def delete(self, request: Request) -> Response:
        """Remove a package that is not in stable."""
        artifact = _artifact(request)
        self._writer(request, artifact.ident.origin)
        self._depot.delete(artifact)
        return Response(status_code=204)

    async def upload(self, request: Request) -> Response:
        """Take a HART file; it lands in unstable."""
        artifact = _artifact(request)
        await run_in_threadpool(self._writer, request, artifact.ident.origin)
        checksum = request.query_params.get("checksum", "")
        forced = request.query_params.get("forced", "false").lower() == "true"
        if not checksum:
            raise Refused("name the BLAKE2b checksum: ?checksum=HEX", "bad-request")
        if _length(request) > SIZE_LIMIT:
            raise Refused(f"a package has at most {SIZE_LIMIT} bytes", "too-large")
        if self._uploads >= UPLOADS:
            raise Refused(f"{UPLOADS} uploads are under way: try again later", "busy")
        self._uploads += 1
        try:
            with self._depot.incoming_file() as incoming:
                with incoming.open("wb") as out:
                    await self._receive(request, out.write, SIZE_LIMIT)
                await run_in_threadpool(
                    self._depot.upload,
                    incoming,
                    artifact,
                    checksum,
                    forced=forced,
                    any_target="target" not in request.query_params,
                )
        finally:
            self._uploads -= 1
        place = f"/pkgs/{artifact.ident}/download"
        return PlainTextResponse(place, 201, headers={"location": f"/v1/depot{place}"})

    # ── origins and keys ──

    async def create_origin(self, request: Request) -> Response:
        """Make an origin; one is also made by its first key or package."""
        body = bytearray()
        await self._receive(request, body.extend, JSON_LIMIT)
        try:
            given = msgspec.json.decode(bytes(body), type=dict[str, object])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Refused(f"this is not JSON: {error}", "bad-request") from error
        name = given.get("name")
        if not isinstance(name, str):
            raise Refused("name the origin", "bad-request")
        check_origin(name)
        await run_in_threadpool(self._writer, request, name)
        await run_in_threadpool(self._depot.found_origin, name)
        return JSONResponse(_origin(name), 201)

    def origin(self, request: Request) -> Response:
        """An origin."""
        name = request.path_params["origin"]
        if name not in self._depot.origins():
            raise _missing(f"origin {name[:100]}", None)
        return JSONResponse(_origin(name))

    def keys(self, request: Request) -> Response:
        """An origin's public keys, newest first."""
        origin = request.path_params["origin"]
        return JSONResponse(
            [
                {
                    "origin": origin,
                    "revision": revision,
                    "location": f"/origins/{origin}/keys/{revision}",
                }
                for revision in self._depot.key_revisions(origin)
            ]
        )

    def key(self, request: Request) -> Response:
        """The text of a public key."""
        origin, revision = request.path_params["origin"], request.path_params.get("revision")
        revisions = self._depot.key_revisions(origin)
        revision = revision or (revisions[0] if revisions else "")
        text = self._depot.key(origin, revision)
        if text is None:
            raise _missing(f"key {origin[:100]}-{revision[:100]}", None)
        headers = {"x-filename": f"{origin}-{revision}.pub"}
        return PlainTextResponse(text, headers=headers)

    async def upload_key(self, request: Request) -> Response:
        """Take a public key."""
        origin, revision = request.path_params["origin"], request.path_params["revision"]
        await run_in_threadpool(self._writer, request, origin)
        body = bytearray()
        await self._receive(request, body.extend, KEY_LIMIT)
        await run_in_threadpool(self._depot.add_key, origin, revision, bytes(body))
        place = f"/origins/{origin}/keys/{revision}"
        return PlainTextResponse(place, 201, headers={"location": f"/v1/depot{place}"})

    # ── parts ──

    def _writer(self, request: Request, origin: str) -> None:
        self._tokens().require(request.headers.get("authorization"), origin)

    def _maintainer(self, request: Request, origin: str) -> None:
        """Who may not change channels gets a 401 of Builder, also if his token is known."""
        self._tokens().require(request.headers.get("authorization"), origin, "unauthorized")

    def _in_thread(self, handler: Handler) -> AsyncHandler:
        async def run(request: Request) -> Response:
            return await run_in_threadpool(handler, request)

        return self._known(run)

    def _known(self, handler: AsyncHandler) -> AsyncHandler:
        """The handler, behind the rule that a token which is not known is refused everywhere."""

        async def run(request: Request) -> Response:
            try:
                if "authorization" in request.headers:
                    tokens = await run_in_threadpool(self._tokens)
                    tokens.check(request.headers["authorization"])
                return await handler(request)
            except (HabError, OSError) as error:
                return _answer(error)

        return run

    def _page(
        self, request: Request, there: list[Description], *, ascending: bool = False
    ) -> Response:
        by_ident: dict[PackageIdent, list[Description]] = {}
        distinct = request.query_params.get("distinct", "false").lower() == "true"
        for d in there:
            ident = PackageIdent(_of(d).origin, _of(d).name) if distinct else _of(d)
            by_ident.setdefault(ident, []).append(d)
        table = self._depot.table()

        def write(ident: PackageIdent) -> dict[str, object]:
            group = by_ident[ident]
            channels = {name for d in group for name in table.since(d.artifact, d.uploaded)}
            more = {"channels": sorted(channels), "platforms": sorted({d.target for d in group})}
            return {**ident_json(ident), **more}

        idents = _sorted(by_ident)[:: -1 if ascending else 1]
        if distinct:
            idents = sorted(by_ident, key=lambda ident: (ident.name, ident.origin))
        found = page(idents, _offset(request))
        return JSONResponse(found.json(write), found.status)

    async def _receive(self, request: Request, take: Callable[[bytes], object], limit: int) -> None:
        """Give the body to `take`. Raises Refused for one too large, TimeoutError for too slow."""
        size, pace = 0, Pace(self._patience, time.monotonic())
        try:
            async for chunk in request.stream():
                size += len(chunk)
                if size > limit:
                    raise Refused(f"at most {limit} bytes are taken here", "too-large")
                pace.moved(len(chunk), time.monotonic())
                await asyncio.to_thread(take, chunk)
        except RemoteError as error:
            raise TimeoutError from error
        except ClientDisconnect as error:
            raise Refused("the client went away", "bad-request") from error


def _answer(error: HabError | OSError) -> Response:
    if isinstance(error, TimeoutError):
        return PlainTextResponse("this is too slow", 408, headers={"connection": "close"})
    if isinstance(error, OSError):
        _log.error("%s", error)
        status = 507 if error.errno in (errno.ENOSPC, errno.EDQUOT) else 500
        return PlainTextResponse(error.strerror or "the disk failed", status)
    code = error.code if isinstance(error, Refused) else ""
    status = STATUS.get(code, 400 if isinstance(error, UsageError) else 422)
    if code == "damaged":
        _log.error("%s", error)
        status = 500
    # Nobody keeps sending a body that is not wanted.
    close = {"connection": "close"} if status in (401, 403, 413, 503) else {}
    return PlainTextResponse(str(error), status, headers=close)


def _http_problem(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return PlainTextResponse("", status)


def _problem(_: Request, error: Exception) -> Response:
    _log.error("a request failed", exc_info=error)
    return PlainTextResponse("the depot failed; its log says how", 500)


def _missing(what: str, channel: str | None) -> Refused:
    where = f" in channel {channel[:100]}" if channel else ""
    return Refused(f"{what[:300]} is not in this depot{where}", "not-found")


def _ident(request: Request) -> PackageIdent:
    parts = (request.path_params.get(p) for p in ("origin", "name", "version", "release"))
    return parse_ident("/".join(part for part in parts if part is not None))


def _artifact(request: Request) -> Artifact:
    return Artifact(_ident(request), _target(request))


def _pattern(request: Request) -> tuple[str, ...]:
    """Origin, name and version of the path, as many as it has."""
    found = (request.path_params.get(part) for part in ("origin", "name", "version"))
    return tuple(part for part in found if part is not None)


def _fits(description: Description, wanted: tuple[str, ...]) -> bool:
    return tuple(description.ident.split("/"))[: len(wanted)] == wanted


def _of(description: Description) -> PackageIdent:
    return description.artifact.ident


def _sorted(
    idents: dict[PackageIdent, list[Description]] | list[PackageIdent],
) -> list[PackageIdent]:
    return sorted(set(idents), key=str, reverse=True)


def _newest(version: tuple[str, list[Description]]) -> tuple[bool, object, str]:
    """Sorting key of a version's group: Builder's order, above those it has no place for."""
    key = builder_key(PackageIdent("", "", version[0], ""))
    return key is not None, key or (), version[0]


def _offset(request: Request) -> int:
    return parse_range(request.query_params.get("range"))


def _target(request: Request) -> str:
    """`?target=`, else what Habitat's User-Agent says, else x86_64-linux. Raises Refused (422)."""
    given = request.query_params.get("target")
    if given is None:
        agent = request.headers.get("user-agent", "")
        given = agent.partition("(")[2].partition(";")[0].strip()
        return given if given in TARGETS else TARGETS[0]
    if given not in TARGETS:
        raise Refused(f"{given[:100]!r} is not a target", "unprocessable")
    return given


def _length(request: Request) -> int:
    text = request.headers.get("content-length", "0")
    return int(text) if text.isdigit() else 0


def _origin(name: str) -> dict[str, object]:
    return {
        "owner_id": "0",
        "name": name,
        "private_key_name": None,
        "default_package_visibility": "public",
        "owner_account": "",
    }
