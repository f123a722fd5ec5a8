"""Answers that are still to come: `ObjectRef`, `get`, `wait`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, overload

from actors.driver.connection import Attend, raised
from actors.errors import GetTimeoutError
from actors.messages.base import Message
from actors.messages.primitives import MethodReturned
from actors.messages.runtime import CallFailed
from actors.wire.values import MakeHandle, unpack


class ObjectRef:
    """The answer of one method call, now or later. It stays here: pass its value, not the ref."""

    __slots__ = ("_answer", "_attend", "_guard", "_make_handle", "_open", "_watchers", "what")

    __object_ref__: ClassVar[bool] = True

    def __init__(self, what: str, make_handle: MakeHandle, attend: Attend | None = None) -> None:
        self.what = what
        self._attend = attend
        self._make_handle = make_handle
        self._answer: Message | None = None
        self._guard = threading.Lock()
        # A bare lock that is let go by the answer: a third of the price of an Event per call.
        self._open = threading.Lock()
        self._open.acquire()
        self._watchers: list[Callable[[], None]] | None = None

    def __repr__(self) -> str:
        return f"ObjectRef({self.what}, {'ready' if self.ready else 'open'})"

    @property
    def ready(self) -> bool:
        """Whether the answer (a value or an error) is here."""
        return self._answer is not None

    def settle(self, answer: Message) -> None:
        """Take the answer; called once, on any thread."""
        with self._guard:
            if self._answer is not None:
                return
            self._answer = answer
            watchers, self._watchers = self._watchers, None
        self._open.release()
        for watcher in watchers or ():
            watcher()

    def watch(self, watcher: Callable[[], None]) -> None:
        """Call `watcher` once the answer is here, at once if it is already."""
        with self._guard:
            if self._answer is None:
                if self._watchers is None:
                    self._watchers = []
                self._watchers.append(watcher)
                return
        watcher()

    def value(self, timeout_s: float | None) -> Any:
        """The value. Raises GetTimeoutError, and what the call ended with."""
        if self._answer is None and self._attend is not None:
            began = time.monotonic()
            self._attend(lambda: self._answer is not None, timeout_s)
            if timeout_s is not None:
                timeout_s -= time.monotonic() - began
        if self._answer is None:
            if not self._open.acquire(timeout=-1 if timeout_s is None else max(0.0, timeout_s)):
                raise GetTimeoutError(f"{self.what} has not answered in time")
            self._open.release()
        match self._answer:
            case MethodReturned(value):
                return unpack(value, self._make_handle)
            case CallFailed() as failed:
                raise raised(failed)
            case other:
                raise TypeError(f"{self.what} was answered by {type(other).__name__}")


@overload
def get(refs: ObjectRef, timeout: float | None = ...) -> Any: ...
@overload
def get(refs: Sequence[ObjectRef], timeout: float | None = ...) -> list[Any]: ...
def get(refs: ObjectRef | Sequence[ObjectRef], timeout: float | None = 30.0) -> Any:
    """The value of a ref, or the values of several, within `timeout` seconds altogether.

    Raises GetTimeoutError (also a TimeoutError), ActorTaskError where the method raised,
    ActorDiedError and ActorUnavailableError where its actor could not answer. None waits for ever.
    """
    if isinstance(refs, ObjectRef):
        return refs.value(timeout)
    _checked(refs)
    if timeout is None:
        return [ref.value(None) for ref in refs]
    deadline = time.monotonic() + timeout
    return [ref.value(max(0.0, deadline - time.monotonic())) for ref in refs]


def wait(
    refs: Sequence[ObjectRef], num_returns: int = 1, timeout: float | None = None
) -> tuple[list[ObjectRef], list[ObjectRef]]:
    """Wait until `num_returns` refs are ready or `timeout` seconds have passed: (ready, rest).

    Both in the order given; `ready` has at most `num_returns`. An error is an answer too.
    """
    _checked(refs)
    if len(set(map(id, refs))) != len(refs):
        raise ValueError("wait() needs each ref once")
    if not 0 < num_returns <= len(refs):
        raise ValueError(f"num_returns must be from 1 to the number of refs, {len(refs)}")
    enough = threading.Semaphore(0)
    for ref in refs:
        ref.watch(enough.release)
    deadline = None if timeout is None else time.monotonic() + timeout
    for _ in range(num_returns):
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        if not enough.acquire(timeout=left):
            break
    ready = [ref for ref in refs if ref.ready][:num_returns]
    chosen = set(map(id, ready))
    return ready, [ref for ref in refs if id(ref) not in chosen]


def _checked(refs: object) -> None:
    if isinstance(refs, (str, bytes)) or not isinstance(refs, Sequence):
        raise TypeError(f"an ObjectRef or a list of them is wanted, not {type(refs).__name__}")
    for ref in refs:
        if not isinstance(ref, ObjectRef):
            raise TypeError(f"an ObjectRef is wanted, not {type(ref).__name__}")
