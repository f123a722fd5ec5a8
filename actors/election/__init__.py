"""Leader election: who leads a service group, for how long, and who has a say in it.

Reading order: `electorate` (records, majorities), `ballot` (what is never forgotten), `timing`,
`state`, `voting`, `candidacy`, `leading`, `changes`, `founding`, `seats`, `oaths`, `ring` (what
the ring says), `siblings` (the two elections of a member), `roles` (what the service is told),
`waiting` (why it waits); `rules` ties them together, and has the argument. The property tests run
them in a small world of clocks, disks and links that misbehave, and show for each rule that without
it two members lead.

`part` is a member's whole part in one election: rules, files, operators, the ring. The actors are
`election/<service group>/<kind>`, a part each; `election` above them, which starts them, folds what
the ring says (`groups`) and passes on; and `election/rounds`, which carries the rounds of all.

2026-11-25: A suitability is two numbers where one does not do: what a member offers as a leader,
and what it needs of one; a vote is given to who offers as much as the voter needs. One number
orders all members totally, and a member that knows only bounds of what it has (a replica right
after a full copy) could merely say that it cannot say; two of those elected nobody, for ever,
although the leader of their data was there. Rejected: asking the hook once per candidate (its time
is bounded per term, and a vote would wait for several).

2026-11-25: A voter that the ring holds dead for 72 h loses its seat, by the ring's count, which
outlives actors and supervisors. One that said goodbye keeps it, for as long as it likes. Rejected:
counting here whoever is not alive (anew in each life of the actor, so that a leader restarted each
day unseats nobody, and a machine stopped over the holidays loses its seat).

2026-11-25: An election runs wherever its ballot lies, whether its service is loaded or not: a
stopped one keeps its seat and votes, and a supervisor that restarts keeps its promises before
anybody has said what is loaded. So all ballots lie in one directory, and `election` lists it.

2026-11-25: The two elections of a group have an electorate each, and each keeps its own record.
Rejected: one record for both, changed by the leader of one kind: a lease of the other kind then is
safe only if each change is on the disks of both before it counts, and is a promise in both; that is
a second proof, for a record that is written at few occasions. What they share is who gives way.

2026-11-25: A record's rumor has the record's stamp for a number, so the ring itself keeps the
newest, whoever publishes it and in which order. Rejected: a rumor of each voter's own, of which all
but one are old, and which are forgotten with their owners.

2026-11-25: `election` alone subscribes to gossip, and tells each election what concerns its group,
when that changes. Rejected: a subscription each, which makes every change of any group a message to
all of them.

2026-11-24: Everything a voter must not forget is one ballot, the record and proposals included, in
two files that are both written before anything is told. Rejected: a file for the record apart (a
crash between two files leaves a vote and a record that never were together) and slots written in
turn, one a vote (a slot that rots then loses a vote that was told).

2026-11-24: Whoever begins without a readable ballot gets a voter id that was never used. Rejected:
acking under the old id while the votes are lost, which may renew an old leader's lease after the
lost vote has elected another.

2026-11-24: To store a record is a promise to the leader that sent it. Without it the model finds
two leaders where a leader's rounds are lost and its records are not (seed 21 of that plan).

2026-11-24: A member that leaves a dissolved electorate keeps its last record, and goes one term up.
Rejected: forgetting it (an old record heard late makes the member a voter again, and who missed the
end never learns it) and joining with the term it had (an equal term hides a change of leader).

2026-11-24: A leader that hears of a later term demotes its service and stands anew. Rejected:
asking for votes in a later term while it leads, which spares a rare interruption and has two terms
under way in one member.

2026-11-25: A voter compares suitability also while its own service would not lead, and one that
cannot say how suitable it is votes for nobody else. Rejected: comparing only while it stands, as
it was before: what the hook orders by may be data, and a leader whose service has just failed then
helps to elect a member that lacks what the two others have acknowledged. The price: where only
such a member and less suitable ones are left, nobody is elected until its service is back.
"""
