"""A root with a key and a plan's directory, to build plans in."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from actors.adapters.build_steps import BuildRequest
from actors.adapters.key_ring import SIGNING, KeyRing
from actors.adapters.package_store import PackageStore
from actors.adapters.plan_build import Built, build, find_plan
from actors.adapters.staging import STAGING
from actors.errors import HabError

EPOCH = 1_700_000_000
RELEASE = "20231114221320"
BASIC = r"""pkg_name=web
pkg_origin=acme
pkg_version=1.2.3
pkg_bin_dirs=(bin)
do_build() { return 0; }
do_install() { printf '#!/bin/sh\necho hi\n' > $pkg_prefix/bin/web; chmod +x $pkg_prefix/bin/web; }
"""


class Site:
    """A root, a key, a plan's directory, and what was said."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store = PackageStore(path / "hab", "x86_64-linux")
        self.keys = KeyRing(self.store.key_cache)
        self.keys.generate("acme", SIGNING, EPOCH)
        self.plan = path / "plan"
        self.plan.mkdir()
        self.said: list[str] = []

    def write(self, text: str = "", **files: str) -> None:
        (self.plan / "plan.sh").write_text(BASIC + text)
        for name, content in files.items():
            file = self.plan / name.replace("__", "/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)

    def build(self, plan: Path | None = None, epoch: int = EPOCH, **environ: str) -> Built:
        context = plan or self.plan
        request = BuildRequest(
            find_plan(context, self.store.target), context, epoch, 6, {**os.environ, **environ}
        )
        return build(request, self.store, self.keys, self.path / "results", self.said.append)

    def install(self, built: Built) -> Path:
        assert self.store.install(built.artifact).ident == built.ident
        return self.store.path(built.ident)

    def fails(self, text: str, **environ: str) -> str:
        self.write(text)
        with pytest.raises(HabError) as failure:
            self.build(**environ)
        assert self.store.installed() == ()
        assert self.leftovers() == []
        assert not (self.path / "results" / "last_build.env").exists()
        return str(failure.value)

    def leftovers(self) -> list[Path]:
        places = [
            p for p in self.store.packages.rglob("*") if p.parent.parent.parent.name == "acme"
        ]
        return [*places, *(p for p in self.store.root.rglob(f"{STAGING}*"))]
