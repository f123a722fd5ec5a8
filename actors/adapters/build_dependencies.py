"""What a plan depends on: found or pulled, and told to bash as the text that it reads."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from actors.adapters.depot_client import depot_settings, open_depot
from actors.adapters.depot_fetch import Fetcher
from actors.adapters.package_store import PackageStore, Say
from actors.adapters.unpacking import lines_of, read_metafile
from actors.depot import plan as plans
from actors.depot.channels import STABLE
from actors.depot.ident import PackageIdent, parse_ident
from actors.depot.metadata import search_path
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


class Dependencies:
    """The packages of one build. `environ` is the asker's environment: it names the depot."""

    def __init__(self, store: PackageStore, environ: Mapping[str, str], say: Say) -> None:
        self._store = store
        self._environ = environ
        self._say = say

    def scaffolding(self, text: str) -> str:
        """Bash text that names a scaffolding, and what a plan depends on that uses it.

        Raises HabError, UsageError where the package is no scaffolding.
        """
        found = self._dependency(text)
        home = self._store.path(found)
        if not (home / "lib" / "scaffolding.sh").is_file():
            raise UsageError(f"{found} is no scaffolding: it has no lib/scaffolding.sh")
        direct = [found, *self._idents(found, "DEPS")]
        below = plans.transitive(direct, {d: self._idents(d, "TDEPS") for d in direct})
        return (
            self._list("pkg_build_deps_resolved", direct)
            + self._list("pkg_build_tdeps_resolved", below)
            + self._list("pkg_all_deps_resolved", direct)
            + _array("__scaffolding_deps", [text, *map(str, direct[1:])])
            + f"__scaffolding={shlex.quote(str(home))}\n"
        )

    def resolve(self, plan: Plan, home: Path, host_path: str) -> tuple[Resolved, str]:
        """The packages of `plan`, whose place is `home`, and the bash text that tells them.

        `host_path`: where commands are looked for that no package has. Raises HabError.
        """
        direct = [self._dependency(dep) for dep in plan.lists.get("pkg_deps", ())]
        build = [self._dependency(dep) for dep in plan.lists.get("pkg_build_deps", ())]
        below = {d: self._idents(d, "TDEPS") for d in (*direct, *build)}
        found = Resolved(
            tuple(dict.fromkeys(direct)),
            plans.transitive(direct, below),
            tuple(dict.fromkeys(build)),
            plans.transitive(build, below),
        )
        every = plans.transitive([*found.build_tdeps, *found.tdeps], {})
        own = [str(home / part) for part in plan.lists.get("pkg_bin_dirs", ())]
        bins = [entry for dep in every for entry in self._entries(dep, "PATH")]
        brought = {**self._inherited(found.build_deps), **self._flags(every)}
        text = [
            self._list("pkg_deps_resolved", found.deps),
            self._list("pkg_tdeps_resolved", found.tdeps),
            self._list("pkg_build_deps_resolved", found.build_deps),
            self._list("pkg_build_tdeps_resolved", found.build_tdeps),
            self._list("pkg_all_deps_resolved", dict.fromkeys((*found.build_deps, *found.deps))),
            self._list("pkg_all_tdeps_resolved", every),
            f"export PATH={shlex.quote(':'.join((*own, *bins, host_path)))}\n",
            *(
                f"__runtime_environment[{shlex.quote(n)}]={shlex.quote(v)}\n"
                for n, v in self._inherited(found.deps).items()
            ),
            *(f"export {n}={shlex.quote(v)}\n" for n, v in brought.items()),
        ]
        return found, "".join(text)

    def run_path(self, own: Sequence[str], found: Resolved) -> tuple[str, ...]:
        """The run path: `own` directories, then those of `found`, as they are once installed."""
        theirs = [e for d in (*found.deps, *found.tdeps) for e in self._entries(d, "PATH")]
        here, there = f"{self._store.packages}/", f"{STORE}/"
        return tuple(dict.fromkeys(entry.replace(here, there) for entry in (*own, *theirs)))

    def _dependency(self, text: str) -> PackageIdent:
        wanted = parse_ident(text)
        found = self._store.find(text) or self._pulled(wanted)
        self._say(f"Resolved {text} to {found}")
        return found

    def _pulled(self, wanted: PackageIdent) -> PackageIdent:
        """A dependency that is not installed: from the depot, else from the artifact cache."""
        environ, store = self._environ, self._store

        def tell(progress: Progress) -> None:
            self._say(progress.text)

        depot = open_depot(depot_settings(store.root, environ), store.target, tell)
        channel = environ.get("HAB_BLDR_CHANNEL") or STABLE
        try:
            return Fetcher(store, depot, tell).install(str(wanted), channel, fall_back=True).ident
        except Refused as error:
            raise Refused(f"the plan needs {wanted}: {error}", "missing-deps") from error

    def _idents(self, ident: PackageIdent, metafile: str) -> tuple[PackageIdent, ...]:
        return tuple(parse_ident(line) for line in lines_of(self._store.path(ident), metafile))

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

    def _list(self, name: str, idents: Iterable[PackageIdent]) -> str:
        return _array(name, [str(self._store.path(ident)) for ident in idents])


def _array(name: str, values: Iterable[str]) -> str:
    return f"{name}=({' '.join(map(shlex.quote, values))})\n"
