"""What must hold of frames, where they are watched: their size, an idle ring, a change's price."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from math import ceil, log2
from typing import Final, TypeAlias

from actors.messages.simulation import FrameCarried
from actors.simulation.plan import Plan, dissemination_s
from actors.simulation.story import Story

PROBES: Final = ("Ping", "Ack", "PingReq", "Nack", "News")
ENCRYPTED_BYTES: Final = 42  # what CURVE and ZMTP add to a frame
LARGEST_BYTES: Final = 1400 - ENCRYPTED_BYTES
QUIET_S: Final = 20.0  # so long after the last change a ring is idle
WINDOW_S: Final = 10.0
PERIOD_S: Final = 1.0

Verdicts: TypeAlias = Iterator[str | None]


def frames_stay_small(story: Story, plan: Plan) -> Verdicts:
    """18: a probe, its answer and a push fit into a packet, whatever they carry along."""
    del plan
    for at_s, frame in _frames(story):
        if frame.kind in PROBES:
            text = f"{frame.kind} of {frame.size_bytes} bytes at {at_s:.3f} s"
            yield text if frame.size_bytes > LARGEST_BYTES else None


def idle_rings_are_quiet(story: Story, plan: Plan) -> Verdicts:
    """16: where nothing changes each member probes once a period, and nothing is told again."""
    began_s, end_s = _faults_phase(story)
    if plan.faults or not plan.setup.watched:
        return
    pings: Counter[tuple[int, int]] = Counter()
    windows = int((end_s - began_s - QUIET_S) / WINDOW_S)
    for at_s, frame in _frames(story):
        window = int((at_s - began_s - QUIET_S) / WINDOW_S)
        if not (began_s + QUIET_S <= at_s and window < windows):
            continue
        if frame.bodies or frame.kind not in ("Ping", "Ack"):
            yield f"{frame.kind} with {frame.bodies} bodies at {at_s:.3f} s on an idle ring"
        pings[frame.source, window] += frame.kind == "Ping"
    expected = WINDOW_S / PERIOD_S
    for window in range(windows):
        for machine in range(plan.setup.supervisors):
            sent = pings[machine, window]
            text = f"machine {machine} sent {sent} pings in {WINDOW_S:g} s"
            yield None if abs(sent - expected) <= 1 else text


def a_change_costs_little(story: Story, plan: Plan) -> Verdicts:
    """17: one change is sent at most 8·N·⌈log2 N⌉ times, by all members together, within D."""
    if not plan.setup.watched or any(fault.what != "publish" for fault in plan.faults):
        return
    size = plan.setup.supervisors
    spread_s, most = dissemination_s(size), 8 * size * ceil(log2(max(2, size)))
    times = [trouble.began_s for trouble in story.troubles]
    for number, at_s in enumerate(times):
        if any(abs(other - at_s) <= spread_s for n, other in enumerate(times) if n != number):
            continue
        sent = sum(
            frame.bodies for when_s, frame in _frames(story) if at_s <= when_s <= at_s + spread_s
        )
        fine = 0 < sent <= most
        yield None if fine else f"the change at {at_s:.3f} s was sent {sent} times (limit {most})"


def _frames(story: Story) -> Iterator[tuple[float, FrameCarried]]:
    for logged in story.events:
        if isinstance(logged.event, FrameCarried):
            yield logged.at_s, logged.event


def _faults_phase(story: Story) -> tuple[float, float]:
    began_s = story.phases.get("faults", 0.0)
    return began_s, story.phases.get("heal", began_s)
