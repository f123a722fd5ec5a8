"""`hab pkg build` with a real bash: what a plan can do, and what is said when it fails."""

from __future__ import annotations

import hashlib
import http.server
import os
import subprocess
import tarfile
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from plan_rig import BASIC, EPOCH, RELEASE, Site

from actors.adapters.build_lock import building
from actors.adapters.depot_folder import FolderDepot
from actors.adapters.key_ring import SIGNING, KeyRing
from actors.adapters.package_store import PackageStore
from actors.adapters.plan_build import find_plan
from actors.depot.channels import Artifact
from actors.depot.plan import STORE
from actors.errors import CryptoError, HabError, Refused, UsageError


def test_a_plan_becomes_a_signed_package_that_installs_and_runs(site: Site) -> None:
    site.write(
        "pkg_exports=([port]=port)\npkg_exposes=(port)\n"
        "pkg_svc_run='web --go'\npkg_svc_user=root\n",
        **{
            "default.toml": "port = 8080\n",
            "config__web.conf": "x\n",
            "config__web.conf~": "old\n",
        },
    )
    built = site.build()
    assert str(built.ident) == f"acme/web/1.2.3/{RELEASE}"
    assert built.sha256 == hashlib.sha256(built.artifact.read_bytes()).hexdigest()
    report = (site.path / "results" / "last_build.env").read_text()
    assert f"pkg_artifact={built.artifact.name}\n" in report
    assert f"pkg_sha256sum={built.sha256}\n" in report
    assert site.leftovers() == []
    place = site.install(built)
    assert subprocess.check_output([place / "bin" / "web"], text=True) == "hi\n"
    assert "exec web --go 2>&1" in (place / "run").read_text()
    assert [p.name for p in (place / "config").iterdir()] == ["web.conf"]
    info = site.store.describe(built.ident)
    assert (info.exposes, info.exported, info.svc_user) == (("8080",), {"port": 8080}, "root")
    assert info.run_path == (str(place / "bin"),)
    assert (place / "PATH").read_text() == f"{STORE}/{built.ident}/bin\n"
    assert (place / "FILES").read_text().startswith("HART-1\nacme-")
    assert site.said[-1].startswith("── do_end")


def test_the_same_plan_and_epoch_are_the_same_bytes_wherever_it_is_built(
    site: Site, tmp_path: Path
) -> None:
    text = 'do_after() { date +%N > /dev/null; ln -s "$pkg_prefix/bin/web" "$pkg_prefix/bin/w"; }\n'
    site.write(text, **{"hooks__init": "#!/bin/sh\n", "default.toml": "a = 1\n"})
    first = site.build().artifact.read_bytes()
    os.utime(site.plan / "default.toml", (1, 1))
    assert site.build().artifact.read_bytes() == first
    other = Site.__new__(Site)
    other.path, other.said, other.plan = tmp_path / "other", [], site.plan
    other.store = PackageStore(tmp_path / "other" / "elsewhere", "x86_64-linux")
    other.keys = KeyRing(site.store.key_cache)
    assert other.build().artifact.read_bytes() == first
    assert site.build(epoch=EPOCH + 1).artifact.read_bytes() != first


def test_a_dependency_that_is_not_here_is_pulled_from_the_channel(site: Site) -> None:
    lib = "pkg_name=lib\n"
    site.write(lib)
    built = site.build()
    depot = FolderDepot(site.path / "somewhere")
    depot.add_key("acme", RELEASE, (site.store.key_cache / f"acme-{RELEASE}.pub").read_bytes())
    artifact = Artifact(built.ident, site.store.target)
    with depot.incoming_file() as incoming:
        incoming.write_bytes(built.artifact.read_bytes())
        depot.upload(incoming, artifact, built.blake2b)
    depot.create_channel("acme", "lab")
    depot.promote(artifact, "lab")
    (site.store.artifacts / built.artifact.name).unlink()
    site.write("pkg_deps=(acme/lib)\n")
    url = f"file://{depot.folder}"
    done = site.build(HAB_BLDR_URL=url, HAB_BLDR_CHANNEL="lab")
    assert str(done.ident) == f"acme/web/1.2.3/{RELEASE}"
    assert [str(ident) for ident in site.store.installed()] == [str(built.ident)]


def test_callbacks_run_in_order_in_their_directories(site: Site) -> None:
    phases = (
        *("begin", "setup_environment", "before", "download", "verify", "clean", "unpack"),
        *("prepare", "build", "check", "install", "build_config", "build_service", "strip"),
        *("after", "end", "after_success"),
    )
    body = "".join(f'do_{name}() {{ echo "{name} $PWD" >> "$log"; }}\n' for name in phases)
    install = 'do_install() { echo "install $PWD" >> "$log"; touch "$pkg_prefix/x"; }\n'
    site.write(f'log="{site.path}/log"\n{body}{install}')
    site.build(DO_CHECK="yes")
    lines = (site.path / "log").read_text().splitlines()
    assert [line.split()[0] for line in lines] == list(phases)
    assert {line.split()[1] for line in lines} == {str(site.plan)}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("do_install() {\n  true\n  cp nothing here\n}\n", ("do_install", "line 9", "cp nothing")),
        ("do_build() {\n  (exit 7)\n}\n", ("do_build", "line 8", "7")),
        ("do_build() {\n  exit 3\n}\n", ("do_build", "line 8", "3")),
        ("do_prepare() { exit_with 'too old' 4; }\n", ("do_prepare", "line 7", "too old")),
        ("x=$(false)\n", ("loading the plan", "line 7", "false")),
        ("if true; then\n", ("line 8", "syntax error")),
        ("pkg_deps=(core/none)\n", ("resolving dependencies", "core/none", "not installed")),
        ("pkg_deps=(nonsense)\n", ("Invalid package identifier",)),
        ("pkg_name=\n", ("pkg_name",)),
        ("do_begin() { pkg_path_for core/x; }\n", ("do_begin", "core/x")),
        ("do_begin() { attach; }\n", ("do_begin", "terminal")),
        ("pkg_source=missing.tar\n", ("do_download", "there is no file")),
        ("pkg_source=ftp://x/y\n", ("do_download", "http, https, file")),
        ("pkg_exposes=(port)\n", ("pkg_exposes",)),
        ("do_after() { rm -r $pkg_prefix; }\n", ("making the package", "$pkg_prefix")),
        ("do_after() { ln -s /etc/passwd $pkg_prefix/x; }\n", ("/etc/passwd", "pkg_deps")),
        ("do_after() { mkfifo $pkg_prefix/x; }\n", ("neither file",)),
        ("do_after() { push_runtime_env PATH /x; }\n", ("do_after", "PATH cannot be set")),
        ("pkg_prefix=/tmp/x\n", ("pkg_prefix",)),
        ("pkg_scaffolding=core/none\n", ("loading the scaffolding", "core/none")),
        ("unset pkg_version; pkg_version() { echo 2; }\n", ("update_pkg_version",)),
        (
            "unset -f do_build\npkg_svc_user='a b'\npkg_svc_run=x\ndo_build() { :; }\n",
            ("SVC_USER",),
        ),
    ],
)
def test_a_plan_that_fails_tells_phase_line_and_reason_and_leaves_nothing(
    site: Site, text: str, said: tuple[str, ...]
) -> None:
    failure = site.fails(text)
    for part in said:
        assert part in failure


def test_a_failed_plan_may_clean_up_after_itself(site: Site) -> None:
    mark = site.path / "mark"
    site.fails(f"do_build() {{ false; }}\ndo_after_failure() {{ echo x > {mark}; }}\n")
    assert mark.exists()


def test_a_build_sees_little_of_the_environment_it_is_asked_from(site: Site) -> None:
    site.write(f'do_build() {{ env > "{site.path}/env"; }}\n')
    site.build(
        STRAY="1", HAB_AUTH_TOKEN="secret", HAB_STUDIO_SECRET_TOKEN="given", http_proxy="http://p"
    )
    env = dict(
        line.split("=", 1) for line in (site.path / "env").read_text().splitlines() if "=" in line
    )
    assert "STRAY" not in env
    assert "HAB_AUTH_TOKEN" not in env
    assert env["TOKEN"] == "given"
    assert env["http_proxy"] == "http://p"
    assert env["SOURCE_DATE_EPOCH"] == str(EPOCH)
    assert not Path(env["HOME"]).exists()


def test_dependencies_are_found_put_in_path_and_written_down(site: Site) -> None:
    base = site.path / "base"
    base.mkdir()
    (base / "plan.sh").write_text(
        BASIC.replace("=web", "=base")
        + 'do_after() { push_runtime_env PYTHONPATH "$pkg_prefix/lib"; }\n'
    )
    below = site.build(base)  # in the artifact cache, not installed: the next build sees to it
    site.write(
        "pkg_deps=(acme/base)\n"
        "do_build() { [[ $(web) == hi && $PYTHONPATH == '' ]]; }\n"
        'do_after() { echo "$(pkg_path_for acme/base)" > $pkg_prefix/found\n'
        "  push_runtime_env PYTHONPATH /own; }\n"
    )
    (site.plan / "plan.sh").write_text(
        (site.plan / "plan.sh").read_text().replace("bin/web", "bin/own")
    )
    place = site.install(site.build(epoch=EPOCH + 5))
    there = site.store.path(below.ident)
    assert (place / "DEPS").read_text() == (place / "TDEPS").read_text() == f"{below.ident}\n"
    assert (place / "found").read_text() == f"{there}\n"
    info = site.store.describe(site.store.installed()[-1])
    assert info.run_path == (str(place / "bin"), str(there / "bin"))
    assert info.environment["PYTHONPATH"] == f"/own:{there}/lib"


def test_a_service_s_places_are_known_to_the_plan_and_found_by_the_service(site: Site) -> None:
    site.write(
        'pkg_svc_run="web -c $pkg_svc_config_path/web.conf -d $pkg_svc_data_path"\n'
        f'do_before() {{ echo "$pkg_svc_files_path" > "{site.path}/files"; }}\n'
    )
    place = site.install(site.build())
    assert (site.path / "files").read_text() == f"{site.store.root}/svc/web/files\n"
    run = (place / "run").read_text().replace("exec web", "echo")
    env = {"HAB_SVC_PATH": str(site.path), "PATH": "/usr/bin:/bin"}
    said = subprocess.check_output(["sh", "-c", run], text=True, env=env)
    assert said == f"-c {site.path}/config/web.conf -d {site.path}/data\n"


def test_a_plan_may_ask_hab(site: Site) -> None:
    site.write(f'do_begin() {{ hab pkg list > "{site.path}/list"; }}\n')
    site.build()
    assert (site.path / "list").read_text() == ""


@pytest.mark.parametrize("kind", ["path", "file", "http"])
def test_a_source_is_fetched_verified_and_unpacked(
    site: Site, kind: str, serve: Callable[[Path], str]
) -> None:
    tree = site.path / "web-1.2.3"
    tree.mkdir()
    (tree / "configure").write_text('#!/bin/sh\necho "$1" > out\n')
    (tree / "configure").chmod(0o755)
    (tree / "Makefile").write_text("all:\n\ninstall:\n\tcp out $(OUT)\n")
    archive = site.plan / "web-1.2.3.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(tree, "web-1.2.3")
    shasum = hashlib.sha256(archive.read_bytes()).hexdigest()
    url = {"path": archive.name, "file": archive.as_uri(), "http": ""}[kind]
    url = url or f"{serve(site.plan)}/{archive.name}"
    body = "unset -f do_build do_install\ndo_build() { do_default_build; }\n"
    body += 'do_install() { OUT="$pkg_prefix/out" do_default_install; }\n'
    site.write(f"{body}pkg_source={url}\npkg_shasum={shasum}\n")
    place = site.install(site.build())
    assert (place / "out").read_text() == f"--prefix={place}\n"
    site.write(f"{body}pkg_source={url}\npkg_shasum={'0' * 64}\n")
    with pytest.raises(Refused, match=rf"do_download.*{shasum}.*pkg_shasum is 0000"):
        site.build(epoch=EPOCH + 1)


def test_a_wheel_is_unpacked_with_its_modes(site: Site) -> None:
    with zipfile.ZipFile(site.plan / "x.whl", "w") as zipped:
        program = zipfile.ZipInfo("x/bin/tool")
        program.external_attr = 0o755 << 16
        zipped.writestr(program, "#!/bin/sh\necho tool\n")
    shasum = hashlib.sha256((site.plan / "x.whl").read_bytes()).hexdigest()
    site.write(
        f"pkg_source=x.whl\npkg_shasum={shasum}\npkg_dirname=x\n"
        "do_install() { cp bin/tool $pkg_prefix/bin/; }\n"
    )
    place = site.install(site.build())
    assert subprocess.check_output([place / "bin" / "tool"], text=True) == "tool\n"


def test_what_a_server_says_badly_is_an_error_that_names_the_source(
    site: Site, serve: Callable[[Path], str]
) -> None:
    url = serve(site.plan)
    failure = site.fails(f"pkg_source={url}/none.tar\npkg_shasum=00\n")
    assert "none.tar answers 404" in failure
    assert "do_download" in failure


def test_a_version_may_come_from_a_function(site: Site) -> None:
    site.write(
        "unset pkg_version\npkg_version() { echo 9.9; }\ndo_before() { update_pkg_version; }\n"
    )
    assert str(site.build().ident) == f"acme/web/9.9/{RELEASE}"


def test_an_installed_package_is_never_built_over(site: Site) -> None:
    site.write()
    place = site.install(site.build())
    with pytest.raises(Refused, match=r"is installed.*another SOURCE_DATE_EPOCH"):
        site.build()
    assert (place / "bin" / "web").exists()


def test_the_remains_of_a_killed_build_are_built_over(site: Site) -> None:
    site.write()
    debris = site.store.packages / f"acme/web/1.2.3/{RELEASE}/bin"
    debris.mkdir(parents=True)
    (debris / "old").write_text("x")
    assert not (site.install(site.build()) / "bin" / "old").exists()


def test_one_name_is_built_once_at_a_time(site: Site) -> None:
    site.write()
    with building(site.store.root, "web"), pytest.raises(Refused, match="another build of web"):
        site.build()
    site.build()


def test_without_a_key_nothing_is_built(site: Site) -> None:
    site.write("do_begin() { touch ran; }\n")
    with pytest.raises(HabError, match="hab origin key generate other"):
        site.build(HAB_ORIGIN="other")
    assert not (site.plan / "ran").exists()
    with pytest.raises(CryptoError):
        site.keys.newest("other", SIGNING[1])


def test_hooks_lose_their_extension_and_two_of_one_name_are_refused(site: Site) -> None:
    site.write(**{"hooks__run.sh": "#!/bin/sh\n", "hooks__lib.sh": "x=1\n"})
    place = site.install(site.build())
    assert sorted(p.name for p in (place / "hooks").iterdir()) == ["lib.sh", "run"]
    assert os.access(place / "hooks" / "run", os.X_OK)
    (site.plan / "hooks" / "run").write_text("#!/bin/sh\n")
    with pytest.raises(Refused, match=r"do_build_config.*same hook"):
        site.build(epoch=EPOCH + 1)
    (site.plan / "hooks" / "run").unlink()
    (site.plan / "hooks" / "run.sh").write_bytes(b"#!/bin/sh\r\n")
    with pytest.raises(Refused, match="CRLF"):
        site.build(epoch=EPOCH + 1)


def test_a_plan_is_found_in_habitat_and_two_are_one_too_many(site: Site) -> None:
    with pytest.raises(UsageError, match="hab plan init"):
        site.build()
    (site.plan / "habitat").mkdir()
    (site.plan / "habitat" / "plan.sh").write_text(BASIC)
    assert find_plan(site.plan, "x86_64-linux").parent.name == "habitat"
    site.write()
    with pytest.raises(UsageError, match="two plans"):
        site.build()


@pytest.fixture
def serve() -> Callable[[Path], str]:
    servers: list[http.server.ThreadingHTTPServer] = []

    def start(directory: Path) -> str:
        class Files(http.server.SimpleHTTPRequestHandler):
            def __init__(self, *args: object) -> None:
                super().__init__(*args, directory=str(directory))  # type: ignore[arg-type]

            def log_message(self, *_: object) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start  # type: ignore[misc]
    for server in servers:
        server.shutdown()
        server.server_close()
