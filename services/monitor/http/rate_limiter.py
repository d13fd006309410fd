"""How many answers a second the monitor gives: a flood of clients must not take the processor from the pipeline."""

#: Answers a second in the long run; 50 clients that ask twice a second want 100.
ANSWERS_PER_S = 250.0

#: Answers that may be given at once before any has to wait.
BURST = 100

#: Seconds that a request waits for its turn at most; who would have to wait longer is refused at once. An answer must
#: be there within 0.5 s.
MAX_WAIT_S = 0.4


class RateLimiter:
    """Gives out turns at a steady rate with room for a burst (the generic cell rate algorithm). Time is passed in."""

    def __init__(self, per_s: float = ANSWERS_PER_S, burst: int = BURST, max_wait_s: float = MAX_WAIT_S) -> None:
        self._interval_s = 1 / per_s
        self._ahead_s = burst / per_s
        self._max_wait_s = max_wait_s
        self._next_s = 0.0  #: when the next turn would be due if there were no burst

    def turn(self, now_s: float) -> float | None:
        """Take a turn; return the seconds to wait for it, None when it would be too late."""
        due_s = max(self._next_s, now_s)
        wait_s = max(0.0, due_s - now_s - self._ahead_s)
        if wait_s > self._max_wait_s:
            return None
        self._next_s = due_s + self._interval_s
        return wait_s
