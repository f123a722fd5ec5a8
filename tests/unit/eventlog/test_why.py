from hypothesis import given
from hypothesis import strategies as st

from actors.eventlog.why import DEPTH, is_about, members_of, missing_causes, why
from actors.messages.events import EventRecord

A, B = "a" * 32, "b" * 32


def event(
    number: int, actor: str, text: str, cause: str = "", member: str = A, **fields: object
) -> EventRecord:
    return EventRecord(
        f"{member}:1:{number}", number, number, actor, "K", text, cause, fields=fields
    )


COMMAND = event(1, "control", "the operator asked for UnloadService")
UNLOADED = event(2, "specs", "redis was unloaded", COMMAND.id, service="redis")
DOWN = event(3, "service/redis", "redis is down: unloaded", UNLOADED.id, service="redis")
ENDED = event(4, "port/launcher", "service:redis ended", UNLOADED.id, key="service:redis")
OTHER = event(5, "service/caddy", "caddy is up", "", service="caddy")
LOG = [COMMAND, UNLOADED, DOWN, ENDED, OTHER]


def test_a_story_gives_each_event_its_causes_down_to_the_command() -> None:
    assert why(LOG, "redis", last=2).text() == (
        "redis is down: unloaded [aaaaaaaa:1:3]\n"
        "  because redis was unloaded [aaaaaaaa:1:2]\n"
        "    because the operator asked for UnloadService [aaaaaaaa:1:1]\n"
        "service:redis ended [aaaaaaaa:1:4]\n"
        "  because redis was unloaded [aaaaaaaa:1:2]\n"
    )


def test_a_service_is_meant_by_name_ident_group_actor_or_process() -> None:
    for subject in ("redis", "core/redis", "redis.default", "service/redis", "service:redis"):
        assert [r.id for r in LOG if is_about(r, subject)] == [UNLOADED.id, DOWN.id, ENDED.id]
    assert [r.id for r in LOG if is_about(r, "control")] == [COMMAND.id]
    assert [r.id for r in LOG if is_about(r, "aaaaaaaa:1:5")] == [OTHER.id]


def test_a_member_is_meant_by_the_beginning_of_its_id() -> None:
    suspected = event(6, "gossip", "member is suspect", member=A, health="suspect")
    seen = EventRecord(f"{A}:1:7", 7, 7, "gossip", "K", "b is dead", fields={"member": B})
    assert not is_about(suspected, "bbbb")
    assert is_about(seen, "bbbbbb")
    assert not is_about(seen, "bbb")


def test_a_cause_the_log_does_not_hold_is_said_and_can_be_fetched() -> None:
    record = event(9, "service/x", "x is up", f"{B}:4:2")
    assert "its cause bbbbbbbb:4:2 is not in the log" in why([record], "x").text()
    assert missing_causes([record]) == (f"{B}:4:2",)
    assert members_of(missing_causes([record])) == {B}


def test_of_what_is_unknown_the_story_says_so() -> None:
    assert why(LOG, "nobody").text() == "nothing is in the log about nobody\n"


@given(st.lists(st.tuples(st.integers(1, 20), st.integers(1, 20)), max_size=40))
def test_causes_in_a_circle_end(pairs: list[tuple[int, int]]) -> None:
    log = [event(n, "a", f"event {n}", f"{A}:1:{cause}") for n, cause in pairs]
    assert all(line.depth < DEPTH for line in why(log, "a", last=20).lines)


def test_a_chain_is_explained_to_a_bounded_depth() -> None:
    log = [event(n, "a" if n == 200 else "b", "x", f"{A}:1:{n - 1}") for n in range(1, 201)]
    assert len(why(log, "a").lines) == DEPTH
