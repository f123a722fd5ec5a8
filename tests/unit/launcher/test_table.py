from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.launcher.table import ASIDE, COPY, HISTORY_MAX, Entry, ProcessTable, entry_of

ENTRY = Entry("service:a", 100, 7, 1.5, owner="service/a", prefix="a.default", argv=("x", "y"))


OPENED: list[ProcessTable] = []


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Every table of a test, closed after it."""
    yield
    while OPENED:
        OPENED.pop().close()


def table(path: Path, boot: str = "boot") -> ProcessTable:
    """What the next launcher makes of what is there; the one before was killed."""
    while len(OPENED) > 10:
        for copy in OPENED.pop(0)._copies:
            copy.close()
    OPENED.append(ProcessTable(str(path), boot))
    return OPENED[-1]


def test_what_began_and_did_not_end_is_there_for_the_next_launcher(tmp_path: Path) -> None:
    first = table(tmp_path / "t")
    first.begin(ENTRY)
    first.begin(Entry("service:b", 101, 8, 2.0))
    first.record("service:a", "other", True)
    first.forget("service:b")
    second = table(tmp_path / "t")  # the first was killed: never closed
    assert list(second.entries) == ["service:a"]
    found = second.entries["service:a"]
    assert (found.owner, found.leader, found.argv) == ("other", True, ("x", "y"))
    assert second.skipped == 0


def test_a_table_of_another_boot_is_empty(tmp_path: Path) -> None:
    table(tmp_path / "t").begin(ENTRY)
    assert table(tmp_path / "t", "other").entries == {}


def both(path: Path, content: bytes) -> None:
    """Put the same bytes in the place of both copies."""
    path.write_bytes(content)
    path.with_name(path.name + COPY).write_bytes(content)


def test_no_content_prevents_a_start_or_invents_a_process(tmp_path: Path) -> None:
    path = tmp_path / "t"
    first = table(path)
    first.begin(ENTRY)
    good = path.read_bytes()
    for at in range(0, len(good), 7):
        both(path, good[:at])
        assert set(table(path).entries) <= {"service:a"}
        both(path, good[:at] + bytes([good[at] ^ 0x40]) + good[at + 1 :])
        damaged = table(path).entries
        assert damaged in ({}, {"service:a": ENTRY})
    for junk in (b"", b"\0" * 5000, b"[" * 90_000, b"00000000 {}\n"):
        both(path, junk)
        assert table(path).entries == {}


def test_a_line_damaged_in_both_copies_costs_its_process_alone(tmp_path: Path) -> None:
    path = tmp_path / "t"
    first = table(path)
    for number in range(3):
        first.begin(Entry(f"service:{number}", 100 + number, 7, 0.0))
    lines = path.read_bytes().split(b"\n")
    lines[2] = lines[2][:40]
    both(path, b"\n".join(lines))
    again = table(path)
    assert sorted(again.entries) == ["service:0", "service:2"]
    assert again.skipped == 2
    assert again.damaged == {name: name + ASIDE for name in ("t", "t" + COPY)}


@pytest.mark.parametrize("copy", ["", COPY])
@pytest.mark.parametrize("damage", ["emptied", "cut", "flipped", "gone"])
def test_what_one_copy_has_lost_the_other_tells(tmp_path: Path, copy: str, damage: str) -> None:
    path = tmp_path / "t"
    first = table(path)
    first.begin(ENTRY)
    first.begin(Entry("service:b", 101, 8, 2.0))
    first.record("service:a", "other", True)
    first.forget("service:b")
    file = tmp_path / f"t{copy}"
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 4
    match damage:
        case "gone":
            file.unlink()
        case "flipped":
            file.write_bytes(data)
        case _:
            file.write_bytes(data[: 0 if damage == "emptied" else len(data) * 2 // 3])
    again = table(path)
    assert {key: (e.owner, e.leader) for key, e in again.entries.items()} == {
        "service:a": ("other", True)
    }
    assert list(again.damaged) == ([] if damage == "gone" else [file.name])
    again.forget("service:a")
    assert table(path).entries == {}, "what it said before is history in both"
    assert table(path).damaged == {}


def test_a_copy_that_stayed_behind_does_not_bring_the_past_back(tmp_path: Path) -> None:
    path, other = tmp_path / "t", tmp_path / f"t{COPY}"
    first = table(path)
    first.begin(ENTRY)
    behind = other.read_bytes()
    first.forget("service:a")
    other.write_bytes(behind)
    assert table(path).entries == {}


def test_fields_of_a_wrong_type_are_no_process() -> None:
    good = {"key": "service:a", "pid": 100, "start_ticks": 7, "started_s": 1}
    assert entry_of(good).started_s == 1
    wrong = ({"pid": "100"}, {"pid": 1}, {"pid": True}, {"key": 3}, {"stop_timeout_s": "8"})
    for bad in (*wrong, {"stop_timeout_s": float("nan")}, {"leader": 1}, {"argv": [1]}):
        with pytest.raises((TypeError, ValueError)):
            entry_of({**good, **bad})


def test_the_journal_stays_short(tmp_path: Path) -> None:
    path = tmp_path / "t"
    journal = table(path)
    journal.begin(ENTRY)
    for _ in range(3 * HISTORY_MAX):
        journal.begin(Entry("hook:a:health-check:1", 200, 9, 0.0))
        journal.forget("hook:a:health-check:1")
    assert path.read_bytes().count(b"\n") < HISTORY_MAX + 10
    assert list(table(path).entries) == ["service:a"]


def test_nothing_is_left_when_nothing_runs(tmp_path: Path) -> None:
    journal = table(tmp_path / "t")
    journal.begin(ENTRY)
    journal.forget("service:a")
    journal.close()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_trouble_until_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = table(tmp_path / "t")
    first = journal._copies[0]
    first.path = str(tmp_path / "gone" / "t")
    first.trouble = "short write"
    journal.begin(ENTRY)
    assert journal.trouble
    first.path = str(tmp_path / "t")
    journal.record("service:a", "x", False)
    assert journal.trouble == ""
    assert table(tmp_path / "t").entries["service:a"].owner == "x"
