from actors.adapters.host_links import HostLinks
from actors.messages.base import Message
from actors.messages.primitives import HostBegin, HostCall, HostHello, HostLost
from actors.messages.runtime import CallFailed


def test_a_call_queued_when_its_host_died_is_answered_and_not_sent_to_the_next() -> None:
    sent: list[HostCall | Message] = []

    def send(_routing: bytes, batch: list[HostCall | Message]) -> bool:
        sent.extend(batch)
        return True

    links = HostLinks(send)
    links.hello(HostHello("c", 1, 7), b"one")
    links.open("c")
    links.lost(HostLost("c", "ActorUnavailableError", "killed"))
    answers: list[Message] = []
    links.call("c", "add", b"", answers.append)
    links.call("c", "add", b"", None)
    links.hello(HostHello("c", 2, 8), b"two")
    begin = HostBegin("c", "app:Counter", b"")
    links.tell("c", begin)
    assert sent == [begin]
    [answer] = answers
    assert isinstance(answer, CallFailed)
    assert answer.kind == "ActorUnavailableError"
    assert links.take_dropped() == {"c": 1}
