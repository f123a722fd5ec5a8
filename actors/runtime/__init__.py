"""The runtime: mailboxes, turns, effects, names, supervision; production and simulation alike.

Reading order: `actor` (the shell), `mailbox` (turns), `world` (sending, names, ports), `guardian`
(the tree), `supervision` (what follows a death), `hlc` (time that respects cause).

Decisions
- 2026-11-22: pykka's own loop runs one message a turn, through its hooks for new actor types.
  Rejected: a thread per actor (22 kB each, collapses at 10,000), a fork of pykka, asyncio.
- 2026-11-22: the tree belongs to one actor, `node`; spawning and stopping are messages to it.
  Rejected: a locked registry, which every thread would write.
- 2026-11-22: a parent's children end before it is started again, and a name is given again only
  after its last turn. Rejected: letting the old instance finish beside the new one.
- 2026-11-22: a message carries the id of the event that led to it as its cause: chains of events
  survive though single messages are not logged. Rejected: an event per message, always.
- 2026-11-22: `Load` stands beside `Persist` as a suspending effect, so that a starting actor reads
  its facts without blocking a dispatcher thread. Rejected: reading in the constructor.
"""
