from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from actors.adapters.supervisor_log import SupervisorLog
from actors.launcher.console import Console
from actors.messages.events import EventRecord


class Said:
    """A log that writes to a file, and what is in the file."""

    def __init__(
        self, files: ExitStack, path: Path, *, verbose: bool = False, json_lines: bool = False
    ) -> None:
        self._path = path
        file = files.enter_context(path.open("wb"))
        self.log = SupervisorLog(Console(file.fileno(), json_lines=json_lines), verbose=verbose)

    @property
    def lines(self) -> list[str]:
        return self._path.read_text().splitlines()


def event(kind: str, text: str, **fields: object) -> EventRecord:
    return EventRecord("m:1:1", 0.0, 1, "service/web", kind, text, "", "", fields)


@pytest.fixture
def say(tmp_path: Path) -> Iterator[Callable[..., Said]]:
    with ExitStack() as files:
        yield lambda **options: Said(files, tmp_path / "out", **options)


def test_a_services_events_are_said_in_its_groups_name(say: Callable[..., Said]) -> None:
    said = say()
    said.log.events(
        (
            event("ServiceStageChanged", "web is up: pid 7", stage="up", service_group="web.x"),
            event("HookFailed", "post-stop of web failed: 4", service_group="web.x"),
            event("RoleTaken", "role of web in web.x: leader (term 3)", service_group="web.x"),
            event("ServiceLoaded", "web was loaded (acme/web)"),
            event("RenderingFailed", "the files of web stay as they are: user.toml: …"),
        )
    )
    assert said.lines == [
        "web.x(SR): web is up: pid 7",
        "web.x(HK): post-stop of web failed: 4",
        "web.x(SR): role of web in web.x: leader (term 3)",
        "hab-sup(SD): web was loaded (acme/web)",
        "hab-sup(CF): the files of web stay as they are: user.toml: …",
    ]


def test_what_no_operator_follows_is_said_only_when_asked_for(say: Callable[..., Said]) -> None:
    quiet = (
        event("ActorStarted", "service/web started"),
        event("ServiceStageChanged", "web is starting: …", stage="starting"),
    )
    said = say()
    said.log.events((*quiet, event("MessageHandled", "traced")))
    assert said.lines == []
    said = say(verbose=True)
    said.log.events((*quiet, event("MessageHandled", "traced")))
    assert len(said.lines) == 2


def test_no_event_can_forge_a_line(say: Callable[..., Said]) -> None:
    said = say()
    said.log.events((event("SpecRefused", "bad\nhab-sup(MR): all is well\x1b[2J"),))
    assert len(said.lines) == 1
    assert "\x1b" not in said.lines[0]


def test_log_records_and_tracebacks_are_json_lines_too(say: Callable[..., Said]) -> None:
    said = say(json_lines=True)
    logger = logging.getLogger("test_supervisor_log")
    logger.addHandler(said.log)
    try:
        int("no")
    except ValueError:
        logger.exception("it broke: %s", 7)
    finally:
        logger.removeHandler(said.log)
    records = [json.loads(line) for line in said.lines]
    assert records[0] == {"preamble": "hab-sup", "logkey": "MR", "content": "it broke: 7"}
    assert records[-1]["content"] == "ValueError: invalid literal for int() with base 10: 'no'"


def test_a_log_record_that_cannot_be_formatted_is_said_as_it_is(say: Callable[..., Said]) -> None:
    said = say()
    said.log.handle(logging.LogRecord("x", logging.ERROR, "", 1, "%d things", ("many",), None))
    assert said.lines == ["hab-sup(MR): %d things"]
