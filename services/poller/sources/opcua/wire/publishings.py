"""What was heard of each subscription, and what was not: its publishings are numbered. No I/O."""

from collections.abc import Iterable

from shared.clock import Clock

#: Publishings have numbers from 1 to 2^32 - 1, and then from 1 again.
#: Source: OPC UA Part 4, 5.14.1.1.
_NUMBERS = 2**32 - 1


class Publishings:
    """The publishings of one session's subscriptions."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: dict[int, int] = {}
        self._heard_s: dict[int, float] = {}

    def begin(self) -> None:
        """Forget those of the session before."""
        self._last, self._heard_s = {}, {}

    def expect(self, subscriptions: Iterable[int]) -> None:
        """Count from now on how long these are silent."""
        for subscription in subscriptions:
            self._heard_s.setdefault(subscription, self._clock.monotonic())

    def hear_any(self) -> None:
        """Hear one that can't be read: nobody knows whose it is."""
        self._heard_s = dict.fromkeys(self._heard_s, self._clock.monotonic())

    def hear(self, subscription: int, number: int, *, tells: bool) -> int:
        """Hear one; return how many never came.

        `number`: of one that tells something, else of the next that will.
        """
        if subscription in self._heard_s:  # not one that was given up
            self._heard_s[subscription] = self._clock.monotonic()
        last = self._last.get(subscription)
        ahead = 0 if last is None else (number - last - 1) % _NUMBERS
        # Some servers say the last number instead of the next, or none.
        missed = ahead if ahead < _NUMBERS // 2 else 0
        if tells:
            self._last[subscription] = number
        elif missed:
            self._last[subscription] = number - 1
        return missed

    def silent_s(self) -> float:
        """Return for how long the one has been silent of which nothing was heard for longest."""
        return self._clock.monotonic() - min(self._heard_s.values(), default=self._clock.monotonic())
