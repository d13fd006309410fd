"""What waits for the DataQueue, and what is counted of it when it is discarded."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, TypeVar

T = TypeVar("T")

#: Bytes that a message takes beside its own, in memory or on disk.
OVERHEAD_BYTES = 300


class ReadBy(NamedTuple):
    """Who read a message, since when that one holds the group (0: it never heard so), and when it read.

    In milliseconds since 1970, by Redis' clock.
    """

    token: str = ""
    held_since_ms: int = 0
    read_at_ms: int = 0


_NOBODY = ReadBy()


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it goes on the DataQueue, and what is counted of it.

    `values`: all of them; `bad`: those in error or without a value. `lossless`: its source would rather wait than lose
    it. `group`: its polling group, a field of `Keys.polling`.
    """

    raw: bytes
    values: int
    timestamp: datetime
    bad: int = 0
    lossless: bool = False
    group: str = ""
    read_by: ReadBy = _NOBODY

    @property
    def size_bytes(self) -> int:
        """Room that it takes while it waits."""
        return len(self.raw) + OVERHEAD_BYTES


def fitting(some: Iterable[T], size_of: Callable[[T], int], max_bytes: int) -> Iterator[T]:
    """Yield the first of some, of so many bytes together; at least one, where there is one."""
    room = max_bytes
    for place, one in enumerate(some):
        room -= size_of(one)
        if place and room < 0:
            return
        yield one


class Place(NamedTuple):
    """Where a message stands on the disk: in the how manieth file that was opened, and where in its order."""

    file: int
    seq: int


@dataclass
class Overflow:
    """What was discarded: how much, and the collection times of the first and the last message of it."""

    messages: int = 0
    values: int = 0
    first: datetime | None = None
    last: datetime | None = None

    def add(self, other: "Overflow") -> None:
        """Count what was discarded after this."""
        self.messages += other.messages
        self.values += other.values
        self.first = self.first or other.first
        self.last = other.last or self.last
