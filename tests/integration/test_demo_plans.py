"""The plans of the demo build; their templates make what the programs understand."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from actors.adapters.build_steps import BuildRequest
from actors.adapters.key_ring import SIGNING, KeyRing
from actors.adapters.package_store import PackageStore
from actors.adapters.plan_build import build, find_plan
from actors.messages.depot import PackageInfo
from actors.messages.service import ServiceSpec
from actors.node.layout import StateLayout
from cli.preview import Preview, Source, preview

PLANS = Path(__file__).parents[2] / "scripts" / "demo_plans"


class Site:
    """A root with the key of the demo; programs that only have names stand in for the real ones."""

    def __init__(self, path: Path) -> None:
        self.layout = StateLayout(path / "hab")
        self.store = PackageStore(path / "hab")
        self.keys = KeyRing(self.store.key_cache)
        self.keys.generate("demo", SIGNING, 1_700_000_000)
        self.path = path
        self.programs = path / "programs"
        self.programs.mkdir()
        for name in ("redis-server", "redis-cli", "caddy"):
            (self.programs / name).write_text("#!/bin/sh\n")

    def install(self, name: str) -> PackageInfo:
        plan = self.path / name
        shutil.copytree(PLANS / name, plan)
        environment = {
            **os.environ,
            "HAB_STUDIO_SECRET_DEMO_REDIS": str(self.programs),
            "HAB_STUDIO_SECRET_DEMO_CADDY": str(self.programs / "caddy"),
        }
        request = BuildRequest(
            find_plan(plan, self.store.target), plan, 1_700_000_000, 0, environment
        )
        built = build(request, self.store, self.keys, self.path / "results", print)
        return self.store.describe(self.store.install(built.artifact).ident)

    def rendered(self, package: PackageInfo, *binds: str) -> Preview:
        spec = ServiceSpec(package.ident, binds=binds)
        return preview(Source(package, Path(package.path)), spec, self.layout, None, "none")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_redis_is_told_its_port_by_its_configuration(site: Site) -> None:
    package = site.install("redis")
    assert (package.exported, package.exposes) == ({"port": 6379}, ("6379",))
    user = site.layout.user_config("redis")
    user.parent.mkdir(parents=True)
    user.write_text("port = 7000\n")
    made = site.rendered(package).made.rendered
    assert b"\nport 7000\n" in made.config["redis.conf"]
    assert b"-p 7000 ping" in made.hooks["health-check"]
    assert set(made.hooks) == {"run", "health-check"}


def test_caddy_needs_an_application_and_is_told_where_it_is(site: Site) -> None:
    package = site.install("caddy")
    assert package.binds == {"app": ("port",)}
    made = site.rendered(package, "app:app.default").made.rendered
    assert b"\treverse_proxy 127.0.0.1:<app.port>\n" in made.config["Caddyfile"]


def test_the_application_answers_as_it_is_configured(site: Site) -> None:
    package = site.install("app")
    bound = site.rendered(package, "store:redis.default").made.rendered
    assert b'"store": "127.0.0.1:<store.port>"' in bound.config["app.json"]
    settings = json.loads(site.rendered(package).made.rendered.config["app.json"])
    assert settings == {"port": 8000, "greeting": "hello from habring", "store": None}
    with socket.create_server(("127.0.0.1", 0)) as free:
        settings["port"] = free.getsockname()[1]
    (site.path / "app.json").write_text(json.dumps(settings))
    app = subprocess.Popen([sys.executable, f"{package.path}/app.py", site.path / "app.json"])
    try:
        assert answer(settings["port"]) == b"hello from habring: visit 1\n"
        assert answer(settings["port"]) == b"hello from habring: visit 2\n"
    finally:
        app.kill()
        app.wait()


def answer(port: int) -> bytes:
    """What the application says, once it listens."""
    deadline = time.monotonic() + 20
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as page:
                text: bytes = page.read()
                return text
        except urllib.error.URLError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
