"""The wire: how messages become bytes, which bytes are taken, and the ring key that guards them.

Reading order: `vocabulary` (what may cross, and where), `codec` (envelope ↔ bytes), `admission`
(which decoded frames this member takes), `ringkey` (Habitat's ring key files). All of it is pure;
sockets are in `actors.adapters.network`.

2026-11-22: Bytes are MessagePack of the `msgpack` package, converted by msgspec into one union, so
that nothing reaches an actor that is not of its declared type. Rejected: pickle (runs what it
reads), msgspec's own MessagePack codec (no limits on sizes and counts before it allocates),
protobuf (a second vocabulary beside the structs).

2026-11-22: The fixed part of an envelope is one binary header of 39 bytes, because a probe and its
ack are most of an idle ring's traffic: whole addresses as text would triple them. The header
carries the sender's full member id but 4 bytes of the addressee's: enough to tell that a frame
was meant for an earlier owner of this address, and nothing is authenticated by it.

2026-11-22: A message's id on the wire is its sender and its hybrid logical clock: a member never
gives the same reading twice, so a number of its own would say the same once more.

2026-11-22: Each crossing message names the actors it may be for. A frame that is well formed but
for an actor that does not speak its language would otherwise make that actor fail. Rejected:
`case _: ignore` in every actor, which would hide our own mistakes as well.

2026-11-22: What may cross is listed by name; a message class that nobody lists stays inside.
Rejected: everything crosses unless forbidden, because timers and the runtime's own words are
messages too, and a stranger must not be able to forge them.
"""
