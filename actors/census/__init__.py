"""The census: which members offer which service groups, and how they are, as one document.

`fold` makes it of `service` rumors and member standings, `actor` is its shell. Equal stores give
byte-equal groups on all members; only the version number is local.

2026-11-22: A fold over everything gossip knows, repeated whenever something changed. Rejected:
updating the last document in place (Habitat keeps six counters to know what to rebuild, and misses
changes that move none).

2026-11-22: A member is listed while it is alive or suspect, with that health. Rejected: listing the
confirmed, stopped and departed too, as Habitat does, which keeps them in the configuration of other
services. Suspects stay, because most suspicions are refuted within seconds.

2026-11-22: A service rumor counts only if it names its own owner as the member. Rejected: believing
the body, with which one member could list services of another.
"""
