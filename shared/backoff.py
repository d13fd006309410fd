"""Waits between tries: doubled after each failure, and spread where many processes come back at once.

An outage ends for all at the same moment. Ten processes that double the same wait knock at the same moments, again and
again; with full jitter each moment up to the wait is as likely as any other, so they come one after the other.
Source: Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
"""

import math
from random import Random

#: Failures after which a wait is not doubled any more, whatever its last: the floats end at 2 ** 1024.
_MOST_DOUBLINGS = 900

#: Each process draws its own: seeded by the system, anew in each one.
_own = Random()


def doubled_s(first_s: float, failures: int, last_s: float = math.inf) -> float:
    """Return the seconds to wait after so many failures in a row, from 1: exactly, for one that waits alone.

    >>> [doubled_s(1.0, failures, 5.0) for failures in (1, 2, 3, 4)]
    [1.0, 2.0, 4.0, 5.0]
    """
    return min(first_s * 2.0 ** min(failures - 1, _MOST_DOUBLINGS), last_s)


def spread_s(interval_s: float, random: Random = _own) -> float:
    """Return an interval for what many do again and again: at most as long, at least half, so that they drift apart."""
    return random.uniform(interval_s / 2, interval_s)


class Backoff:
    """The waits of one who comes back together with others: full jitter. For one thread, or one task."""

    def __init__(self, first_s: float, last_s: float, random: Random = _own) -> None:
        self._first_s = first_s
        self._last_s = last_s
        self._random = random
        self._failures = 0

    def next_s(self) -> float:
        """Return the seconds to wait after one more failure: any from 0 to the wait doubled so far."""
        self._failures += 1
        return self._random.uniform(0.0, doubled_s(self._first_s, self._failures, self._last_s))

    def reset(self) -> None:
        """Begin with the first wait again: it went well."""
        self._failures = 0
