"""Leader election: who leads a service group, for how long, and who has a say in it.

Reading order: `electorate` (records, majorities), `ballot` (what is never forgotten), `timing`,
`state`, `voting`, `candidacy`, `leading`, `changes`, `founding`, `seats`, `oaths`, `roles` (what
the service is told), `waiting` (why it waits); `rules` ties them together, and has the argument.
The property tests run them in a small world of clocks, disks and links that misbehave, and show for
each rule that without it two members lead.

No actor runs these rules yet: a service with topology leader waits, and says so.

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
"""
