"""Values that the table took lately: by them one sees that a database came back from an earlier moment. Pure.

A standby that took over had not all of its primary's changes yet; a copy was restored; somebody flashed it back, or
deleted. What was committed counts as written for good, and no counter of ours knows better.
"""

from collections import deque

from shared.clock import Clock
from shared.models import TagValue

#: Seconds between two of them at least, how many there are at most, and for how many seconds one is of use: what is
#: older may have been deleted in good order, by a retention.
APART_S, MOST, LIFE_S = 1.0, 50, 86_400.0


class Landmarks:
    """Safe to use from several threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: deque[tuple[float, TagValue]] = deque(maxlen=MOST)

    def note(self, value: TagValue) -> None:
        """Take note of a value that was committed just now, if it is time to."""
        now = self._clock.monotonic()
        if not self._kept or now - self._kept[-1][0] >= APART_S:
            self._kept.append((now, value))

    def all(self) -> list[TagValue]:
        """Return them, in the order in which they were committed."""
        begin = self._clock.monotonic() - LIFE_S
        return [value for at, value in self._kept.copy() if at > begin]

    def forget(self) -> None:
        """Begin anew: what is gone is told once."""
        self._kept.clear()
