"""Keys that hold values stay: an expiry that somebody gave them is taken away, and said.

Programs that tidy up a Redis give one to each key that has none. With the DataQueue, or the buffer, all that waits
would vanish, and of messages no ledger knows.
"""

from shared.keys import Keys
from shared.logs import get_logger
from shared.redis.link import RedisLink

_log = get_logger()


class Lifetimes:
    """Looks once a second."""

    def __init__(self, link: RedisLink, keys: Keys) -> None:
        self._link = link
        self._stay = [
            keys.data_queue, keys.claimed, keys.buffer, keys.inflight, keys.counters, keys.rejected_messages,
            keys.rejected_bytes,
        ]  # fmt: skip

    def look(self) -> None:
        """Let them stay. Raises: RedisUnavailableError."""
        for key in self._link.run("stay", self._stay):
            name = key.decode(errors="replace")
            _log.error(
                f"Somebody gave {name} an expiry: all that it holds would have vanished then. It is taken away; see "
                "which program sets expiries here, and keep it from this namespace",
                kind=name,
            )
