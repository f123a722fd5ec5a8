"""The plans of the demo build; their templates make what the programs understand."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socketserver
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

from actors.adapters.build_steps import BuildRequest
from actors.adapters.key_ring import SIGNING, KeyRing
from actors.adapters.package_store import PackageStore
from actors.adapters.plan_build import build, find_plan
from actors.messages.depot import PackageInfo
from actors.messages.service import ServiceSpec
from actors.node.layout import StateLayout
from cli.preview import Preview, Role, Source, preview

sys.path.insert(0, str(Path(__file__).parent / "supervisor"))
from supervisor_rig import free_ports

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

    def rendered(self, package: PackageInfo, *binds: str, role: Role = "none") -> Preview:
        spec = ServiceSpec(package.ident, binds=binds)
        return preview(Source(package, Path(package.path)), spec, self.layout, None, role)


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
    assert b" -p 7000 " in made.config["role.sh"]
    assert b" --port 7000\n" in made.hooks["run"]  # so that another port is a restart
    assert b"\nappendonly yes\n" in made.config["redis.conf"]


def test_the_files_of_redis_tell_of_no_role_so_that_only_its_hooks_change_it(site: Site) -> None:
    package = site.install("redis")
    of: list[dict[str, bytes]] = []
    roles: tuple[Role, ...] = ("leader", "follower", "none")
    for role in roles:
        made = site.rendered(package, role=role).made.rendered
        of.append({**made.config, **made.hooks})
    for files in of:
        members = files.pop("role.sh").partition(b"cat <<END\n")[2].partition(b"END\n")[0]
        assert members.splitlines()
        assert all(len(line.split()) == 3 for line in members.splitlines())
    assert of[0] == of[1] == of[2]
    assert {"role-changed", "suitability", "post-run", "run", "health-check"} < set(of[0])


def test_caddy_needs_an_application_and_is_told_where_it_is(site: Site) -> None:
    package = site.install("caddy")
    assert package.binds == {"app": ("port",)}
    made = site.rendered(package, "app:app.default").made.rendered
    assert b"\treverse_proxy 127.0.0.1:<app.port>\n" in made.config["Caddyfile"]
    assert b"respond" not in made.config["Caddyfile"]
    assert b"\tbind fd/3\n" in made.config["Caddyfile"]  # opened by the run hook, on the port
    assert b" 8080 caddy run " in made.hooks["run"]


def test_the_application_follows_its_settings_in_one_process(site: Site) -> None:
    package = site.install("app")
    bound = site.rendered(package, "store:redis.default").made.rendered
    assert b'"store": "127.0.0.1:<store.port>"' in bound.config["app.json"]
    first, second, third = free_ports(3)
    with store() as one, store() as other:
        settings = {"port": first, "greeting": "hello", "store": one}
        file = site.path / "app.json"
        file.write_text(json.dumps(settings))
        app = subprocess.Popen([sys.executable, f"{package.path}/app.py", file])
        try:
            assert answer(first) == b"hello: visit 1\n"
            assert answer(first, "health") == b"+PONG\n"
            assert answer(first) == b"hello: visit 2\n"
            file.write_text(json.dumps({**settings, "port": second, "store": other}))
            app.send_signal(signal.SIGHUP)
            assert answer(second) == b"hello: visit 1\n"
            file.write_text(json.dumps({**settings, "port": third, "store": None}))
            app.send_signal(signal.SIGHUP)
            with pytest.raises(urllib.error.HTTPError, match="503"):
                answer(third)
        finally:
            app.kill()
            app.wait()


@contextmanager
def store() -> Iterator[str]:
    """What answers two commands as a Redis would; its address."""
    visits = count(1)

    class Answers(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            ping = self.rfile.readline() == b"PING\r\n"
            self.wfile.write(b"+PONG\r\n" if ping else b":%d\r\n" % next(visits))

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Answers) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            yield f"127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


def answer(port: int, path: str = "") -> bytes:
    """What the application says, once it listens. Raises HTTPError for what is not 200."""
    deadline = time.monotonic() + 20
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=5) as page:
                text: bytes = page.read()
                return text
        except urllib.error.HTTPError as error:
            error.close()
            raise
        except urllib.error.URLError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
