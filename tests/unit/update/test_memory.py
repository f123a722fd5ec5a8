"""What a member keeps of its group's rollouts."""

from __future__ import annotations

import msgspec

from actors.effects import Persist
from actors.messages.rollout import AskRollout, Rollout, Seated, StoreRollout
from actors.update.memory import (
    Memory,
    decode,
    is_majority,
    not_kept,
    path,
    store,
    take,
    told,
)

GROUP = "web.default"
STEP = Rollout(GROUP, 1, 3, 7, "acme/web/2/2")


def changed(**fields: object) -> Rollout:
    return msgspec.structs.replace(STEP, **fields)


def test_what_is_told_was_written_before() -> None:
    memory, effects, answer = told(Memory(GROUP), AskRollout(GROUP, 4))
    assert answer.promised == 4
    (write,) = effects
    assert isinstance(write, Persist)
    assert write.path == path(GROUP)
    assert decode(GROUP, write.data).content == memory.content
    assert told(memory, AskRollout(GROUP, 2))[1:] == (
        [],
        msgspec.structs.replace(answer, term=2),
    )


def test_who_answered_a_conductor_takes_no_step_of_an_earlier_one() -> None:
    memory, _, _ = told(Memory(GROUP), AskRollout(GROUP, 4))
    after, effects, answer = store(memory, StoreRollout(STEP))
    assert (after, effects, answer.stored, answer.promised) == (memory, [], False, 4)


def test_steps_only_go_forward_and_so_do_epochs() -> None:
    memory, known, _ = take(Memory(GROUP), STEP)
    assert known
    assert not take(memory, changed(step=6))[1]
    assert not take(memory, changed(term=4, epoch=0))[1]
    _, _, answer = store(memory, StoreRollout(changed(term=4, epoch=0)))
    assert answer.known_epoch == 1
    assert take(memory, changed(term=4, step=1))[1]


def test_an_earlier_epoch_goes_into_history() -> None:
    memory, _, _ = take(Memory(GROUP), STEP)
    memory, _, _ = take(memory, changed(epoch=2, step=8))
    memory, _, _ = take(memory, changed(epoch=2, step=9))
    assert memory.content.history == (STEP,)


def test_what_the_disk_refused_is_written_before_it_is_told_again() -> None:
    memory, _, _ = take(Memory(GROUP), STEP)
    again, effects, _ = told(not_kept(memory), AskRollout(GROUP, 3))
    assert len(effects) == 1
    assert again.durable


def test_a_file_that_cannot_be_read_is_an_empty_memory() -> None:
    for data in (None, b"", b"{", b"\xff", b'{"rollout": 3}'):
        assert decode(GROUP, data) == Memory(GROUP)


def test_a_majority_is_more_than_half_of_each_set() -> None:
    assert is_majority({"a", "b"}, Seated(("a", "b", "c")))
    assert not is_majority({"a"}, Seated(("a", "b")))
    assert not is_majority({"a", "x", "y"}, Seated(("a", "b", "c")))
    assert not is_majority({"a", "b"}, Seated(("a", "b", "c"), ("b", "c", "d")))
    assert not is_majority(set(), Seated(()))
