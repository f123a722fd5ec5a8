"""Any order of putting, turning, killing and disk answers: no lost wake-up, one turn at once."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from actors.runtime.mailbox import Mailbox, MailboxEmpty


class MailboxMachine(RuleBasedStateMachine):
    """A dispatcher by hand: `queued` turns, at most one `running`."""

    def __init__(self) -> None:
        super().__init__()
        self.queued = 0
        self.running = False
        self.put_count = 0
        self.taken: list[Any] = []
        self.asked_disk = 0
        self.holding = False
        self.mailbox = Mailbox(self.ready)
        self.closed = False

    def ready(self) -> None:
        self.queued += 1

    @rule()
    def put(self) -> None:
        accepted = self.mailbox.put(self.put_count)
        assert accepted != self.closed
        self.put_count += accepted

    @rule()
    def kill(self) -> None:
        self.mailbox.kill("killed")

    @rule()
    @precondition(lambda self: self.queued and not self.running)
    def begin_turn(self) -> None:
        self.queued -= 1
        self.running = True
        if self.mailbox.killed:
            self.closed = True
            left = self.mailbox.close()
            mail = [taken for taken in self.taken if taken != "disk"]
            assert mail + left == list(range(self.put_count))
            self.running = False
            return
        self.mailbox.allow()
        try:
            message = self.mailbox.get().message
        except MailboxEmpty:
            return
        assert not self.holding or message == "disk"
        if message == "disk":
            self.holding = False
        self.taken.append(message)

    @rule()
    @precondition(lambda self: self.running and not self.holding)
    def hold(self) -> None:
        self.mailbox.hold()
        self.holding = True
        self.asked_disk += 1

    @rule()
    @precondition(lambda self: self.asked_disk)
    def answer(self) -> None:
        self.asked_disk -= 1
        self.mailbox.resume("disk")

    @rule()
    @precondition(lambda self: self.running)
    def end_turn(self) -> None:
        self.running = False
        self.mailbox.finish()

    @invariant()
    def there_is_at_most_one_turn(self) -> None:
        assert self.queued + self.running <= 1

    @invariant()
    def mail_comes_in_order_and_once(self) -> None:
        mail = [taken for taken in self.taken if taken != "disk"]
        assert mail == list(range(len(mail)))

    @invariant()
    def what_waits_has_a_turn_coming(self) -> None:
        if self.closed or self.queued or self.running:
            return
        assert not self.mailbox.killed
        disk_answered = self.holding and not self.asked_disk
        assert not disk_answered
        assert self.holding or len(self.mailbox) == 0


TestMailbox = MailboxMachine.TestCase
TestMailbox.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
