"""The mailbox alone: who asks for turns, and what a turn may take."""

from __future__ import annotations

import pytest

from actors.runtime.mailbox import Mailbox, MailboxEmpty


class Counter:
    def __init__(self) -> None:
        self.turns = 0

    def __call__(self) -> None:
        self.turns += 1


@pytest.fixture
def ready() -> Counter:
    return Counter()


def take(mailbox: Mailbox) -> object:
    mailbox.allow()
    return mailbox.get().message


def test_mail_asks_for_one_turn_and_a_turn_takes_one_message(ready: Counter) -> None:
    mailbox = Mailbox(ready)
    mailbox.put(1)
    mailbox.put(2)
    assert ready.turns == 1
    assert take(mailbox) == 1
    with pytest.raises(MailboxEmpty):
        mailbox.get()
    mailbox.finish()
    assert ready.turns == 2
    assert take(mailbox) == 2
    mailbox.finish()
    assert ready.turns == 2


def test_mail_put_during_a_turn_leads_to_another_one_and_never_to_two(ready: Counter) -> None:
    mailbox = Mailbox(ready)
    mailbox.put(1)
    take(mailbox)
    mailbox.put(2)
    mailbox.put(3)
    assert ready.turns == 1
    mailbox.finish()
    assert ready.turns == 2


def test_a_kill_asks_for_a_turn_though_there_is_no_mail(ready: Counter) -> None:
    mailbox = Mailbox(ready)
    mailbox.kill("killed")
    assert (ready.turns, mailbox.killed) == (1, "killed")


def test_a_kill_during_a_turn_leads_to_another_one(ready: Counter) -> None:
    mailbox = Mailbox(ready)
    mailbox.put(1)
    take(mailbox)
    mailbox.kill("killed")
    assert ready.turns == 1
    mailbox.finish()
    assert ready.turns == 2


def test_the_first_reason_of_a_kill_stays(ready: Counter) -> None:
    mailbox = Mailbox(ready)
    mailbox.kill("overloaded")
    mailbox.kill("killed")
    assert mailbox.killed == "overloaded"


def test_a_held_mailbox_keeps_mail_until_the_disk_answers(ready: Counter) -> None:
    mailbox = Mailbox(ready)
    mailbox.put("mail")
    take(mailbox)
    mailbox.hold()
    mailbox.put("later")
    mailbox.finish()
    assert ready.turns == 1
    mailbox.put("much later")
    assert ready.turns == 1
    mailbox.resume("disk")
    assert ready.turns == 2
    assert take(mailbox) == "disk"
    mailbox.finish()
    assert take(mailbox) == "later"


def test_a_disk_that_answers_within_the_turn_is_heard_next(ready: Counter) -> None:
    mailbox = Mailbox(ready)
    mailbox.put("mail")
    take(mailbox)
    mailbox.hold()
    mailbox.resume("disk")
    mailbox.finish()
    assert ready.turns == 2
    assert take(mailbox) == "disk"


def test_a_kill_passes_a_held_mailbox(ready: Counter) -> None:
    mailbox = Mailbox(ready)
    mailbox.put("mail")
    take(mailbox)
    mailbox.hold()
    mailbox.finish()
    mailbox.kill("killed")
    assert ready.turns == 2


def test_a_closed_mailbox_refuses_mail_and_late_answers_and_gives_back_what_was_left(
    ready: Counter,
) -> None:
    mailbox = Mailbox(ready)
    mailbox.put(1)
    mailbox.put(2)
    assert mailbox.close() == [1, 2]
    assert not mailbox.put(3)
    mailbox.resume("disk")
    mailbox.kill("killed")
    mailbox.finish()
    assert ready.turns == 1
    with pytest.raises(MailboxEmpty):
        take(mailbox)


def test_pykkas_teardown_finds_nothing_to_drain(ready: Counter) -> None:
    mailbox = Mailbox(ready)
    mailbox.put(1)
    assert mailbox.empty()
    assert (len(mailbox), mailbox.oldest) == (1, 1)
