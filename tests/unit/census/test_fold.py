from actors.census import fold
from actors.messages.ring import Member, MemberView, Rumor, ServiceInfo

A, B = "a" * 32, "b" * 32


def rumor(owner: str, *, member: str = "", gone: bool = False) -> Rumor:
    info = ServiceInfo(member or owner, "redis.default", "core/redis/7", up=True)
    return Rumor("service", owner, owner, 1, 1, None if gone else info, gone)


def view(member: str, health: str = "alive", *, left: bool = False) -> MemberView:
    return MemberView(Member(member, 1, "h:1", left=left), health)


def test_members_of_a_group_come_by_id_with_their_health() -> None:
    known = fold.update({}, [rumor(B), rumor(A)])
    (group,) = fold.groups(known, fold.healths([view(B, "suspect"), view(A)])).values()
    assert [(one.info.member, one.health) for one in group] == [(A, "alive"), (B, "suspect")]


def test_the_stopped_dead_and_departed_are_not_listed() -> None:
    known = fold.update({}, [rumor(A)])
    for gone in (view(A, "confirmed"), view(A, "confirmed", left=True), view(A, "departed")):
        assert fold.groups(known, fold.healths([gone])) == {}


def test_a_withdrawn_service_is_not_listed_until_it_is_published_again() -> None:
    known = fold.update(fold.update({}, [rumor(A)]), [rumor(A, gone=True)])
    assert fold.groups(known, fold.healths([view(A)])) == {}
    known = fold.update(known, [rumor(A)])
    assert list(fold.groups(known, fold.healths([view(A)]))) == ["redis.default"]


def test_a_member_cannot_list_services_of_another() -> None:
    known = fold.update({}, [rumor(A, member=B)])
    assert fold.groups(known, fold.healths([view(A), view(B)])) == {}
