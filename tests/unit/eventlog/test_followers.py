from actors.eventlog.followers import BEAT_S, MOST, Followers, Question
from actors.eventlog.merge import HOLD_S, POLL_S
from actors.messages.envelope import Ticket
from actors.messages.events import EventPage, EventRecord, QueryEvents

ME, B, C = "a" * 32, "b" * 32, "c" * 32
CLI = Ticket("port/control", "7")
FOLLOW = QueryEvents(follow=True)


def event(member: str, hlc: int) -> EventRecord:
    return EventRecord(f"{member}:1:{hlc}", hlc, hlc, "a", "K", "")


def answer(followers: Followers, question: Question, page: EventPage | None, now: float) -> None:
    followers.take(question.follower, question.member, question.ask, page, now)


def test_a_follower_hears_what_its_member_logs_and_is_asked_on_from_there() -> None:
    followers = Followers(ME)
    followers.add(CLI, QueryEvents(follow=True, last=5, actor="a*"), {}, 0.0)
    (first,) = followers.ask(0.0)
    assert (first.member, first.query) == (ME, QueryEvents(last=5, actor="a*"))
    answer(followers, first, EventPage((event(ME, 3),), upto=9), 0.0)
    assert followers.tell(0.0) == {CLI: [EventPage((event(ME, 3),))]}
    assert followers.ask(0.0) == []
    (second,) = followers.ask(POLL_S)
    assert second.query == QueryEvents(actor="a*", after_hlc=9)


def test_long_news_comes_in_pages() -> None:
    followers = Followers(ME)
    followers.add(CLI, QueryEvents(follow=True, limit=2), {}, 0.0)
    (first,) = followers.ask(0.0)
    events = tuple(event(ME, n) for n in range(1, 6))
    answer(followers, first, EventPage(events, upto=9), 0.0)
    assert [len(page.events) for page in followers.tell(0.0)[CLI]] == [2, 2, 1]


def test_silence_is_broken_each_five_seconds() -> None:
    followers = Followers(ME)
    followers.add(CLI, FOLLOW, {}, 0.0)
    (first,) = followers.ask(0.0)
    answer(followers, first, EventPage(upto=9), 0.0)
    assert followers.tell(1.0) == {}
    (second,) = followers.ask(4.5)
    answer(followers, second, EventPage(upto=10), 4.5)
    assert followers.tell(BEAT_S) == {CLI: [EventPage()]}
    assert followers.tell(BEAT_S + 1) == {}


def test_a_member_that_falls_silent_is_named_and_so_is_its_return() -> None:
    followers = Followers(ME)
    followers.add(CLI, QueryEvents(follow=True, ring=True), {B: ""}, 0.0)
    mine, theirs = followers.ask(0.0)
    answer(followers, mine, EventPage((event(ME, 3),), upto=9), 0.0)
    assert followers.tell(0.0) == {}
    (mine,) = followers.ask(1.9)
    answer(followers, mine, EventPage(upto=10), 1.9)
    assert followers.tell(HOLD_S) == {CLI: [EventPage((event(ME, 3),), missing=(B,))]}
    (_, again) = followers.ask(2.5)
    answer(followers, theirs, EventPage((event(B, 1),), upto=2), 2.5)  # too late: asked again
    answer(followers, again, EventPage((event(B, 4),), upto=20), 2.5)
    assert followers.tell(2.5) == {CLI: [EventPage((event(B, 4),))]}


def test_whoever_is_not_waited_for_any_more_is_asked_less_often() -> None:
    followers = Followers(ME)
    followers.add(CLI, QueryEvents(follow=True, member=B), {B: ""}, 0.0)
    (first,) = followers.ask(0.0)
    answer(followers, first, None, 0.1)
    (second,) = followers.ask(0.1 + POLL_S)
    answer(followers, second, None, HOLD_S)
    assert followers.ask(HOLD_S + POLL_S) == []
    assert len(followers.ask(2 * HOLD_S)) == 1


def test_one_follower_is_told_alone() -> None:
    followers = Followers(ME)
    other = Ticket("port/control", "8")
    followers.add(CLI, FOLLOW, {}, 0.0)
    followers.add(other, FOLLOW, {}, 0.0)
    for question in followers.ask(0.0):
        answer(followers, question, EventPage((event(ME, 3),), upto=9), 0.0)
    assert set(followers.tell(0.0, 2)) == {other}
    assert set(followers.tell(0.0, 3)) == set()
    assert set(followers.tell(0.0)) == {CLI}


def test_the_end_of_a_request_ends_its_follower_and_no_other() -> None:
    followers = Followers(ME)
    other = Ticket(f"{B}/port/control", "7")
    for ticket in (CLI, other, Ticket("call/7", "7")):
        followers.add(ticket, FOLLOW, {B: ""}, 0.0)
    followers.end_of("control", "8")
    followers.end_of(f"{C}/control", "7")
    assert len(followers) == 3
    followers.end_of("control", "7")
    assert len(followers) == 2
    followers.end_of(f"{B}/control", "7")
    followers.end_of("call/7", "7")
    assert len(followers) == 0


def test_followers_on_members_that_are_gone_are_forgotten() -> None:
    followers = Followers(ME)
    followers.add(Ticket(f"{B}/port/control", "1"), FOLLOW, {B: "", C: ""}, 0.0)
    followers.add(CLI, QueryEvents(follow=True, ring=True), {B: "", C: ""}, 0.0)
    followers.members({ME: "", C: ""}, 1.0)
    assert len(followers) == 1
    assert [question.member for question in followers.ask(1.0)] == [ME, C]


def test_the_oldest_gives_way_and_the_same_ticket_takes_one_place() -> None:
    followers = Followers(ME)
    tickets = [Ticket("port/control", str(n)) for n in range(MOST + 1)]
    gone = [
        ticket
        for t in [*tickets[:MOST], tickets[0]]
        for ticket in followers.add(t, FOLLOW, {}, 0.0)
    ]
    assert gone == []
    assert followers.add(tickets[MOST], FOLLOW, {}, 0.0) == [tickets[1]]
    assert len(followers) == MOST


def test_answers_for_whoever_is_gone_are_dropped() -> None:
    followers = Followers(ME)
    followers.take(5, ME, 1, EventPage(), 0.0)
    assert followers.tell(0.0) == {}
