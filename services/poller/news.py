"""What is to be an event for the operators, told without waiting for Redis."""

from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from shared.journal.events import EventLog
from shared.records.events import Event

#: Events that wait for a beat at most; older ones go.
_MAX_NEWS = 1000

#: Hears what is to be an event: its kind and one line. Never waits.
Tell: TypeAlias = Callable[[Event, str], None]


def nobody(kind: Event, message: str) -> None:
    """Hear nothing."""
    del kind, message


class News:
    """Events that wait for the next beat, which takes them along."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[Event, str]] = deque(maxlen=_MAX_NEWS)

    def tell(self, kind: Event, message: str) -> None:
        """Add one event. Never waits."""
        self._waiting.append((kind, message))

    def write(self, events: EventLog) -> None:
        """Write what waits."""
        while self._waiting:
            events.add(*self._waiting.popleft())
