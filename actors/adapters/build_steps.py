"""The steps of a build that bash asks for: names, dependencies, sources, files, the package."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

from actors.adapters import sources
from actors.adapters.build_lock import building
from actors.adapters.build_tree import EXCLUDED, copy_hooks, copy_templates, strip_symbols
from actors.adapters.depot_client import depot_settings, open_depot
from actors.adapters.depot_fetch import Fetcher
from actors.adapters.key_ring import KeyRing
from actors.adapters.package_store import PackageStore, Say, hooks_in
from actors.adapters.packing import file_sums, pack
from actors.adapters.signing import sha256_and_blake2b, sign_file
from actors.adapters.staging import staged
from actors.adapters.trees import make_directories, remove_tree
from actors.adapters.unpacking import read_metafile, tdeps_of
from actors.depot import plan as plans
from actors.depot.channels import STABLE
from actors.depot.ident import PackageIdent, parse_ident
from actors.depot.keyfile import KeyFile, KeyKind
from actors.depot.metadata import METAFILES, package_info, search_path
from actors.depot.plan import STORE, Plan, Resolved
from actors.errors import Refused, UsageError
from actors.messages.service import Progress

HOST_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
AGGREGATES: Final = {  # joined where two packages set them; of any other variable the last counts
    "CLASSPATH": ";",
    **dict.fromkeys(
        (
            *("BUNDLE_PATH", "BUNDLE_WITHOUT", "GEM_PATH", "GOPATH", "NODE_PATH", "PYTHONPATH"),
            *("RUBYLIB", "RUBYPATH"),
        ),
        ":",
    ),
}


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """What to build. `plan_file` is in `context`; `epoch` is Unix time, of release and files.

    `level` is that of xz. `environ` is the asker's environment.
    """

    plan_file: Path
    source: Path
    epoch: int
    level: int
    environ: Mapping[str, str]

    @property
    def context(self) -> Path:
        """The plan's directory."""
        return self.plan_file.parent

    @property
    def release(self) -> str:
        """The release of what is built."""
        return datetime.fromtimestamp(self.epoch, UTC).strftime("%Y%m%d%H%M%S")


@dataclass(frozen=True, slots=True)
class Packed:
    """A signed package, still in the build's own directory."""

    ident: PackageIdent
    file: Path
    sha256: str
    blake2b: str


class BuildSteps:
    """One build's steps, in the order bash asks for them; a context that cleans up after it."""

    def __init__(
        self, request: BuildRequest, store: PackageStore, keys: KeyRing, work: Path, say: Say
    ) -> None:
        self._request = request
        self._store = store
        self._keys = keys
        self._work = work
        self._say = say
        self._stack = contextlib.ExitStack()
        self._resolved = Resolved()
        self._place: Path | None = None
        self._key: KeyFile | None = None
        self.packed: Packed | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._place is not None:
            remove_tree(self._place)
        self._stack.close()

    def do(self, what: str, fields: list[str]) -> None:
        """Do what bash asks for. Raises HabError, OSError."""
        match what, fields:
            case "plan", []:
                self._accept(self._read())
            case "rename", [version]:
                plans.check_version(version)
                plan = self._read()
                self._claim(plan.ident(self._request.release), version)
            case "resolve", []:
                self._resolve(self._read())
            case "download", [url, into, shasum]:
                sources.fetch(url, Path(into), shasum, self._request.context, self._say)
            case "verify", [path, shasum]:
                sources.check(Path(path), shasum)
            case "unzip", [path, into]:
                sources.unzip(Path(path), Path(into))
            case "copy", [source, into]:
                given = self._request.environ.get("HAB_CONFIG_EXCLUDE", "")
                copy_templates(Path(source), Path(into), given.split(",") if given else EXCLUDED)
            case "hooks", [source, into]:
                copy_hooks(Path(source), Path(into))
            case "strip", [place]:
                strip_symbols(Path(place), self._say)
            case "pack", []:
                self._pack(self._read())
            case _:
                raise Refused(f"the build asked for {what} {fields}", "plan")

    # ── before the phases ──

    def _read(self) -> Plan:
        return plans.read_plan((self._work / "plan").read_bytes())

    def _accept(self, plan: Plan) -> None:
        plans.check_plan(plan, read_metafile(self._request.context / "default.toml"))
        self._key = self._keys.newest(plan.text("pkg_origin"), KeyKind.SIGNING_SECRET)
        self._keys.newest(self._key.full_name, KeyKind.SIGNING_PUBLIC)  # or nobody could install it
        self._stack.enter_context(building(self._store.root, plan.text("pkg_name")))
        ident = plan.ident(self._request.release)
        if plan.text("pkg_version") != "0":
            self._claim(ident, ident.version)
        self._answer(
            pkg_release=self._request.release,
            pkg_target=self._store.target,
            pkg_artifact=str(self._store.artifacts / ident.file_name(self._store.target)),
        )

    def _claim(self, ident: PackageIdent, version: str) -> None:
        """The package's place is where it is built: it must be free, and is ours from now on."""
        ident = PackageIdent(ident.origin, ident.name, version, ident.release)
        place = self._store.path(ident)
        if self._store.find(str(ident)) is not None:
            raise Refused(
                f"{ident} is installed, and a build writes to its place, {place}: "
                f"`hab pkg uninstall {ident}` first, or build with another SOURCE_DATE_EPOCH",
                "conflict",
            )
        if place.exists():
            remove_tree(place)  # of a build that was killed; we hold the lock of this name
        make_directories(place.parent)
        self._place = place
        self._say(f"Building {ident}")

    def _resolve(self, plan: Plan) -> None:
        direct = [self._dependency(dep) for dep in plan.lists.get("pkg_deps", ())]
        build = [self._dependency(dep) for dep in plan.lists.get("pkg_build_deps", ())]
        below = {d: self._tdeps(d) for d in (*direct, *build)}
        self._resolved = Resolved(
            tuple(dict.fromkeys(direct)),
            plans.transitive(direct, below),
            tuple(dict.fromkeys(build)),
            plans.transitive(build, below),
        )
        found = self._resolved
        every = plans.transitive([*found.build_tdeps, *found.tdeps], {})
        paths = {d: str(self._store.path(d)) for d in every}
        lists = {
            "pkg_deps_resolved": found.deps,
            "pkg_tdeps_resolved": found.tdeps,
            "pkg_build_deps_resolved": found.build_deps,
            "pkg_build_tdeps_resolved": found.build_tdeps,
            "pkg_all_deps_resolved": tuple(dict.fromkeys((*found.build_deps, *found.deps))),
            "pkg_all_tdeps_resolved": every,
        }
        home = self._store.path(plan.ident(self._request.release))
        own = [str(home / part) for part in plan.lists.get("pkg_bin_dirs", ())]
        bins = [entry for dep in every for entry in self._entries(dep, "PATH")]
        runtime = self._inherited(found.deps)
        host = f"{HOST_PATH}:{self._work / 'bin'}"
        text = [
            *(f"{n}=({' '.join(shlex.quote(paths[d]) for d in v)})\n" for n, v in lists.items()),
            f"export PATH={shlex.quote(':'.join((*own, *bins, host)))}\n",
            *(
                f"__runtime_environment[{shlex.quote(n)}]={shlex.quote(v)}\n"
                for n, v in runtime.items()
            ),
            *(
                f"export {n}={shlex.quote(v)}\n"
                for n, v in {**self._inherited(found.build_deps), **self._flags(every)}.items()
            ),
        ]
        (self._work / "answer").write_text("".join(text))

    def _dependency(self, text: str) -> PackageIdent:
        wanted = parse_ident(text)
        found = self._store.find(text) or self._pulled(wanted)
        self._say(f"Resolved {text} to {found}")
        return found

    def _pulled(self, wanted: PackageIdent) -> PackageIdent:
        """A dependency that is not installed: from the depot, else from the artifact cache."""
        environ, store = self._request.environ, self._store

        def tell(progress: Progress) -> None:
            self._say(progress.text)

        depot = open_depot(depot_settings(store.root, environ), store.target, tell)
        channel = environ.get("HAB_BLDR_CHANNEL") or STABLE
        try:
            return Fetcher(store, depot, tell).install(str(wanted), channel, fall_back=True).ident
        except Refused as error:
            raise Refused(f"the plan needs {wanted}: {error}", "missing-deps") from error

    def _tdeps(self, ident: PackageIdent) -> tuple[PackageIdent, ...]:
        return tuple(parse_ident(line) for line in tdeps_of(self._store.path(ident)))

    def _entries(self, dep: PackageIdent, metafile: str) -> list[str]:
        """The entries of a dependency's path-like metafile that lie within it, as they are here."""
        place = self._store.path(dep)
        text = (read_metafile(place / metafile) or b"").decode(errors="replace").strip()
        here = (
            entry.replace(f"{STORE}/", f"{self._store.packages}/") for entry in search_path(text)
        )
        return [entry for entry in here if entry.startswith(f"{place}/")]

    def _inherited(self, deps: tuple[PackageIdent, ...]) -> dict[str, str]:
        """The environment that packages bring to those who depend on them."""
        found: dict[str, str] = {}
        for dep in deps:
            text = (read_metafile(self._store.path(dep) / "RUNTIME_ENVIRONMENT") or b"").decode(
                errors="replace"
            )
            for line in text.splitlines():
                name, equals, value = line.partition("=")
                if not equals or name == "PATH" or not name.isidentifier():
                    continue
                value = value.replace(f"{STORE}/", f"{self._store.packages}/")
                between = AGGREGATES.get(name)
                if between and found.get(name) not in (None, value):
                    value = f"{value}{between}{found[name]}"
                found[name] = value
        return found

    def _flags(self, deps: tuple[PackageIdent, ...]) -> dict[str, str]:
        """Compiler and linker flags of the dependencies."""
        flags: dict[str, str] = {}
        for name, between in (
            *((flag, " ") for flag in ("CFLAGS", "CPPFLAGS", "CXXFLAGS", "LDFLAGS")),
            ("LD_RUN_PATH", ":"),
            ("PKG_CONFIG_PATH", ":"),
        ):
            parts = [
                (read_metafile(self._store.path(dep) / name) or b"")
                .decode(errors="replace")
                .strip()
                for dep in deps
            ]
            text = between.join(part for part in parts if part)
            if text:
                flags[name] = text.replace(f"{STORE}/", f"{self._store.packages}/")
        return flags

    def _answer(self, **values: str) -> None:
        text = "".join(f"{name}={shlex.quote(value)}\n" for name, value in values.items())
        (self._work / "answer").write_text(text)

    # ── after the phases ──

    def _pack(self, plan: Plan) -> None:
        ident = plan.ident(self._request.release)
        assert self._key is not None
        if self._place != self._store.path(ident) or not self._place.is_dir():
            raise UsageError(
                f"the plan left nothing in $pkg_prefix ({self._store.path(ident)}); were pkg_name, "
                "pkg_version or pkg_prefix changed on the way?"
            )
        with self._hidden(self._place, ident) as place:
            self._describe(plan, ident, place)
            size = sum(path.lstat().st_size for path in place.rglob("*"))
            self._say(f"Packing {size / 1e6:.1f} MB, compressed at level {self._request.level}")
            payload = self._work / "payload"
            with payload.open("wb") as out:
                epoch, level = self._request.epoch, self._request.level
                pack(place, self._store.packages, ident, out, epoch=epoch, level=level)
        signed = self._work / ident.file_name(self._store.target)
        sign_file(payload, signed, self._key)
        payload.unlink()
        self.packed = Packed(ident, signed, *sha256_and_blake2b(signed))
        self._say(f"Signed {signed.name} with {self._key.full_name}")

    @contextlib.contextmanager
    def _hidden(self, place: Path, ident: PackageIdent) -> Iterator[Path]:
        """The directory, while it looks like a package, at a place where no store looks."""
        with staged(place.parent, ident.release) as outer:
            yield place.rename(outer / ident.release)

    def _describe(self, plan: Plan, ident: PackageIdent, place: Path) -> None:
        """Write the metafiles, and refuse what an installer would refuse."""
        assert self._key is not None
        place.chmod(0o755)
        plan = plans.canonical(plan, str(self._store.packages))
        files = plans.metafiles(
            plan,
            ident,
            self._store.target,
            self._resolved,
            run_path=self._run_path(plan, ident),
            service="run" in hooks_in(place),
            default_toml=read_metafile(place / "default.toml"),
        )
        for name, data in files.items():
            (place / name).write_bytes(data)
            (place / name).chmod(0o644)
        given = {n: d for n in METAFILES if (d := read_metafile(place / n)) is not None}
        package_info(ident, str(place), given, hooks_in(place))
        sums = self._work / "sums"
        sums.write_bytes(file_sums(place, ident))
        sign_file(sums, place / "FILES", self._key)
        text = plans.manifest(
            plan, ident, self._store.target, self._request.plan_file.read_text(errors="replace")
        )
        (place / "MANIFEST").write_bytes(text)
        (place / "MANIFEST").chmod(0o644)

    def _run_path(self, plan: Plan, ident: PackageIdent) -> tuple[str, ...]:
        home = self._store.path(ident)
        own = [str(home / part) for part in plan.lists.get("pkg_bin_dirs", ())]
        found = self._resolved
        theirs = [e for d in (*found.deps, *found.tdeps) for e in self._entries(d, "PATH")]
        here, there = f"{self._store.packages}/", f"{STORE}/"
        return tuple(dict.fromkeys(entry.replace(here, there) for entry in (*own, *theirs)))
