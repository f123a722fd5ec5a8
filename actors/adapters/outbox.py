"""Frames that wait for a connection to one peer: bounded, with a deadline each, oldest dropped.

A late probe is worse than none: its ack would speak of a time long gone. So nothing waits longer
than its deadline, and a full box gives up what has waited longest.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from actors.messages.envelope import Envelope
from actors.wire.codec import MAX_BATCH_BYTES, MAX_BATCH_FRAMES


class Waiting(NamedTuple):
    """One frame; `envelope` only if somebody waits for an answer to it."""

    deadline_s: float
    data: bytes
    envelope: Envelope | None


class Outbox:
    """The frames for one peer, first in first out."""

    __slots__ = ("_limit_bytes", "_limit_frames", "_size", "_waiting")

    def __init__(self, limit_frames: int, limit_bytes: int) -> None:
        self._limit_frames = limit_frames
        self._limit_bytes = limit_bytes
        self._waiting: deque[Waiting] = deque()
        self._size = 0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def size_bytes(self) -> int:
        """Bytes that wait."""
        return self._size

    def put(self, frame: Waiting) -> list[Waiting]:
        """Append; what had to be dropped to stay within the bounds."""
        self._waiting.append(frame)
        self._size += len(frame.data)
        dropped: list[Waiting] = []
        while len(self._waiting) > self._limit_frames or (
            self._size > self._limit_bytes and len(self._waiting) > 1
        ):
            dropped.append(self._pop())
        return dropped

    def late(self, now: float) -> list[Waiting]:
        """Take out what is past its deadline."""
        if not any(frame.deadline_s <= now for frame in self._waiting):
            return []
        late = [frame for frame in self._waiting if frame.deadline_s <= now]
        self._waiting = deque(frame for frame in self._waiting if frame.deadline_s > now)
        self._size = sum(len(frame.data) for frame in self._waiting)
        return late

    def batch(self) -> list[bytes]:
        """The next frames to send as one piece; they stay until `sent`."""
        frames: list[bytes] = []
        size = 0
        for frame in self._waiting:
            size += len(frame.data) + 5
            if frames and (size > MAX_BATCH_BYTES or len(frames) == MAX_BATCH_FRAMES):
                break
            frames.append(frame.data)
        return frames

    def sent(self, count: int) -> None:
        """The first `count` frames are gone."""
        for _ in range(count):
            self._pop()

    def clear(self) -> list[Waiting]:
        """Take everything out."""
        frames, self._waiting, self._size = list(self._waiting), deque(), 0
        return frames

    def _pop(self) -> Waiting:
        frame = self._waiting.popleft()
        self._size -= len(frame.data)
        return frame
