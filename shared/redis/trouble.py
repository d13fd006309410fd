"""What is wrong with Redis as one process sees it: said when it begins and when it is over, not at every try."""

import threading
from collections.abc import Callable
from time import monotonic

from shared.errors import RedisFullError, RedisRefusedError, RedisUnavailableError
from shared.logs import get_logger

#: Seconds without a refusal after which Redis counts as willing again: whoever was refused asks again sooner.
REFUSAL_OVER_S = 2.0

#: Causes of one outage that are said, each once.
_MAX_CAUSES = 5

_log = get_logger()


class Trouble:
    """Redis gives no answer, or answers with errors; safe to use from several threads."""

    def __init__(self, address: Callable[[], str]) -> None:
        self._address = address
        self._lock = threading.Lock()
        self._away_since: float | None = None
        self._causes_said: set[str] = set()
        self._refusing_since: float | None = None
        self._refusals_said: set[str] = set()
        self._refused_at = 0.0
        #: Called with the seconds that Redis was away, once it is back.
        self.on_back: Callable[[float], None] | None = None

    def away(self, cause: RedisUnavailableError) -> None:
        """Take note that there is no answer."""
        with self._lock:
            if str(cause) in self._causes_said or len(self._causes_said) >= _MAX_CAUSES:
                return
            # The first is how it began; a later one may be what a person must mend.
            self._causes_said.add(str(cause))
            begins = self._away_since is None
            self._away_since = self._away_since or monotonic()
        what = "is not usable, trying again until it is" if begins else "is still away"
        _log.warning(f"Redis at {self._address()} {what}: {cause}")

    def refusing(self, cause: RedisRefusedError) -> None:
        """Take note of an error that is waited for."""
        with self._lock:
            if cause.code in self._refusals_said:
                return
            # One may hide another: who was unblocked by a demotion is refused as a reader of a replica next.
            self._refusals_said.add(cause.code)
            self._refusing_since = self._refusing_since or monotonic()
        what = "takes no more" if isinstance(cause, RedisFullError) else "answers with an error"
        _log.error(f"Redis at {self._address()} {what}, trying again until it does not: {cause}")

    def refused(self) -> None:
        """Take note of an error, waited for or not."""
        self._refused_at = monotonic()

    def answered(self) -> None:
        """Take note of an answer."""
        if self._away_since is not None:
            self._back()
        if self._refusing_since is not None:
            self._willing()

    def _back(self) -> None:
        with self._lock:
            if self._away_since is None:
                return
            away_s = monotonic() - self._away_since
            self._away_since = None
            self._causes_said.clear()
        _log.info(f"Redis at {self._address()} is back after {away_s:.1f} s")
        if self.on_back is not None:
            self.on_back(away_s)

    def _willing(self) -> None:
        with self._lock:
            if self._refusing_since is None or monotonic() - self._refused_at < REFUSAL_OVER_S:
                return
            refusing_s = max(0.0, self._refused_at - self._refusing_since)
            self._refusing_since = None
            self._refusals_said.clear()
        _log.info(f"Redis at {self._address()} refuses nothing any more, after {refusing_s:.1f} s")
