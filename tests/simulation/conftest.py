"""The simulation as a test suite: what judges which invariant, and which seeds run where.

Invariants of the ring, 1 to 25, are worded as DESIGN §6 has them: a suspicion is as long as
Lifeguard's floor says; frames instead of datagrams; a dead permanent peer is probed once in
five periods for each dead one; a stop takes a member out of probing and binds, only `depart` makes
it Departed. `C` is a checker of `actors/simulation` (it judges every run), `S` a scenario beside
this file, the rest are tests by name.

 1  C the_ring_forms; S crowd (200); test_a_newcomer_with_one_seed_is_known_everywhere_...
 2  C the_dead_are_noticed; S dead-and-gone; test_a_killed_member_is_suspect_soon_...,
    test_a_closed_connection_is_a_reason_to_probe_at_once_and_no_verdict
 3  test_every_member_probes_every_other_within_two_rounds
 4  C the_innocent_are_not_confirmed; S one-link; test_a_cut_between_two_members_kills_neither
 5  C the_living_refute; test_an_accused_member_that_lives_is_alive_everywhere_again
 6  tests/property/test_gossip_merge.py: test_any_order_duplication_or_split_gives_the_same_table
 7  C incarnations_never_decrease; test_power_cuts.py (each write of a life);
    test_the_incarnation_never_decreases_whatever_write_was_cut;
    tests/integration/test_store_power_cut.py (each system call of a write)
 8  test_dead_permanent_peers_share_one_period_in_five;
    test_a_departed_member_ends_and_hears_nothing_more
 9  C the_ring_heals; S halves; test_a_healed_partition_is_one_ring_again[permanent]
10  C the_ring_heals; S halves-without-permanent-peers; test_a_healed_partition_is_one_ring_again
11  C departed_means_departed; S depart; test_a_departed_member_ends_and_hears_nothing_more
12  C the_dead_are_noticed, the_census_is_true;
    test_a_goodbye_takes_a_member_out_of_probing_and_not_out_of_the_ring
13  C the_innocent_are_not_confirmed; S short-pauses;
    test_nobody_dies_of_a_pause_shorter_than_the_shortest_suspicion
14  C stores_become_equal; test_different_stores_are_equal_soon_although_every_push_was_lost
15  C stores_become_equal; S black-hole; test_a_black_holed_member_has_everything_it_missed_...
16  C idle_rings_are_quiet; S idle; test_an_idle_ring_is_constant_and_small_traffic
17  C a_change_costs_little; S changes at 5, 10, 20, 40; test_one_change_reaches_all_soon_and_...
18  C frames_stay_small; S crowd (200); test_no_pushed_frame_is_larger_than_a_packet
19  C no_actor_fails; S replayed; tests/wire/test_hostile_bytes.py, test_hostile_tree.py;
    tests/integration/network/test_network_hostile.py
20  C the_census_is_true; S commands
21  test_old_data.py; test_a_withdrawn_rumor_is_forgotten_and_old_data_does_not_revive_it
22  C no_actor_fails, supervisors_are_back; test_power_cuts.py;
    test_a_damaged_file_prevents_no_start
23  test_seeds_that_come_up_late_or_cannot_be_resolved_are_joined_all_the_same,
    test_a_member_that_is_its_own_only_seed_is_fine_and_settled
24  C the_ring_heals; S takeover; test_who_takes_over_a_dead_members_address_is_somebody_else,
    test_a_reused_address_pulls_nobody_into_a_strangers_ring
25  S replayed; keys are not simulated: tests/integration/network/test_network_keys.py,
    test_a_recorded_frame_replayed_later_is_only_an_old_claim,
    tests/integration/ring/test_ring_keys.py (rotation, no member suspect)

Leadership, 26 to 34, worded as DESIGN §7 has them. A member leads while its last lease covers the
instant by its own clock, and a service acts as leader until it has ended or was told otherwise.

26, 32  C a_majority_has_a_leader, leaders_are_back_in_time; S leader-cut-off
27  C one_leads_at_a_time, one_leader_a_term, later_leaders_have_greater_terms,
    who_is_followed_was_elected; S leader-swarm
28, 29  C leaders_are_replaced_in_time (7 s, as DESIGN §15 has it); S leader-killed,
    leader-candidate-killed
30  C who_acts_has_a_lease, leases_count_from_the_sending; S leader-cut-off, leader-half-heard
31  C followers_disturb_nobody, restarts_interrupt_no_role; S leader-rolling-restart
33  C the_fittest_leads (no voter elects whom it outdoes), suitability_is_read_once_a_term;
    S leader-fittest
34  C who_acts_has_a_lease; S leader-all-killed

Votes: no_vote_is_forgotten, majorities_elect; S leader-torn-writes. Electorates:
electorates_change_one_by_one, one_electorate_is_left; S leader-joins, leader-replaced, leader-oath,
leader-two-foundings. Services: one_acts_at_a_time, older_terms_are_refused. Where a promise is
worth less, a checker of its own counts: the_frozen_lead_no_longer_than_a_lease (S leader-frozen),
the_unfenced_end_once_somebody_runs (S leader-unfenced). Each can fail: test_leader_checkers.py has
logs made by hand. Rules left out one at a time are found out: mutants.py, `scripts/mutants`.

Updates, 35 to 41, worded as DESIGN §8 has them. Scenarios: test_rollout_scenarios.py sees what each
shows; logs made by hand: test_update_checkers.py, test_rollout_checkers.py.

35  C conductors_lead_nobody; S rolling-leader-last;
    test_the_topology_leader_never_conducts_and_goes_last_after_handing_over
36  C one_turn_at_a_time, turns_drain_first; S rolling;
    tests/property/test_rollout_model.py (no two members are down)
37  C turns_are_among_the_well, failures_halt_soon (two periods after the second failure, and one
    member left), nothing_halts_for_nothing; S rolling-sick, rolling-bad-release, rolling-halted,
    rolling-no-install; the model
38  C rollouts_go_on (12 s: DESIGN §15 replaces a leader in 7), nobody_is_updated_twice,
    steps_follow_each_other, updates_arrive; S rolling-conductor-killed, rolling-conductor-paused,
    rolling-undecided, rolling-founded-anew; test_the_death_of_the_conductor_only_delays_a_rollout
39  C the_skipped_are_gone, updates_end_in_time; S rolling
40  C updates_end_in_time (C + E, two polls, n turns), updates_arrive; S rolling-back-and-forth,
    rolling-demoted, rolling-no-depot; the model's "back and forth"
41  C epochs_only_grow (said, and on disk), the_pinned_rest (in 100 polls); S rolling-undecided,
    rolling-pinned; test_a_pinned_service_is_never_asked_about

Beside them: event ids without gaps and causes that come first (`event_ids_have_no_gap`,
`causes_come_first`), actors and supervisors that come back (`dead_actors_are_back`,
`supervisors_are_back`), services (`healthy_processes_survive`, `one_process_a_service`,
`accepted_commands_hold`), what groups are given (`accepted_facts_hold`, `files_follow_the_facts`; S
given-by-a-clock-ahead), and no census of a half-filled store (test_whole_census.py).

A quarter of drawn plans is calm (one death, a departure, changes or nothing, then peace), so that
2, 11, 12, 16, 17 and 18 are judged in seeds as well (test_calm_plans.py).

In CI (test_seeds.py): `seeds.CI`, `seeds.FAILED`, every scenario, and 300 seeds of `leader-swarm`
(220 with 3 members, 60 with 5, 20 with 7): some 40 s and some 130 s of one core. By hand, before a
release:

    scripts/sim --seeds 200 --supervisors 3 --for 120s
    scripts/sim --seeds 200 --supervisors 10 --for 120s
    scripts/sim --seeds 200 --supervisors 50 --for 120s
    scripts/sim --seeds 10 --supervisors 200 --for 120s

Last by hand, 2026-11-25, the plans drawn with groups' configuration and files: 200 seeds at 3, one
failed (176, the checker: a service that ignores TERM delays a departure); 200 at 10, 200 at 50
(five million verdicts, most of them of event ids and causes) and 10 at 200, none failed. Once
small rings had groups that elect a leader: 200 at 3, two failed (40 and 174, the checker: a fitter
member that is stopped elects nobody below it), and 200 at 10, none.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
