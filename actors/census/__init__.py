"""The census: which members offer which service groups, how they are, and who leads them.

`fold` and `leaders` make it of rumors and member standings, `actor` is its shell. Equal stores give
byte-equal groups on all members; only the version number is local.

2026-11-22: A fold over everything gossip knows, repeated whenever something changed. Rejected:
updating the last document in place (Habitat keeps six counters to know what to rebuild, and misses
changes that move none).

2026-11-22: A member is listed while it is alive or suspect, with that health. Rejected: listing the
confirmed, stopped and departed too, as Habitat does, which keeps them in the configuration of other
services. Suspects stay, because most suspicions are refuted within seconds.

2026-11-22: A service rumor counts only if it names its own owner as the member. Rejected: believing
the body, with which one member could list services of another.

2026-11-25: Who leads a group is folded from what leaders and electorates say of themselves, and a
leader that is not alive leads nobody. Rejected: asking the elections of this member, which knows
nothing of the groups that it has no part in, and those are what services are bound to.
"""
