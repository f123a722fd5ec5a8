"""The ring: who is a member, who lives, and the rumors everybody shall know.

Reading order: `membership` and `rumors` (what is known, and what wins), `digest` (the store in
eight bytes), `suspicion`, `awareness`, `probe` (who is asked when, and when silence becomes death),
`dissemination` and `sync` (how news travels, and how lost news is found), `join`, `depart`,
`persistence`; `protocol` ties them together as one pure machine and `actor` is its shell.

Safety: a member's record is changed by the member alone, by a higher (epoch, incarnation), which is
durable before it is told; an accusation becomes a death only at the end of a suspicion that the
accused could have refuted; Departed is final. Merging is the maximum of a total order, hence
commutative, associative and idempotent. Liveness: each probe and ack carries a digest of the whole
store, so two members that talk become equal; each dead member is re-dialled at a low rate, so two
sides that can talk will.

Sources: SWIM (Das, Gupta, Motivala, DSN 2002), Lifeguard (Dadgar, Phillips, Currey, 2017), the
programs memberlist, Serf and Habitat's Butterfly.

2026-11-22: One pure machine over TCP messages. Rejected: a library (none lets the transport, the
clock and the store be ours) and UDP beside TCP (a second port to open, a second cipher).

2026-11-22: A claim is ordered by (departed, epoch, incarnation, health). The epoch, drawn in each
process life, settles restarts of members that lost their disk at once. Rejected: incarnation alone,
which leaves such a member dead until it has heard its own death.

2026-11-22: INCARNATION holds a ceiling ahead of what is announced, so that a refutation leaves with
the ack and not after an fsync. Rejected: a write a refutation (a slow disk would look like death).

2026-11-22: A digest of 64 buckets finds what differs in three frames. Rejected: full push/pull at
intervals (bytes grow with the ring though nothing changed) and version vectors by owner (a lost
disk makes them lie).

2026-11-22: A member that said goodbye is `confirmed` with `left`: out of probing and binds, not out
of the ring. Rejected: Departed on each stop, as Habitat does it, which makes every restart of a
machine a new member.

2026-11-22: A rumor travels as the bytes its owner made. Rejected: typed rumors in frames, where one
unknown kind from a newer release makes a whole frame unreadable.

2026-11-22: Dead members are re-dialled with a join instead of a ping: it passes between rings that
split, tells the accused what is thought of it, and brings both stores together. Rejected: pings.

2026-11-22: A rumor is named by kind, key and owner, except facts of a whole group. Rejected: kind
and key alone, where two members that publish under the group's name overwrite one another.

2026-11-25: The image says since when who is confirmed was so, in wall time, and elections name the
members that hold seats, which are then not forgotten: for how long a voter is dead must outlive
every restart, and a dead majority found after a long weekend must still have names to swear by.
Rejected: the age of the member's own stamp (up to 18 h too long), and counting in whoever needs it
(each restart begins anew). The wall clock may be wrong; an image older than 36 h by it counts for
nothing, so a restart errs by that much at most, and a seat that was lost is asked for again.

2026-11-22: The image of the ring is written by an actor of its own, so that a slow disk does not
silence the failure detector.
"""
