"""What tests of the command line stand on: a root of their own, and a gateway that plays a part."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import zmq
from click.testing import CliRunner, Result

from actors.adapters.control_frames import decode_frame, encode_frame
from actors.adapters.control_keys import control_keys
from actors.messages.base import Message
from actors.messages.control import RequestEnded
from actors.messages.envelope import Envelope
from actors.node.layout import StateLayout

SECRET = "a secret that only this test knows"
MEMBER = "a1b2c3d4" * 4
Script = Callable[[Message], list[Any]]


@pytest.fixture(autouse=True)
def layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StateLayout:
    """A root of all state in the test's own directory, and no settings from outside."""
    for name in list(os.environ):
        if name.startswith("HAB_") or name in {"FS_ROOT", "NO_COLOR", "XDG_CONFIG_HOME"}:
            monkeypatch.delenv(name)
    monkeypatch.setenv("HAB_ROOT", str(tmp_path / "root"))
    monkeypatch.setenv("HOME", str(tmp_path))
    return StateLayout(tmp_path / "root")


@pytest.fixture
def hab() -> Callable[..., Result]:
    """Run `hab WORDS` in this process."""
    from cli.main import hab as root

    def run(*words: str, text: str | None = None) -> Result:
        return CliRunner().invoke(root, list(words), prog_name="hab", input=text)

    return run


class Gateway:
    """A control gateway that answers each message as `script` says; the last answer ends it.

    An empty list leaves the request without an answer, an ellipsis at the end without a last one.
    """

    def __init__(self, script: Script) -> None:
        self.asked: list[Message] = []
        self.members: list[str] = []
        self._script = script
        self._context = zmq.Context()
        keys = control_keys(SECRET)
        self._router = self._context.socket(zmq.ROUTER)
        self._router.linger = 0
        self._router.curve_server = True
        self._router.curve_publickey = keys.server.public
        self._router.curve_secretkey = keys.server.secret
        self.port = self._router.bind_to_random_port("tcp://127.0.0.1")
        self._bell = self._context.socket(zmq.PAIR)
        self._bell.bind("inproc://bell")
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def close(self) -> None:
        with self._context.socket(zmq.PAIR) as ring:
            ring.connect("inproc://bell")
            ring.send(b"end")
            self._thread.join()
        self._router.close()
        self._bell.close()
        self._context.term()

    def _run(self) -> None:
        poller = zmq.Poller()
        poller.register(self._router, zmq.POLLIN)
        poller.register(self._bell, zmq.POLLIN)
        while True:
            ready = dict(poller.poll())
            if self._bell in ready:
                return
            client, frame = self._router.recv_multipart()
            envelope = decode_frame(frame)
            if isinstance(envelope.message, RequestEnded):
                continue
            self.asked.append(envelope.message)
            self.members.append(envelope.to.partition("/")[0] if "/" in envelope.to else "")
            answers = self._script(envelope.message)
            for number, answer in enumerate(answers, 1):
                if answer is ...:
                    break
                more = number < len(answers)
                back = Envelope("", "control", answer, answers=envelope.id, more=more)
                self._router.send_multipart([client, encode_frame(back, MEMBER)])


@pytest.fixture
def gateway(layout: StateLayout, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Start a gateway with a script, and point the command line at it."""

    @contextmanager
    def start(script: Script) -> Iterator[Gateway]:
        playing = Gateway(script)
        monkeypatch.setenv("HAB_LISTEN_CTL", f"127.0.0.1:{playing.port}")
        layout.supervisor.mkdir(parents=True, exist_ok=True)
        layout.secret.write_text(SECRET + "\n")
        try:
            yield playing
        finally:
            playing.close()

    return start
