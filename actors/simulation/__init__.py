"""The simulation: a ring of supervisors in one process, on virtual time, from one seed.

Reading order: `scheduler` (virtual time), `clock` and `lanes` (a machine's time and turns),
`fabric` and `network` (frames between machines), `disk`, `processes`, `eventlog`, `node` (one
supervisor on its machine), `ring` (all of them), `plan` (what goes wrong, and when) with `drawing`,
`calm` and `work`, `checkers` (what must hold all the same), `run` and `campaign`.

The actors, their wire format and the launcher's decisions are the real ones; what is here replaces
threads, sockets, files and child processes, behind the ports of `actors.ports`.

Decisions
- 2026-11-22: one heap of (time in integer nanoseconds, seeded tie-break) drives all machines.
  Rejected: ticks (they hide orders within a tick), an event loop per machine (no global order).
- 2026-11-22: each component draws from a generator of its own, named by a label, so that one more
  draw in one place leaves the others as they were. Rejected: one generator for all.
- 2026-11-22: a turn whose lane is free may run at once, in the event that caused it; how often it
  waits instead is drawn from the seed. Rejected: a heap entry for every turn, at twice the cost.
- 2026-11-22: faults are a list of values made from the seed before the run. It can be printed,
  edited, replayed and cut down, which a fault drawn during the run cannot. Rejected: random
  decisions during the run.
- 2026-11-22: checkers see only the merged event log, faults included, so that the same checkers
  judge a live ring. Rejected: looking into actors.
- 2026-11-24: a quarter of drawn plans is calm: one death, one departure, changes or nothing, and
  peace around it, because swarms gave several checkers nothing to judge. Rejected: checkers with
  shorter stretches (what they demand would no longer be what is promised).
- 2026-11-24: a run collects garbage seldom (`run.COLLECT`), in whatever process it is.
  200 supervisors, forming and idle: 12,500 and 26,600 steps/s of CPU instead of 10,000 and 23,800,
  at the same 132 MB. Rejected: no collection at all (13,000 and 28,100, but nothing bounds the
  memory of a long run); freezing after the ring has formed (forming is the dearest part).
"""
