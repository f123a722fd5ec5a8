"""What every message and event is: a frozen, tagged msgspec struct; and what an address is.

An address is a string: `<path>` for an actor of this member, `<member>/<path>` for one elsewhere,
where `<member>` is a member id (32 lower-case hex digits) and `<path>` never starts with one.
"""

from __future__ import annotations

import re
from typing import ClassVar, TypeAlias

import msgspec

Address: TypeAlias = str
MemberId: TypeAlias = str

_MEMBER = re.compile(r"[0-9a-f]{32}")
_BEGINNING = re.compile(r"[0-9a-f]{4,32}")  # of a member id; no path of an actor begins so


class Message(msgspec.Struct, frozen=True, tag_field="t", tag=True, omit_defaults=True):
    """Base of everything one actor says to another. The tag is the class name."""


class Event(Message, frozen=True):
    """A fact for the event log: what an operator, a test or a checker may ask about later.

    `sentence` is a `str.format` template over the event's own fields: one human sentence.
    """

    sentence: ClassVar[str] = ""

    def text(self) -> str:
        """The event as one human sentence."""
        return self.sentence.format(**{f: getattr(self, f) for f in self.__struct_fields__})


def is_member_id(text: str) -> bool:
    """Whether `text` has the shape of a member id."""
    return _MEMBER.fullmatch(text) is not None


def split_address(address: Address) -> tuple[MemberId | None, str]:
    """An address as (member id, or None for here; path)."""
    head, slash, rest = address.partition("/")
    if slash and is_member_id(head):
        return head, rest
    return None, address


def split_name(name: str) -> tuple[str, str]:
    """An actor's name as a person writes it: (beginning of a member id or "", path)."""
    head, slash, rest = name.partition("/")
    return (head, rest) if slash and _BEGINNING.fullmatch(head) else ("", name)


def join_address(member: MemberId, path: str) -> Address:
    """The address of `path` at `member`."""
    return f"{member}/{path}"
