"""What is encrypted for a service group, on two real supervisors of which one has the keys."""

from __future__ import annotations

from pathlib import Path

from ring_rig import Machine, Ring, eventually, sentence

GROUP = "web.default@acme"
SECRET = b"4711"


def install(machine: Machine) -> None:
    """A package with its port in a file, and a `reconfigure` hook."""
    path = machine.package("acme/web", hooks={"reconfigure": "true"})
    (path / "default.toml").write_text("port = 80\n")
    (path / "config").mkdir()
    (path / "config" / "web.conf").write_text("port={{cfg.port}}\n")


def conf(machine: Machine, path: str = "config/web.conf") -> str:
    file = machine.layout.services / "web" / path
    return file.read_text() if file.exists() else ""


def test_what_is_encrypted_is_read_where_the_keys_are_and_nowhere_else(ring: Ring) -> None:
    one, two = machines = ring.start(2, "--org", "acme")
    for machine in machines:
        install(machine)
        machine.hab("svc", "load", "acme/web")
    pids = [machine.up("web") for machine in machines]
    one.hab("user", "key", "generate", "ann")
    one.hab("svc", "key", "generate", GROUP)
    applied = one.root / "applied.toml"
    applied.write_bytes(b"port = %s\n" % SECRET)
    words = (("config", "apply"), ("file", "upload"))
    for verb in words:
        one.hab(*verb, "--user", "ann", GROUP, "1", str(applied))
    for verb in words:
        again = one.hab(*verb, "--user", "ann", GROUP, "1", str(applied))
        assert "unchanged" in again.out
    eventually("the holder of the keys reads it", lambda: conf(one) == "port=4711\n")
    eventually("the file too", lambda: conf(one, "files/applied.toml") == "port = 4711\n")

    said = sentence(two, "SealedKept", lambda text: "configuration version 1" in text)
    assert f"secret key {GROUP}-" in said
    sentence(two, "SealedKept", lambda text: "file applied.toml version 1" in text)
    assert (conf(two), conf(two, "files/applied.toml")) == ("port=80\n", "")
    shown = two.hab("config", "show", GROUP)
    assert f"for key {GROUP}-" in shown.err
    assert SECRET not in shown.out.encode()
    assert holding(two.root) == []

    for kind, name, which in (("svc", GROUP, "secret"), ("user", "ann", "public")):
        file = two.root / "carried.key"
        file.write_text(one.hab(kind, "key", "export", name, "--type", which).out)
        two.hab(kind, "key", "import", str(file))
    eventually("with the keys it is read", lambda: conf(two) == "port=4711\n", 20)
    eventually("the file too", lambda: conf(two, "files/applied.toml") == "port = 4711\n", 20)
    assert [machine.up("web") for machine in machines] == pids
    for machine in machines:
        left = [p for p in holding(machine.root / "sup") if p.is_file()]
        assert left == [], "the supervisor keeps the content in memory alone"


def holding(root: Path) -> list[Path]:
    """The files below a directory that hold the secret in the clear, as it was given."""
    text = b"port = %s" % SECRET
    return [p for p in root.rglob("*") if p.is_file() and text in p.read_bytes()]
