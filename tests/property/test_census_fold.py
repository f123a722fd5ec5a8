"""The census fold: equal facts give equal documents, in whatever order they came."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from actors.census import fold
from actors.gossip.digest import StoreDigest
from actors.gossip.rumors import RumorStore, encode, read
from actors.messages.groups import GroupConfig
from actors.messages.ring import Member, MemberView, Rumor, ServiceInfo

IDS = ["0" * 32, "1" * 32, "2" * 32]

services = st.builds(
    lambda owner, group, up, gone: Rumor(
        kind="service",
        key=f"{group}/{owner}",
        owner=owner,
        incarnation=1,
        hlc=1,
        body=None if gone else ServiceInfo(owner, group, "o/p/1", up=up),
        gone=gone,
    ),
    st.sampled_from(IDS),
    st.sampled_from(["redis.default", "web.prod@acme"]),
    st.booleans(),
    st.booleans(),
)
views = st.lists(
    st.builds(
        lambda member, health: MemberView(Member(member, 1, "a:1"), health),
        st.sampled_from(IDS),
        st.sampled_from(["alive", "suspect", "confirmed", "departed"]),
    ),
    unique_by=lambda view: view.member.id,
)


@given(st.lists(services, unique_by=lambda rumor: rumor.key), views, st.randoms())
def test_equal_facts_give_byte_equal_documents(
    heard: list[Rumor], members: list[MemberView], random: object
) -> None:
    documents = set()
    for _ in range(2):
        known = fold.update({}, heard)
        document = fold.groups(known, fold.healths(members))
        documents.add(msgspec.json.encode(document))
        random.shuffle(heard)  # type: ignore[attr-defined]
        random.shuffle(members)  # type: ignore[attr-defined]
    assert len(documents) == 1


applied = st.builds(
    lambda staged, owner, version, hlc: Rumor(
        kind="staged" if staged else "config",
        key="web.default",
        owner=owner,
        incarnation=version,
        hlc=hlc,
        body=GroupConfig("web.default", version, b"a = %d" % hlc, rolling=staged),
    ),
    st.booleans(),
    st.sampled_from(IDS),
    st.integers(1, 4),
    st.integers(1, 3),
)


@given(st.lists(applied, max_size=8), st.randoms())
def test_all_members_agree_on_what_is_in_force_and_what_is_staged_above_it(
    heard: list[Rumor], random: object
) -> None:
    found = []
    for _ in range(2):
        store = RumorStore(StoreDigest())
        for rumor in heard:
            held = read(encode(rumor))
            assert held is not None
            store.put(held)
        told = [held.rumor() for held in store.of_kinds(frozenset(fold.GROUP_KINDS))]
        found.append(fold.group_facts(fold.update({}, [one for one in told if one is not None])))
        random.shuffle(heard)  # type: ignore[attr-defined]
    assert found[0] == found[1]
    versions = {
        kind: max((r.incarnation for r in heard if r.kind == kind), default=0)
        for kind in ("config", "staged")
    }
    in_force, staged = found[0].configs.get("web.default"), found[0].staged.get("web.default")
    assert (in_force.version if in_force is not None else 0) == versions["config"]
    assert (staged is not None) == (versions["staged"] > versions["config"])
    assert staged is None or staged.version == versions["staged"]


@given(st.lists(services, unique_by=lambda rumor: rumor.key), views)
def test_only_those_that_live_and_serve_are_listed(
    heard: list[Rumor], members: list[MemberView]
) -> None:
    listed = fold.groups(fold.update({}, heard), fold.healths(members))
    living = {view.member.id for view in members if view.health in {"alive", "suspect"}}
    serving = {(r.owner, r.key.partition("/")[0]) for r in heard if not r.gone}
    found = {(one.info.member, group) for group, group_ in listed.items() for one in group_}
    assert found == {(owner, group) for owner, group in serving if owner in living}
    assert all(listed.values())
