"""The messages in memory, oldest first, within bounds. Pure."""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from services.poller.outbox.message import Message, Place, fitting

#: Messages of sources that can wait, in memory at a time: enough to keep the sender busy.
MAX_LOSSLESS_MESSAGES = 256


@dataclass(eq=False, slots=True)
class Held:
    """One message in the outbox: the how manieth it is, where on the disk it stands too, and whether it has left."""

    message: Message
    number: int
    place: Place | None = None
    has_left: bool = False


@dataclass(frozen=True)
class Bounds:
    """What may wait in memory at most, whichever is reached first."""

    messages: int
    values: int
    size_bytes: int


class Waiting:
    """Messages that nobody has in hand."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._all: deque[Held] = deque()
        self._values = 0
        self._lossless = 0
        self.size_bytes = 0

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Held]:
        return iter(self._all)

    def append(self, held: Held) -> None:
        """Add the newest."""
        self._all.append(held)
        self._count(held, 1)

    def put_back(self, some: Iterable[Held]) -> None:
        """Add the oldest, themselves oldest first."""
        for held in reversed([*some]):
            self._all.appendleft(held)
            self._count(held, 1)

    def pop(self, max_messages: int, max_bytes: int) -> list[Held]:
        """Take out the oldest, of so many bytes together; at least one, where there is one."""
        popped = [*fitting(islice(self._all, max_messages), lambda held: held.message.size_bytes, max_bytes)]
        for held in popped:
            self._all.popleft()
            self._count(held, -1)
        return popped

    def remove_spooled(self) -> None:
        """Take out what stands on the disk."""
        on_disk = [held for held in self._all if held.place is not None]
        if on_disk:
            self._all = deque(held for held in self._all if held.place is None)
            for held in on_disk:
                self._count(held, -1)

    def has_room(self, message: Message) -> bool:
        """Tell whether a lossless message may come."""
        return not self._all or (
            self._lossless < MAX_LOSSLESS_MESSAGES
            and len(self._all) < self._bounds.messages
            and self._values + message.values <= self._bounds.values
            and self.size_bytes + message.size_bytes <= self._bounds.size_bytes
        )

    def trim(self) -> list[Held]:
        """Discard the oldest that are too many, never lossless ones; return them."""
        discarded: list[Held] = []
        while self._is_over():
            # Lossless ones are few, so the first of the others is near the head.
            oldest = next((place for place, held in enumerate(self._all) if not held.message.lossless), None)
            if oldest is None:
                break
            held = self._all[oldest]
            del self._all[oldest]
            self._count(held, -1)
            discarded.append(held)
        return discarded

    def _is_over(self) -> bool:
        if len(self._all) > self._bounds.messages:
            return True
        # One message that is larger than a bound alone goes through all the same.
        return len(self._all) > 1 and (self._values > self._bounds.values or self.size_bytes > self._bounds.size_bytes)

    def _count(self, held: Held, sign: int) -> None:
        self._values += sign * held.message.values
        self.size_bytes += sign * held.message.size_bytes
        self._lossless += sign * held.message.lossless
