"""What a depot knows of one HART file, and what an upload must satisfy; pure.

`describe` reads the metafiles of an archive (bytes by name), with the same rules as an installation
does, so that a depot takes nothing that no machine could install.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

import msgspec

from actors.depot.channels import Artifact
from actors.depot.ident import PackageIdent, parse_ident
from actors.depot.metadata import METAFILES, check_ident, package_info
from actors.errors import Refused

MORE_METAFILES = ("BUILD_DEPS", "BUILD_TDEPS", "MANIFEST")  # for those who look at a package
TEXT_LIMIT = 1024 * 1024  # characters of MANIFEST shown; a metafile is bounded by as many bytes


class Description(msgspec.Struct, frozen=True):
    """A HART file as a depot describes it.

    `checksum` is the BLAKE2b-256 of the whole file, `uploaded` a naive ISO time in UTC. `deps` and
    its kin are full identifiers.
    """

    ident: str
    target: str
    checksum: str
    size: int
    uploaded: str
    signer: str = ""
    deps: tuple[str, ...] = ()
    tdeps: tuple[str, ...] = ()
    build_deps: tuple[str, ...] = ()
    build_tdeps: tuple[str, ...] = ()
    exposes: tuple[int, ...] = ()
    config: str = ""
    manifest: str = ""
    native: bool = False
    service: bool = False

    @property
    def artifact(self) -> Artifact:
        """Which package for which target it is."""
        return Artifact(parse_ident(self.ident), self.target)


def describe(
    ident: PackageIdent,
    files: Mapping[str, bytes],
    *,
    runnable: bool,
    checksum: str,
    size: int,
    uploaded: str,
    signer: str,
) -> Description:
    """The description of an archive with these metafiles. Raises Refused with file and reason."""
    check_ident(ident, files.get("IDENT"))
    known = {name: data for name, data in files.items() if name in METAFILES}
    info = package_info(ident, "", known, ("run",) if runnable else ())
    return Description(
        ident=str(ident),
        target=info.target,
        checksum=checksum,
        size=size,
        uploaded=uploaded,
        signer=signer,
        deps=info.deps,
        tdeps=info.tdeps,
        build_deps=_lines(files, "BUILD_DEPS"),
        build_tdeps=_lines(files, "BUILD_TDEPS"),
        exposes=tuple(int(p) for p in info.exposes if p.isascii() and p.isdigit() and len(p) < 6),
        config=_text(files, "default.toml"),
        manifest=_text(files, "MANIFEST"),
        native=info.native,
        service=runnable or bool(info.svc_user),
    )


def check_upload(
    wanted: Artifact, claimed: str, found: Description, there: Description | None, *, forced: bool
) -> None:
    """Refuse an upload that is not what its request says, in Builder's codes (`ds:up:N`).

    `claimed` is the checksum of the request; `there` what the depot has under that name.
    """
    if found.checksum != claimed.lower():
        raise Refused(
            f"ds:up:3 the checksum is {found.checksum}, the request says {claimed[:100]}: it was "
            "altered or cut off on its way",
            "unprocessable",
        )
    if found.ident != str(wanted.ident):
        raise Refused(
            f"ds:up:6 the archive holds {found.ident}, not {wanted.ident}", "unprocessable"
        )
    if found.target != wanted.target:
        raise Refused(
            f"ds:up:6 the archive is for {found.target}, not {wanted.target}", "unprocessable"
        )
    if there is None:
        return
    if not forced:
        raise Refused(f"{wanted.ident} for {wanted.target} is here already", "conflict")
    if there.checksum != found.checksum:
        raise Refused(
            "ds:up:4 a package that was released stays what it is: the one that is here has "
            f"checksum {there.checksum}",
            "unprocessable",
        )


def search(term: str, there: Collection[PackageIdent]) -> list[PackageIdent]:
    """Those of which some part begins with each word of `term`; `/` and spaces separate words.

    A part is origin, name, version or release, and what stands behind a dash in one of them.
    """
    words = [word.lower() for word in term.replace("/", " ").split()]
    return [
        ident
        for ident in there
        if words and all(any(part.startswith(w) for part in _parts(ident)) for w in words)
    ]


def _parts(ident: PackageIdent) -> list[str]:
    parts = str(ident).lower().split("/")
    return [*parts, *(piece for part in parts for piece in re.split("[-_]", part)[1:])]


def _lines(files: Mapping[str, bytes], name: str) -> tuple[str, ...]:
    """The identifiers in a metafile that is only shown: what is none is left out."""
    return tuple(line for line in _text(files, name).split() if line.count("/") == 3)


def _text(files: Mapping[str, bytes], name: str) -> str:
    return files.get(name, b"")[:TEXT_LIMIT].decode(errors="replace").strip()
