"""Questions to the event log: filters, the merge over the ring, stories, what to show of them.

`filters` (which events a query means), `merge` (pages and tails of many members into one order),
`fold` (the status table rebuilt from events), `why` (causes, as sentences), `render` (lines, JSON
Lines, Mermaid), `actor` (the shell `events`). The log itself is an adapter, `port/eventlog`.

2026-11-22: Events are ordered by (hybrid logical clock, id), which respects cause and effect over
the whole ring. Rejected: wall time, which puts effects before causes; vector clocks, whose size
grows with the ring and which leave most pairs unordered.

2026-11-22: Following the ring asks each member again and again from where it left off, rather than
have members stream. A lost page is asked for again, a restarted actor on either side loses nothing,
and nobody streams to the dead. Rejected: streams with leases and sequence numbers, which come to
the same with more state at both ends.

2026-11-22: A member's page says up to which HLC it is complete, so that the merge knows when an
event can be shown; an event waits at most two seconds for slow members. Rejected: showing events as
they arrive, with effects before causes; waiting for all, when one stopped member stops the view.
"""
