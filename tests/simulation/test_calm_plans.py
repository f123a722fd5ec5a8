"""Calm plans leave stretches that swarms do not: what judges them has something to judge."""

from __future__ import annotations

from itertools import count

import pytest
from seeds import FAILED, Seed
from simulation_rig import seed_run

from actors.simulation.campaign import CampaignOptions, Totals, run_campaign
from actors.simulation.drawing import draw_plan

LONG_S = 90.0


@pytest.mark.parametrize(
    ("sort", "checker"),
    [
        ("death", "the_dead_are_noticed"),
        ("departure", "departed_means_departed"),
        ("changes", "a_change_costs_little"),
        ("facts", "accepted_facts_hold"),
        ("facts", "files_follow_the_facts"),
        ("idle", "idle_rings_are_quiet"),
    ],
)
def test_each_sort_of_calm_is_judged(sort: str, checker: str) -> None:
    names = ((n, draw_plan(str(n), 3, LONG_S).name) for n in count())
    seed = next(n for n, name in names if name == f"calm, {sort}")
    result = seed_run(Seed(seed, 3, LONG_S))
    assert result.judgement.violations == [], result.report
    assert result.judgement.judged[checker] > 0
    assert result.judgement.judged["frames_stay_small"] > 0


def test_a_fair_share_of_drawn_plans_is_calm() -> None:
    names = [draw_plan(str(n), 10, 120.0).name for n in range(400)]
    assert 60 < sum(name.startswith("calm") for name in names) < 140


def test_where_there_is_no_time_for_peace_nothing_is_calm() -> None:
    names = {draw_plan(str(n), 50, 10.0).name for n in range(100)}
    assert names == {"swarm"}


def test_a_campaign_counts_what_was_judged() -> None:
    totals = Totals()
    for outcome in run_campaign(CampaignOptions(0, 3, 2, 5.0, workers=1)):
        totals.add(outcome)
    assert (totals.seeds, totals.failed) == (3, 0)
    assert totals.judging["the_ring_forms"] == 3
    assert totals.verdicts["the_ring_forms"] == 6
    head, *lines = totals.lines()
    assert head.split() == ["verdicts", "seeds", "checker"]
    assert "6 3 the_ring_forms" in {" ".join(line.split()) for line in lines}


def test_seeds_that_failed_are_drawn_as_they_were() -> None:
    names = {draw_plan(str(s.seed), s.supervisors, s.for_s).name for s in FAILED}
    assert names <= {"swarm", "calm, departure", "elections"}
