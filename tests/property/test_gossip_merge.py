"""The merges of the ring: any order, grouping or repetition gives the same stores."""

from hypothesis import given
from hypothesis import strategies as st

from actors.gossip.digest import StoreDigest
from actors.gossip.membership import MemberTable, Standing, merge, standing
from actors.gossip.rumors import RumorStore, encode, read
from actors.messages.ring import Member, Rumor, ServiceInfo

ME = "f" * 32
IDS = ["0" * 32, "1" * 32, "2" * 32]

members = st.builds(
    Member,
    id=st.just(IDS[0]),
    incarnation=st.integers(0, 3),
    address=st.sampled_from(["a:1", "b:1"]),
    permanent=st.booleans(),
    epoch=st.integers(0, 2),
    name=st.sampled_from(["", "n"]),
    keys=st.sampled_from([(), ("k",)]),
    left=st.booleans(),
    stamp=st.integers(0, 2),
)
standings = st.builds(
    standing, members, st.sampled_from(["alive", "suspect", "confirmed", "departed"])
)


def of(known: Standing, member: str) -> Standing:
    from msgspec.structs import replace

    return Standing(replace(known.member, id=member), known.health)


@given(standings, standings, standings)
def test_merging_standings_is_commutative_associative_and_idempotent(
    a: Standing, b: Standing, c: Standing
) -> None:
    assert merge(a, b) == merge(b, a)
    assert merge(a, merge(b, c)) == merge(merge(a, b), c)
    assert merge(a, a) == a


@given(standings, standings)
def test_departed_is_final(a: Standing, b: Standing) -> None:
    departed = Standing(a.member, "departed")
    assert merge(departed, b).health == "departed"


@given(standings, standings)
def test_only_a_higher_epoch_or_incarnation_undoes_an_accusation(a: Standing, b: Standing) -> None:
    accused = Standing(a.member, "confirmed")
    merged = merge(accused, b)
    if merged.health in {"alive", "suspect"}:
        mine, theirs = a.member, b.member
        assert (theirs.epoch, theirs.incarnation) > (mine.epoch, mine.incarnation)


@given(
    st.lists(st.tuples(standings, st.sampled_from(IDS)), max_size=12), st.randoms(), st.integers()
)
def test_any_order_duplication_or_split_gives_the_same_table(
    claims: list[tuple[Standing, str]], random: object, repeats: int
) -> None:
    known = [of(one, member) for one, member in claims]
    tables = []
    for _ in range(2):
        digest = StoreDigest()
        table = MemberTable(ME, digest)
        for one in known:
            table.put(one, 0.0)
        tables.append(({m: e.now for m, e in table.entries.items()}, digest.total, digest.vector()))
        random.shuffle(known)  # type: ignore[attr-defined]
        known += known[: repeats % 5]
    assert tables[0] == tables[1]


@given(st.lists(st.tuples(standings, st.sampled_from(IDS)), max_size=12))
def test_rosters_hold_whom_they_say(claims: list[tuple[Standing, str]]) -> None:
    table = MemberTable(ME, StoreDigest())
    for one, member in claims:
        table.put(of(one, member), 0.0)
    entries = table.entries.values()
    assert set(table.living) == {e.member.id for e in entries if e.health in {"alive", "suspect"}}
    dead = [e.member for e in entries if e.health == "confirmed" and not e.member.left]
    assert set(table.dead_permanent) == {m.id for m in dead if m.permanent}
    assert set(table.dead) == {m.id for m in dead if not m.permanent}


rumors = st.builds(
    Rumor,
    kind=st.sampled_from(["service", "config", "staged"]),
    key=st.sampled_from(["a", "b"]),
    owner=st.sampled_from(IDS),
    incarnation=st.integers(0, 2),
    hlc=st.integers(0, 2),
    body=st.none() | st.builds(ServiceInfo, st.sampled_from(IDS), st.just("g.d"), st.just("o/p")),
    gone=st.booleans(),
)


@given(st.lists(rumors, max_size=12), st.randoms(), st.integers())
def test_any_order_or_duplication_of_rumors_gives_the_same_store(
    heard: list[Rumor], random: object, repeats: int
) -> None:
    stores = []
    for _ in range(2):
        digest = StoreDigest()
        store = RumorStore(digest)
        for rumor in heard:
            held = read(encode(rumor))
            assert held is not None
            assert held.rumor() == rumor
            store.put(held)
        stores.append(({key: held.data for key, held in store.held.items()}, digest.vector()))
        random.shuffle(heard)  # type: ignore[attr-defined]
        heard = heard + heard[: repeats % 5]
    assert stores[0] == stores[1]


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 3)), max_size=40))
def test_the_incremental_digest_is_the_digest_of_the_entries(
    changes: list[tuple[int, int]],
) -> None:
    digest, entries = StoreDigest(), {}
    for key, version in changes:
        if version:
            digest.put(key, version)
            entries[key] = version
        else:
            digest.drop(key)
            entries.pop(key, None)
    fresh = StoreDigest()
    for key, version in sorted(entries.items()):
        fresh.put(key, version)
    assert digest.vector() == fresh.vector()
    assert digest.total == fresh.total
    assert digest.differing(fresh.vector()) == []


@given(st.binary(max_size=300))
def test_no_bytes_break_the_reading_of_a_rumor(data: bytes) -> None:
    held = read(data)
    assert held is None or held.rumor() is None or isinstance(held.rumor(), Rumor)
