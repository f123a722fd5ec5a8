from actors.eventlog.gather import Gather, chosen, of_member
from actors.messages.events import EventPage, EventRecord, QueryEvents

A, B, C = "a" * 32, "b" * 32, "c" * 32


def page(member: str, *readings: int) -> EventPage:
    return EventPage(tuple(EventRecord(f"{member}:1:{n}", n, n, "a", "K", "") for n in readings))


def test_the_answer_is_complete_once_everyone_asked_answered_or_failed() -> None:
    gather = Gather(QueryEvents(), frozenset({A, B}))
    assert not gather.complete
    gather = gather.take(A, page(A, 1, 3))
    assert not gather.complete
    done = gather.take(B, page(B, 2))
    assert done.complete
    assert [event.hlc for event in done.answer().events] == [1, 2, 3]
    assert done.answer().missing == ()
    assert gather.take(B, None).complete
    assert gather.take(B, None).answer().missing == (B,)


def test_whoever_is_late_or_dead_is_named() -> None:
    gather = Gather(QueryEvents(), frozenset({A, B}), absent=frozenset({C}))
    assert gather.take(A, page(A)).answer().missing == (B, C)


def test_an_answer_that_comes_after_a_failure_counts() -> None:
    gather = Gather(QueryEvents(), frozenset({A})).take(A, None).take(A, page(A, 1))
    assert gather.answer().missing == ()


def test_a_query_is_about_oneself_the_ring_or_the_members_it_names() -> None:
    ring = {B: "beta", C: ""}
    assert chosen(ring, QueryEvents(), A) == {A}
    assert chosen(ring, QueryEvents(ring=True), A) == {A, B, C}
    assert chosen(ring, QueryEvents(member="b"), A) == {B}
    assert chosen(ring, QueryEvents(member="beta"), A) == {B}
    assert chosen(ring, QueryEvents(member="gamma"), A) == frozenset()


def test_a_member_is_asked_about_itself_with_every_other_condition() -> None:
    query = QueryEvents("a*", "K*", "b*", 1.0, 2.0, "id", 3, 4, 5, ring=True, follow=True)
    assert of_member(query) == QueryEvents("a*", "K*", "*", 1.0, 2.0, "id", 3, 4, 5)
