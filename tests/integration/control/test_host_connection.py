"""A host's connection to its gateway, seen from the gateway's end of a real socket."""

import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from actors.adapters.control_frames import decode_frame, encode_frame
from actors.adapters.control_socket import Listener
from actors.messages.base import Message
from actors.messages.envelope import Envelope
from actors.messages.primitives import HostBegin, HostCall, HostHello, HostReady
from actors.wire.calls import decode_return, encode_call, is_call_frame
from actors.wire.values import pack_arguments

WITHIN_MS = 20_000


@pytest.fixture
def secret(tmp_path: Path) -> str:
    """The secret of the gateway, which the host finds in a file."""
    text = secrets.token_urlsafe(32)
    (tmp_path / "secret").write_text(text)
    return text


@pytest.fixture
def host(counting: str, tmp_path: Path, secret: str) -> Iterator[str]:
    """A host's process that connects as soon as somebody listens; the class it is made for."""
    arguments = ["--end-with-input", "one", "1", str(tmp_path / "ctl"), str(tmp_path / "secret")]
    command = [sys.executable, "-m", "actors.host", *arguments]
    ran = subprocess.Popen(
        command, stdin=subprocess.PIPE, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )
    yield f"{counting}:Counter"
    ran.communicate(timeout=WITHIN_MS / 1000)


def connects(listener: Listener) -> None:
    """Let the host in."""
    assert listener.zap.poll(WITHIN_MS), "it does not connect"
    assert listener.authenticate()


def hears(listener: Listener) -> tuple[bytes, Message | bytes]:
    """The next frame of the host: a message, or the bytes of an answer; and whence it came."""
    assert listener.router.poll(WITHIN_MS), "it says nothing"
    whence, data = listener.router.recv_multipart()
    return whence, data if is_call_frame(data) else decode_frame(data).message


def test_a_host_says_who_it_is_also_when_its_connection_broke_while_it_ran_a_call(
    host: str, tmp_path: Path, secret: str
) -> None:
    path, seen = str(tmp_path / "ctl"), tmp_path / "seen"
    call = HostCall(7, "wait_for", pack_arguments((str(seen),), {}))
    with closing(Listener(path, secret, 1 << 20, 1.0)) as listener:
        connects(listener)
        whence, hello = hears(listener)
        assert isinstance(hello, HostHello)
        begin = HostBegin("one", host, pack_arguments((), {}))
        listener.router.send_multipart(
            [whence, encode_frame(Envelope("host/one", "control", begin))]
        )
        assert isinstance(hears(listener)[1], HostReady)
        listener.router.send_multipart([whence, encode_call(call)])
        # What is still on its way when the listener closes is lost with it.
        is_running = tmp_path / "seen.awaited"
        deadline = time.monotonic() + WITHIN_MS / 1000
        while not is_running.exists():
            assert time.monotonic() < deadline, "the call does not begin"
            threading.Event().wait(0.01)
    with closing(Listener(path, secret, 1 << 20, 1.0)) as listener:
        connects(listener)
        seen.touch()
        heard = [hears(listener)[1], hears(listener)[1]]
    answers = [decode_return(one).number for one in heard if isinstance(one, bytes)]
    assert answers == [7]
    assert [one.ready for one in heard if isinstance(one, HostHello)] == [True]
