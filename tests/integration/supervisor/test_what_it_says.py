"""What a person reads where `hab sup run` runs, and what a program reads there."""

from __future__ import annotations

import json
import os

from supervisor_rig import Machine, eventually


def test_the_log_tells_of_supervisor_services_and_hooks(machine: Machine) -> None:
    machine.package("acme/app", BINDS="database=port")
    machine.package("acme/web", hooks={"post-run": "exit 3", "post-stop": "exit 4"})
    machine.start()
    machine.hab("svc", "load", "acme/app", "--bind", "database:db.default")
    machine.hab("svc", "load", "acme/web")
    eventually("post-run failed", lambda: "post-run of web failed" in machine.said())
    machine.hab("svc", "stop", "web")
    machine.hab("sup", "term")
    said = machine.said()
    for text in (
        "hab-sup(MR): Supervisor Member-ID ",
        f"hab-sup(MR): Starting gossip-listener on 127.0.0.1:{machine.gossip}",
        f"hab-sup(MR): Starting ctl-gateway on 127.0.0.1:{machine.ctl}",
        "hab-sup(SD): web was loaded (acme/web)",
        "app.default(SR): app is waiting: waiting for service binds: database: no db.default",
        "web.default(SR): web is up: pid ",
        "web.default(HK): post-run of web failed: exited with status code 3; it is tried again",
        "web.default(HK): post-stop of web failed: exited with status code 4; it is down",
        "web.default(SR): web is down",
        "hab-launch(MN): Hasta la vista, services.",
    ):
        assert text in said, f"{text!r} is not in\n{said}"
    assert "\x1b" not in said, "a file is not a terminal"


def test_with_json_logging_every_line_is_an_object_with_habitats_keys(machine: Machine) -> None:
    machine.start("--json-logging", "--verbose")
    machine.hab("svc", "load", "--cmd", "sh -c 'echo hello; exec sleep 1000'", "--name", "web")
    machine.hab("sup", "restart")
    machine.hab("sup", "term")
    records = [json.loads(line) for line in machine.said().splitlines()]
    assert {frozenset(record) for record in records} == {
        frozenset(("preamble", "logkey", "content"))
    }
    said = {(record["preamble"], record["logkey"]) for record in records}
    assert said >= {("hab-launch", "MN"), ("hab-sup", "MR"), ("hab-sup", "SD")}
    assert said >= {("web.default", "O"), ("web.default", "SR")}


def test_a_terminal_sees_who_speaks_in_colour_unless_it_was_refused(machine: Machine) -> None:
    for words, colored in (((), True), (("--no-color",), False)):
        ours, theirs = os.openpty()
        del machine.environment["NO_COLOR"]
        machine.environment["TERM"] = "xterm"
        machine.start(*words, terminal=theirs)
        os.close(theirs)
        machine.hab("sup", "term")
        machine.wait()
        said = b""
        while chunk := _read(ours):
            said += chunk
        os.close(ours)
        assert b"Starting gossip-listener" in said
        assert (b"\x1b[36mhab-sup\x1b[0m(MR): " in said) is colored
        assert (b"\x1b[36mhab-launch\x1b[0m(MN): " in said) is colored
        machine.environment["NO_COLOR"] = "1"


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # nobody holds its other end any more
        return b""
