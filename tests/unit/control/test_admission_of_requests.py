from random import Random

import pytest

from actors.control.admission import Admitted, Ring, admit, follows
from actors.control.members import Unresolved, resolve
from actors.control.routes import ROUTES
from actors.messages.base import Message
from actors.messages.control import QuerySupervisor, Request, RequestEnded, StopSupervisor
from actors.messages.election_orders import BootstrapElectorate, QueryElections, StepDown
from actors.messages.events import QueryEvents
from actors.messages.primitives import CallMethod, CreateActor, KillHost
from actors.messages.runtime import CallFailed, KillActor, ListActors
from actors.messages.service import LoadService, QueryServices, ServiceSpec

ME = "aa" * 16
PEER = "ab" * 16
OTHER = "cd" * 16
RING = Ring(ME, frozenset({ME, PEER, OTHER}), keyed=True)


def decide(message: Message, member: str = "", ring: Ring = RING) -> Admitted | CallFailed:
    return admit(Request("r1", "session-1", message, member), ring, Random(1))


def refused(message: Message, member: str = "", ring: Ring = RING) -> str:
    verdict = decide(message, member, ring)
    assert isinstance(verdict, CallFailed)
    return verdict.code


def sent_to(message: Message, member: str = "", ring: Ring = RING) -> str:
    verdict = decide(message, member, ring)
    assert isinstance(verdict, Admitted), verdict
    return verdict.to


def test_a_command_goes_to_the_actor_that_owns_its_facts() -> None:
    assert sent_to(LoadService(ServiceSpec("core/redis"))) == "specs"
    assert sent_to(QuerySupervisor()) == "node"
    assert sent_to(QueryEvents()) == "events"


def test_elections_are_asked_and_ordered_of_any_member_of_a_ring_with_a_key() -> None:
    for message in (QueryElections(), StepDown("db.acme"), BootstrapElectorate("db.acme")):
        assert sent_to(message) == "election"
        assert sent_to(message, "cd") == f"{OTHER}/election"
        assert refused(message, "cd", Ring(ME, RING.members)) == "no-ring-key"
    assert ROUTES[StepDown].writes
    assert not ROUTES[QueryElections].writes


def test_what_no_route_names_is_refused() -> None:
    assert refused(RequestEnded("x")) == "unknown"


def test_a_beginning_of_a_member_id_reaches_that_member() -> None:
    assert sent_to(ListActors(), "cd") == f"{OTHER}/node"
    assert sent_to(ListActors(), OTHER) == f"{OTHER}/node"


def test_our_own_id_means_ourselves() -> None:
    assert sent_to(ListActors(), ME) == "node"
    assert sent_to(StopSupervisor("restart"), "aa") == "node"


def test_an_ambiguous_or_unknown_member_is_refused_with_what_would_help() -> None:
    ambiguous = resolve("a", ME, [PEER])
    assert isinstance(ambiguous, Unresolved)
    assert ME[:12] in ambiguous.text
    assert PEER[:12] in ambiguous.text
    assert refused(ListActors(), "a") == "ambiguous-member"
    assert refused(ListActors(), "ee") == "no-member"
    assert refused(ListActors(), "ee" * 16) == "no-member"
    assert isinstance(resolve("", ME, [PEER]), Unresolved)


def test_before_the_ring_has_said_who_is_there_a_member_may_still_come() -> None:
    assert refused(ListActors(), "beta", Ring(ME, keyed=True)) == "not-settled"
    assert sent_to(ListActors(), "aa", Ring(ME, keyed=True)) == "node"


def test_a_member_is_named_too_and_a_name_like_another_s_id_is_ambiguous() -> None:
    named = Ring(ME, frozenset({ME, PEER, OTHER}), keyed=True, names={PEER: "beta", OTHER: "aaaa"})
    assert sent_to(ListActors(), "beta", named) == f"{PEER}/node"
    assert refused(ListActors(), "bet", named) == "no-member"
    assert refused(ListActors(), "aaaa", named) == "ambiguous-member"
    assert sent_to(ListActors(), ME, Ring(ME, named.members, True, {OTHER: ME})) == "node"


def test_only_what_the_ring_relays_is_sent_to_others() -> None:
    assert refused(QueryServices(), "cd") == "not-relayed"
    assert refused(StopSupervisor("terminate"), "cd") == "not-relayed"


def test_without_a_ring_key_members_ask_one_another_only_for_events() -> None:
    open_ring = Ring(ME, frozenset({PEER}), keyed=False)
    assert refused(KillActor("gossip"), PEER, open_ring) == "no-ring-key"
    assert refused(CallMethod("host/x", "m", b""), PEER, open_ring) == "no-ring-key"
    assert sent_to(QueryEvents(), PEER, open_ring) == f"{PEER}/events"
    assert sent_to(KillActor("gossip"), ME, open_ring) == "node"


def test_a_driver_s_actor_is_owned_by_its_session_and_gets_a_name() -> None:
    verdict = decide(CreateActor("app.tasks:Counter", b""))
    assert isinstance(verdict, Admitted)
    message = verdict.message
    assert isinstance(message, CreateActor)
    assert message.owner == f"{ME}/session-1"
    assert message.name.startswith("counter-")


def test_a_detached_actor_has_no_owner_and_keeps_its_name() -> None:
    verdict = decide(CreateActor("app:Counter", b"", name="c", detached=True, owner="forged"))
    assert isinstance(verdict, Admitted)
    assert verdict.message == CreateActor("app:Counter", b"", name="c", detached=True)


def test_killing_a_user_actor_is_for_who_keeps_it_on_record() -> None:
    for_good = decide(KillActor("host/c", no_restart=True), "cd")
    assert isinstance(for_good, Admitted)
    assert (for_good.to, for_good.message) == (f"{OTHER}/host", KillHost("host/c"))
    once = decide(KillActor("host/c", no_restart=False))
    assert isinstance(once, Admitted)
    assert (once.to, once.message) == ("host", KillHost("host/c", for_good=False))
    assert sent_to(KillActor("gossip", no_restart=True)) == "node"


def test_only_a_following_query_goes_on_answering() -> None:
    assert follows(QueryEvents(follow=True))
    assert not follows(QueryEvents())
    assert not follows(ListActors())


@pytest.mark.parametrize("message", ROUTES)
def test_every_question_of_the_table_names_a_plain_actor(message: type[Message]) -> None:
    assert ROUTES[message].path.isidentifier()
