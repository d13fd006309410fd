"""Sentences with figures: said in English here, and said again in another language by whoever shows them.

A sentence keeps its template and its parts: `Said("{rows:row} wait in Redis", rows=3)` is the text "3 rows wait in
Redis", and a catalogue that knows the template says the same otherwise. What stands behind a part's colon says what it
is: a noun of NOUNS (a count), `number`, `duration` (seconds), `size` (bytes), `moment` (seconds since 1970), `some` (a
list that is cut), or one of Python's own formats. No I/O, no clock.
"""

import string
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Self

from services.monitor.assess.humanize import duration, moment, number, size

#: Names that a sentence holds at most.
NAMED = 5

#: What a part may count, with its plural.
NOUNS = {
    "value": "values", "message": "messages", "row": "rows", "file": "files", "tag": "tags", "time": "times",
    "fault": "faults", "plc": "PLCs", "group": "groups",
    "rejected_row": "rejected rows", "rejected_entry": "rejected entries",
}  # fmt: skip


class Said(str):
    """A sentence, as English says it."""

    __slots__ = ("parts", "template")

    template: str
    parts: Mapping[str, Any]

    def __new__(cls, template: str, /, **parts: Any) -> Self:
        """Fill a template with its parts, which may be sentences themselves."""
        said = super().__new__(cls, ENGLISH.fill(template, parts))
        said.template, said.parts = template, parts
        return said


class Speech:
    """How figures stand in sentences: the English of it. Another language overrides what it says otherwise."""

    comma = ", "

    def fill(self, template: str, parts: Mapping[str, Any]) -> str:
        """Return a template with its parts in their places."""
        return "".join(
            literal if name is None else literal + self.part(parts[name], kind or "")
            for literal, name, kind in pieces(template)
        )

    def part(self, value: Any, kind: str) -> str:
        """Return one part as its kind is said."""
        say: Callable[[Any], str] | None = getattr(self, f"say_{kind}", None)
        if say is not None:
            return say(value)
        return self.count(value, kind) if kind in NOUNS else format(value, kind)

    def count(self, figure: int, noun: str) -> str:
        """Return how many there are of something."""
        return f"{number(figure)} {noun.replace('_', ' ') if figure == 1 else NOUNS[noun]}"

    say_number, say_duration, say_size = staticmethod(number), staticmethod(duration), staticmethod(size)

    def say_moment(self, seconds: float) -> str:
        """Return day and time."""
        return f"{moment(seconds):%Y-%m-%d %H:%M} UTC"

    def say_some(self, named: tuple[Sequence[Any], int]) -> str:
        """Return the first of many, given with how many there are, and how many more."""
        names, count = named
        shown, more = self.comma.join(self.part(name, "") for name in names[:NAMED]), count - NAMED
        return self.and_more(shown, more) if more > 0 else shown

    def and_more(self, shown: str, more: int) -> str:
        """Return what is shown and how many more there are."""
        return f"{shown} and {number(more)} more"


@lru_cache(maxsize=2_000)
def pieces(template: str) -> tuple[tuple[str, str | None, str | None], ...]:
    """Return a template taken apart: text, and behind it a part's name and kind, None where it ends with text."""
    return tuple((literal, name, kind) for literal, name, kind, _ in string.Formatter().parse(template))


ENGLISH = Speech()


def some(names: Sequence[str], count: int | None = None) -> Said:
    """Return the first of many names, and how many more there are; `count` where not all are given.

    >>> some(["a", "b"]), some(["a", "b", "c", "d", "e", "f"])
    ('a, b', 'a, b, c, d, e and 1 more')
    """
    return Said("{names:some}", names=(names[:NAMED], len(names) if count is None else count))
