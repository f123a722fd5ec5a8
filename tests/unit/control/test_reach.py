from actors.control.reach import Reach, reachable
from actors.messages.control import ReachableMember
from actors.messages.ring import Member, MemberView

A, B = "aa" * 16, "bb" * 16


def here(member: str, epoch: int = 1, name: str = "") -> ReachableMember:
    return ReachableMember(member, name, epoch)


def test_only_members_that_may_answer_are_reachable() -> None:
    views = [
        MemberView(Member(B, 1, "", epoch=7, name="beta"), "suspect"),
        MemberView(Member(A, 1, "", left=True), "alive"),
        MemberView(Member("cc" * 16, 1, ""), "confirmed"),
        MemberView(Member("dd" * 16, 1, ""), "departed"),
    ]
    assert reachable(views) == (here(B, 7, "beta"),)


def test_the_first_word_of_the_members_loses_nobody() -> None:
    assert Reach().take([here(A)]) == []


def test_a_member_that_is_gone_or_came_back_as_another_process_is_lost_once() -> None:
    reach = Reach()
    reach.take([here(A), here(B, name="beta")])
    assert [lost.id for lost in reach.take([here(A, epoch=2)])] == [A, B]
    assert reach.take([here(A, epoch=2)]) == []


def test_a_request_is_matched_by_whatever_named_its_member() -> None:
    reach = Reach()
    reach.take([here(B, name="beta")])
    [lost] = reach.take([])
    assert "out of reach" in lost.text
    assert [lost.is_meant_by(word) for word in (B, "bbbb", "beta")] == [True] * 3
    assert not any(lost.is_meant_by(word) for word in ("", "bet", A))
