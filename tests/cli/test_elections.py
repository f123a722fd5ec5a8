from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
from click.testing import Result
from msgspec.structs import replace

from actors.messages.base import Message
from actors.messages.election import Stamp
from actors.messages.election_orders import (
    BootstrapElectorate,
    Elections,
    ElectionView,
    QueryElections,
    SeatView,
    StepDown,
)
from actors.messages.events import EventPage, EventRecord, QueryEvents
from actors.messages.ring import (
    Census,
    GroupMember,
    Member,
    Members,
    MemberView,
    QueryCensus,
    QueryMembers,
    ServiceInfo,
)
from actors.messages.runtime import CallFailed, Ok
from actors.messages.service import QueryServices, Services, ServiceSpec, ServiceStatus

Hab = Callable[..., Result]
Start = Callable[[Callable[[Message], list[Any]]], AbstractContextManager[Any]]
ALPHA, BETA, GAMMA = "a1b2c3d4" * 4, "b7000000" * 4, "c1000000" * 4
GROUP = "redis.acme"
RING = Members(
    ALPHA,
    "0123456789abcdef",
    (
        MemberView(Member(ALPHA, 1, "", name="alpha"), "alive"),
        MemberView(Member(BETA, 1, "", name="beta"), "alive"),
        MemberView(Member(GAMMA, 1, ""), "confirmed"),
    ),
)
LED = ElectionView(
    GROUP,
    "topology",
    "follower",
    "waiting",
    4,
    BETA,
    3.25,
    needed=2,
    electorate="9f3e12ab.1",
    keeper="topology",
    stamp=Stamp(4, 7),
    founder=ALPHA,
    founded=1_700_000_000_000 << 16,
    seats=(
        SeatView(ALPHA, "v-alpha"),
        SeatView(BETA, "v-beta", 0.25),
        SeatView(GAMMA, "v-gamma", 14.0, leaving=True),
    ),
)
VACANT = replace(
    LED,
    leader="",
    role="none",
    state="standing",
    term=5,
    lease_s=0.0,
    heard=1,
    committed=False,
    reason="1 of 3 votes, quorum needs 2; waiting for b7000000 (heard 4 s ago)",
)
SERVICE = ServiceStatus(
    ServiceSpec("core/redis", group="acme", topology="leader"), "core/redis/4.0.1/1", "up"
)


def event(number: int, kind: str, of: str, text: str = "", **fields: Any) -> EventRecord:
    said = {"service_group": GROUP, "kind": "topology", **fields}
    wall = 1_700_000_000.0 + number
    path = f"election/{GROUP}/topology"
    return EventRecord(f"{of}:1:{number}", wall, number, path, kind, text or kind, fields=said)


LOG = (
    event(1, "LeaderElected", GAMMA, term=3, leader=GAMMA, votes=2, needed=2),
    event(2, "LeaseRenewed", GAMMA, term=3),
    event(3, "LeaseLost", GAMMA, term=3, reason="told to step down"),
    event(4, "LeaderReleased", GAMMA, term=3, to=BETA),
    event(5, "ElectionOpened", BETA, term=4, reason="was handed it"),
    event(6, "VoteGiven", BETA, term=4, candidate=BETA),
    event(7, "VoteGiven", ALPHA, f"votes for {BETA}", term=4, candidate=BETA),
    event(8, "LeaderElected", BETA, term=4, leader=BETA, votes=2, needed=2),
    event(9, "LeaseRenewed", BETA, "leads, says the first", term=4),
    event(10, "LeaseRenewed", BETA, "leads, says a later", term=4),
)


def ring(
    *views: ElectionView,
    log: tuple[EventRecord, ...] = (),
    service: ServiceStatus | None = SERVICE,
    runs: tuple[str, ...] = (),
    topology: str = "leader",
) -> Callable[[Message], list[Message]]:
    """Answers as a supervisor would that sees these elections; more views are seen in turn."""
    seen = list(views)

    def answer(message: Message) -> list[Message]:
        match message:
            case QueryMembers():
                return [RING]
            case QueryElections():
                now = seen.pop(0) if len(seen) > 1 else seen[0] if seen else None
                return [Elections((now,) if now is not None else ())]
            case QueryServices():
                return [Services((service,) if service is not None else ())]
            case QueryCensus():
                infos = (ServiceInfo(m, GROUP, "p", True, topology=topology) for m in runs)
                members = tuple(GroupMember(info, "alive") for info in infos)
                return [Census(1, {GROUP: members} if members else {})]
            case QueryEvents(until=until):
                return [EventPage(tuple(e for e in log if not until or e.wall <= until))]
            case StepDown() | BootstrapElectorate():
                return [Ok("It is done", "an:event:1")]
            case _:
                raise AssertionError(message)

    return answer


def _line(text: str) -> str:
    return " ".join(text.split())


# ── list and show ──


def test_elections_are_listed_with_leader_lease_quorum_and_stamp(hab: Hab, gateway: Start) -> None:
    with gateway(lambda _: [Elections((LED, replace(VACANT, service_group="web.acme")))]):
        said = hab("election", "list")
    assert said.exit_code == 0, said.output
    header, led, vacant = (line.split() for line in said.stdout.splitlines())
    assert header[3:7] == ["leader", "term", "lease", "quorum"]
    assert led[1:] == ["topology", "follower", "b7000000", "4", "3.2s", "-/2", "9f3e12ab.1", "4.7"]
    assert vacant[1:] == ["topology", "none", "<none>", "5", "<none>", "1/2", "9f3e12ab.1", "4.7+"]
    assert f"web.acme (topology): {VACANT.reason}" in said.stderr


def test_without_elections_the_list_says_what_would_have_one(hab: Hab, gateway: Start) -> None:
    with gateway(ring()):
        said = hab("election", "list")
    assert said.exit_code == 0
    assert "no service with a leader" in said.stdout


def test_a_group_is_shown_with_a_line_for_each_voter(hab: Hab, gateway: Start) -> None:
    with gateway(ring(LED)):
        said = hab("election", "show", "redis")
    assert said.exit_code == 0, said.output
    lines = said.stdout.splitlines()
    assert "leader       beta (b7000000)" in lines
    assert "promise      3.2 s left" in lines
    assert "record 4.7 (committed), founded by alpha (a1b2c3d4, this supervisor)" in said.stdout
    seats = [line.split() for line in lines[-3:]]
    assert seats[0][:5] == ["a1b2c3d4", "alpha", "v-alpha", "alive", "self"]
    assert seats[1][:5] == ["b7000000", "beta", "v-beta", "alive", "0s"]
    assert seats[2][3:] == ["confirmed", "14s", "<none>", "<none>", "leaving"]


def test_elections_as_json_have_schemas_and_whole_ids(hab: Hab, gateway: Start) -> None:
    with gateway(ring(LED)):
        listed = json.loads(hab("election", "list", "--json").stdout)
        shown = json.loads(hab("election", "show", GROUP, "--json").stdout)
    assert (listed["schema"], shown["schema"]) == ("election.list/1", "election.show/1")
    assert listed["elections"] == shown["elections"]
    [one] = shown["elections"]
    assert (one["leader"], one["leader_name"], one["heard"]) == (BETA, "beta", None)
    assert one["electorate"]["founded"] == 1_700_000_000.0
    assert [seat["member"] for seat in one["seats"]] == [ALPHA, BETA, GAMMA]
    assert (one["seats"][2]["health"], one["seats"][2]["leaving"]) == ("confirmed", True)


def test_another_member_s_view_is_asked_of_that_member(hab: Hab, gateway: Start) -> None:
    with gateway(ring(LED)) as playing:
        said = hab("election", "show", GROUP, "--member", "beta")
    assert said.exit_code == 0, said.output
    assert "leader       beta (b7000000, this supervisor)" in said.stdout
    asked = [
        member
        for member, message in zip(playing.members, playing.asked, strict=True)
        if isinstance(message, QueryElections)
    ]
    assert asked == ["beta"]


@pytest.mark.parametrize("verb", ["show", "why"])
def test_a_group_without_elections_here_says_where_there_are_some(
    hab: Hab, gateway: Start, verb: str
) -> None:
    with gateway(ring(runs=(BETA,))):
        elsewhere = hab("election", verb, GROUP)
    with gateway(ring(runs=(BETA,), topology="standalone")):
        standalone = hab("election", verb, GROUP)
    with gateway(ring()):
        nowhere = hab("election", verb, GROUP)
    assert [one.exit_code for one in (elsewhere, standalone, nowhere)] == [1, 1, 1]
    assert "it runs on beta (b7000000)" in elsewhere.stderr
    assert "--member b7000000" in elsewhere.stderr
    assert "--topology leader" in standalone.stderr
    assert "No member of the ring runs redis.acme" in nowhere.stderr


def test_a_member_without_a_seat_is_shown_so(hab: Hab, gateway: Start) -> None:
    seatless = ElectionView(
        GROUP,
        "topology",
        "follower",
        "waiting",
        4,
        BETA,
        electorate="9f3e12ab.1",
        reason="no seat in the electorate yet; the leader is asked for one",
    )
    with gateway(ring(seatless)):
        listed = hab("election", "list")
        shown = hab("election", "show", GROUP)
        told = hab("election", "why", GROUP)
    assert listed.stdout.splitlines()[1].split()[6:] == ["<none>", "9f3e12ab.1", "<none>"]
    assert "in which this member has no seat yet" in shown.stdout
    assert "members vote" not in told.stdout
    assert "the leader is asked for one." in told.stdout


# ── why ──


def test_why_tells_who_leads_since_when_how_it_won_and_how_the_last_ended(
    hab: Hab, gateway: Start
) -> None:
    with gateway(ring(LED, log=LOG)):
        said = hab("election", "why", GROUP)
    assert said.exit_code == 0, said.output
    text = _line(said.stdout)
    assert "beta (b7000000) leads redis.acme (topology) in term 4, since" in text
    assert "[b7000000:1:9]. This supervisor has answered its last round" in text
    assert "The leader before it handed over to it [b7000000:1:5]." in text
    assert "elected with 2 votes (itself, alpha (a1b2c3d4, this supervisor)), where 2" in text
    assert "It stopped because an operator told it to step down [c1000000:1:3]." in text
    assert "It named beta (b7000000) as the one to go on" in text
    assert "3 members vote, and 2 of them are a majority" in text
    assert "c1000000: not heard for 14s (the ring holds it for dead)" in text
    assert "hab sup depart c1000000" in text
    assert "alpha (a1b2c3d4, this supervisor): votes for beta (b7000000) [a1b2c3d4:1:7]" in text
    assert "hab svc step-down redis.acme" in text
    assert "hab why b7000000:1:8" in text
    assert "beta (b7000000): leads from now on in term 4 [b7000000:1:9]" in text
    assert "[b7000000:1:10]" not in text


def test_why_of_an_update_leader_says_that_it_conducts_updates(hab: Hab, gateway: Start) -> None:
    with gateway(ring(replace(LED, kind="update"))):
        told = hab("election", "why", GROUP)
    assert "beta (b7000000) conducts the updates of redis.acme (update) in term 4" in told.stdout
    assert "hab svc rollout status redis.acme" in told.stdout
    assert "step-down" not in told.stdout


def test_why_calls_no_follower_silent_that_has_nothing_to_say_to_a_follower(
    hab: Hab, gateway: Start
) -> None:
    asked = ring(LED, log=LOG)
    alive = tuple(replace(view, health="alive") for view in RING.members)

    def answer(message: Message) -> list[Message]:
        return [replace(RING, members=alive)] if message == QueryMembers() else asked(message)

    with gateway(answer):
        text = _line(hab("election", "why", GROUP).stdout)
    assert "c1000000: alive, votes" in text
    assert "not heard" not in text


def test_why_without_a_leader_says_since_when_and_what_is_waited_for(
    hab: Hab, gateway: Start
) -> None:
    lost = event(11, "LeaseLost", BETA, term=4, reason="its service ended")
    with gateway(ring(VACANT, log=(*LOG, lost))):
        said = hab("election", "why", GROUP, "--last", "0")
    text = _line(said.stdout)
    assert "Nobody leads redis.acme (topology) since" in text
    assert "It stopped because its service ended by itself [b7000000:1:11]." in text
    waited = "1 of 3 votes, quorum needs 2; waiting for beta (heard 4 s ago)"
    assert f"What is waited for: {waited}." in text
    assert "a change of it is not on enough disks yet" in text
    assert "What happened last" not in text


def test_why_names_the_way_out_of_a_voter_that_elects_nobody_less_fit(
    hab: Hab, gateway: Start
) -> None:
    seats = (LED.seats[0], SeatView(BETA, "v-beta", 0.25, refusal="suitability"))
    with gateway(ring(replace(VACANT, seats=seats))):
        said = hab("election", "why", GROUP, "--last", "0")
    text = _line(said.stdout)
    assert "hab svc start redis on beta (b7000000), which votes for nobody less fit" in text
    assert "hab svc unload redis on beta (b7000000), or `hab sup depart b7000000`: the" in text
    with gateway(ring(replace(LED, seats=seats))):
        assert "less fit" not in hab("election", "why", GROUP, "--last", "0").stdout


def test_why_of_a_leader_that_died_says_that_it_left_no_word(hab: Hab, gateway: Start) -> None:
    silent = tuple(e for e in LOG if e.kind not in ("LeaseLost", "LeaderReleased"))
    with gateway(ring(LED, log=silent)):
        said = hab("election", "why", GROUP)
    assert "It left no word of an end: the ring holds it for dead." in _line(said.stdout)


def test_why_of_a_leader_whose_log_is_out_of_reach_goes_by_what_the_others_say(
    hab: Hab, gateway: Start
) -> None:
    followed = event(9, "LeaderFollowed", ALPHA, term=4, leader=BETA)
    with gateway(ring(LED, log=(LOG[6], followed))):
        said = hab("election", "why", GROUP)
    text = _line(said.stdout)
    assert "leads redis.acme (topology) in term 4, since" in text
    assert "[a1b2c3d4:1:9]" in text
    assert "there voted for it: alpha (a1b2c3d4, this supervisor)." in text


def test_why_of_a_group_that_is_not_founded_says_how_it_can_be(hab: Hab, gateway: Start) -> None:
    fresh = ElectionView(GROUP, "topology", "none", "waiting", 0, reason="1 of 3 members seen")
    with gateway(ring(fresh)):
        said = hab("election", "why", GROUP)
    assert "it has no electorate yet" in _line(said.stdout)
    assert "What is waited for: 1 of 3 members seen." in said.stdout
    assert "hab election bootstrap redis.acme --force" in said.stdout


def test_why_as_json_has_the_story_the_steps_and_the_events(hab: Hab, gateway: Start) -> None:
    with gateway(ring(LED, log=LOG)):
        answer = json.loads(hab("election", "why", GROUP, "--json", "-n", "2").stdout)
    assert answer["schema"] == "election.why/1"
    [one] = answer["elections"]
    assert one["leader"] == BETA
    assert len(one["story"]) == 4
    assert {"command": "hab svc step-down redis.acme", "what": "let another member lead"} in one[
        "next"
    ]
    assert [e["kind"] for e in one["events"]] == ["LeaderElected", "LeaseRenewed"]


def test_events_of_a_rival_electorate_are_no_part_of_the_story(hab: Hab, gateway: Start) -> None:
    rival = event(
        12, "LeaderElected", GAMMA, term=4, leader=GAMMA, votes=1, needed=1, electorate="other"
    )
    with gateway(ring(LED, log=(*LOG, rival))):
        said = hab("election", "why", GROUP)
    assert "beta (b7000000) leads redis.acme (topology) in term 4" in _line(said.stdout)
    assert "[c1000000:1:12]" not in said.stdout


def test_a_follower_whose_leader_is_silent_says_that_nobody_leads(hab: Hab, gateway: Start) -> None:
    silent = replace(LED, lease_s=0.0, reason="hears no leader; asks for votes in 0.5 s")
    log = tuple(e for e in LOG if e.kind not in ("LeaseLost", "LeaderReleased"))
    with gateway(ring(silent, log=log)):
        listed = hab("election", "list")
        told = hab("election", "why", GROUP)
        stepped = hab("svc", "step-down", GROUP)
        facts = json.loads(hab("election", "list", "--json").stdout)["elections"][0]
    assert listed.stdout.splitlines()[1].split()[3] == "<none>"
    assert "Nobody leads redis.acme (topology)." in told.stdout
    assert "Before, beta (b7000000) led in term 4" in told.stdout
    assert "hab svc step-down" not in told.stdout
    assert "Nobody leads redis.acme now" in stepped.stderr
    assert (facts["leader"], facts["last_leader"]) == (None, BETA)


# ── step-down ──


def test_step_down_asks_the_leader_and_waits_for_the_next(hab: Hab, gateway: Start) -> None:
    after = replace(LED, leader=ALPHA, term=5)
    with gateway(ring(LED, LED, VACANT, after)) as playing:
        said = hab("svc", "step-down", "redis")
    assert said.exit_code == 0, said.output
    assert "alpha (a1b2c3d4, this supervisor) leads redis.acme in term 5, after" in said.stdout
    assert "(event an:event:1)" in said.stdout
    assert "beta (b7000000) looks for a member that is ready to lead" in said.stderr
    assert VACANT.reason in said.stderr
    at = playing.asked.index(StepDown(GROUP))
    assert playing.members[at] == BETA[:8]


def test_step_down_to_a_member_names_it_by_its_id(hab: Hab, gateway: Start) -> None:
    after = replace(LED, leader=ALPHA, term=5)
    with gateway(ring(LED, after)) as playing:
        said = hab("svc", "step-down", GROUP, "--to", "alpha", "--json")
    answer = json.loads(said.stdout)
    assert StepDown(GROUP, to=ALPHA) in playing.asked
    assert (answer["schema"], answer["outcome"]) == ("svc.step-down/1", "handed-over")
    assert (answer["from"], answer["to"], answer["term"]) == (BETA, ALPHA, 5)


def test_step_down_to_who_leads_already_changes_nothing(hab: Hab, gateway: Start) -> None:
    with gateway(ring(LED)) as playing:
        said = hab("svc", "step-down", GROUP, "--to", "b700")
    assert said.exit_code == 0
    assert "leads redis.acme already (unchanged)" in said.stdout
    assert not any(isinstance(message, StepDown) for message in playing.asked)


def test_a_step_down_without_a_successor_is_refused_with_code_8(hab: Hab, gateway: Start) -> None:
    refused = CallFailed("Refused", "nobody would be elected", "no-successor", exit_code=8)
    answers = ring(LED)
    with gateway(lambda m: [refused] if isinstance(m, StepDown) else answers(m)):
        said = hab("svc", "step-down", GROUP)
    assert said.exit_code == 8
    assert "nobody would be elected" in said.stderr
    assert "hab election why GROUP" in said.stderr


def test_a_leader_that_leads_again_is_code_8_with_its_term(hab: Hab, gateway: Start) -> None:
    with gateway(ring(LED, VACANT, replace(LED, term=6))):
        said = hab("svc", "step-down", GROUP)
    assert said.exit_code == 8
    assert "beta (b7000000) leads redis.acme again, in term 6" in said.stderr


def test_a_step_down_that_takes_too_long_is_code_7_with_its_reason(
    hab: Hab, gateway: Start
) -> None:
    with gateway(ring(LED, VACANT)):
        said = hab("svc", "step-down", GROUP, "--timeout", "0.1")
    assert said.exit_code == 7
    assert VACANT.reason in said.stderr


def test_a_step_down_needs_a_leader_and_a_group_that_has_one(hab: Hab, gateway: Start) -> None:
    with gateway(ring(VACANT)):
        vacant = hab("svc", "step-down", GROUP)
    with gateway(ring(replace(LED, kind="update"))):
        update = hab("svc", "step-down", GROUP)
    with gateway(ring(service=None)):
        unknown = hab("svc", "step-down", "redis")
    with gateway(ring(LED)):
        nobody = hab("svc", "step-down", GROUP, "--to", "delta")
    assert [one.exit_code for one in (vacant, update, unknown, nobody)] == [1, 1, 1, 1]
    assert f"Nobody leads redis.acme now: {VACANT.reason}" in vacant.stderr
    assert "no leader that could step down" in update.stderr
    assert "Service not loaded, redis" in unknown.stderr
    assert "--to delta" in nobody.stderr


def test_no_wait_ends_a_step_down_when_it_was_told(hab: Hab, gateway: Start) -> None:
    with gateway(ring(LED)):
        said = hab("svc", "step-down", GROUP, "--no-wait")
    assert said.exit_code == 0
    assert said.stdout == "It is done (event an:event:1)\n"


# ── bootstrap ──


def test_bootstrap_waits_until_the_electorate_is_founded(hab: Hab, gateway: Start) -> None:
    fresh = ElectionView(GROUP, "topology", "none", "waiting", 0, reason="1 of 3 have accepted")
    with gateway(ring(fresh, LED)) as playing:
        said = hab("election", "bootstrap", GROUP, "--force")
    assert said.exit_code == 0, said.output
    assert playing.asked[0] == BootstrapElectorate(GROUP, force=True)
    assert "1 of 3 have accepted" in said.stderr
    assert "Electorate 9f3e12ab.1 of redis.acme votes: alpha" in said.stdout


def test_bootstrap_that_takes_too_long_is_code_7_with_its_reason(hab: Hab, gateway: Start) -> None:
    fresh = ElectionView(GROUP, "topology", "none", "waiting", 0, reason="1 of 3 have accepted")
    with gateway(ring(fresh)):
        said = hab("election", "bootstrap", GROUP, "--timeout", "0.1")
    assert said.exit_code == 7
    assert "1 of 3 have accepted" in said.stderr


def test_bootstrap_as_json_has_who_votes(hab: Hab, gateway: Start) -> None:
    with gateway(ring(LED)):
        answer = json.loads(hab("election", "bootstrap", GROUP, "--json").stdout)
    assert answer["schema"] == "election.bootstrap/1"
    assert answer["event_id"] == "an:event:1"
    assert [seat["member"] for seat in answer["election"]["seats"]] == [ALPHA, BETA, GAMMA]
