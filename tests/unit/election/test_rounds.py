"""Rounds of many groups in one frame, and what a frame says to each."""

from actors.effects import Send
from actors.election import rounds, timing
from actors.election.rounds import Gathering
from actors.messages.election import Renewal, RenewalAck, RenewalAcks, Renewals, Stamp
from actors.messages.election_orders import RenewalAcked, RenewalHeard, SendRenewal, SendRenewalAck

A, B = "a" * 32, "b" * 32


def renewal(group: str) -> Renewal:
    return Renewal(group, "topology", "e1", Stamp(1, 1), "va", 1, "1.1:1")


def ack(group: str) -> RenewalAck:
    return RenewalAck(group, "topology", "e1", "vb", 1, "1.1:1", acked=True)


def test_rounds_of_all_groups_travel_in_one_frame_to_each_member() -> None:
    gathering = Gathering()
    for group in ("one.default", "two.default"):
        gathering.add(SendRenewal(renewal(group), (A, B)))
    gathering.add(SendRenewalAck(A, ack("three.default")))
    assert gathering
    both = Renewals((renewal("one.default"), renewal("two.default")))
    assert gathering.take() == [
        Send(f"{A}/election/rounds", RenewalAcks((ack("three.default"),))),
        Send(f"{A}/election/rounds", both),
        Send(f"{B}/election/rounds", both),
    ]
    assert not gathering
    assert gathering.take() == []


def test_a_frame_holds_a_bounded_number() -> None:
    gathering = Gathering()
    for number in range(2 * rounds.MOST + 1):
        gathering.add(SendRenewal(renewal(f"g{number}.default"), (A,)))
    sizes = [len(e.message.renewals) for e in gathering.take() if isinstance(e, Send)]  # type: ignore[attr-defined]
    assert sizes == [rounds.MOST, rounds.MOST, 1]


def test_a_frame_is_spread_to_the_elections_it_speaks_of() -> None:
    frame = Renewals((renewal("one.default"), renewal("two.default")))
    assert rounds.spread(A, frame) == [
        Send("election/one.default/topology", RenewalHeard(A, renewal("one.default"))),
        Send("election/two.default/topology", RenewalHeard(A, renewal("two.default"))),
    ]
    answer = ack("one.default")
    assert rounds.spread(A, RenewalAcks((answer,))) == [
        Send("election/one.default/topology", RenewalAcked(A, answer))
    ]


def test_all_elections_send_their_rounds_at_the_same_instants_and_often_enough() -> None:
    for start in range(1000):
        now = start * 0.0137
        following = timing.next_round_s(now)
        assert 0.09 < following - now <= 1.26 * timing.ROUND_S
        assert abs(following / timing.ROUND_S - round(following / timing.ROUND_S)) < 1e-6
