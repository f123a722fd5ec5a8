"""Uninstalling: what goes, what stays, and why."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from actors.depot.ident import PackageIdent, parse_ident
from actors.depot.removal import plan_removal

WEB = parse_ident("acme/web")


def full(name: str, version: str = "1") -> PackageIdent:
    return PackageIdent("acme", name, version, "20260101000000")


def test_the_newest_goes_and_with_it_what_nothing_else_needs() -> None:
    web, old, lib, libc, tool = full("web", "2"), full("web"), full("lib"), full("c"), full("tool")
    tdeps = {web: [lib, libc], old: [], lib: [libc], libc: [], tool: [libc]}
    plan = plan_removal(WEB, tdeps, ())
    assert plan.gone == (web, lib)
    assert plan_removal(WEB, tdeps, (), with_deps=False).gone == (web,)
    assert plan_removal(WEB, tdeps, (), excluded=[parse_ident("acme/lib")]).gone == (web,)


def test_what_is_loaded_or_needed_stays_and_says_why() -> None:
    web, lib, other = full("web"), full("lib"), full("other")
    tdeps = {web: [lib], lib: [], other: [lib]}
    plan = plan_removal(WEB, tdeps, [web])
    assert (plan.gone, [k.ident for k in plan.kept]) == ((), [web])
    assert "svc unload" in plan.kept[0].reason
    needed = plan_removal(parse_ident("acme/lib"), tdeps, ())
    assert needed.gone == ()
    assert needed.kept[0].reason == f"{other} and 1 more depends on it"
    assert plan_removal(parse_ident("acme/none"), tdeps, ()).kept == ()


def test_keep_latest_leaves_so_many_of_the_newest() -> None:
    versions = [full("web", version) for version in ("1", "2", "10", "9")]
    tdeps: dict[PackageIdent, list[PackageIdent]] = {ident: [] for ident in versions}
    plan = plan_removal(WEB, tdeps, [full("web", "1")], keep_latest=2)
    assert plan.gone == (full("web", "2"),)
    assert [k.ident for k in plan.kept] == [full("web", "1")]
    assert plan_removal(WEB, tdeps, (), keep_latest=9).gone == ()
    assert len(plan_removal(WEB, tdeps, (), keep_latest=0).gone) == 4


names = st.sampled_from("abcdef")


@given(st.dictionaries(names, st.sets(names), min_size=1), st.sets(names), names)
def test_whatever_goes_what_stays_has_all_it_needs(
    graph: dict[str, set[str]], loaded: set[str], wanted: str
) -> None:
    order = sorted(graph)  # who needs what comes later: no circles
    tdeps = {
        full(name): [full(dep) for dep in sorted(graph[name]) if dep > name and dep in graph]
        for name in order
    }
    plan = plan_removal(parse_ident(f"acme/{wanted}"), tdeps, [full(name) for name in loaded])
    left = [ident for ident in tdeps if ident not in plan.gone]
    for ident in left:
        assert not set(tdeps[ident]) & set(plan.gone)
    assert not {full(name) for name in loaded} & set(plan.gone)
