"""Keys that hold values stay: an expiry that somebody gave them is taken away, and said.

Programs that tidy up a Redis give one to each key that has none. With the DataQueue, the buffer, or what is claimed
from them, all that waits would vanish, and of messages no ledger knows.
"""

from collections.abc import Sequence

from shared.logs import get_logger
from shared.redis.link import RedisLink

_log = get_logger()


def let_stay(link: RedisLink, keys: Sequence[str], index_key: str | None = None) -> None:
    """Let keys stay, and in the set that names them, which others may delete. Raises: RedisUnavailableError."""
    places, args = (keys, []) if index_key is None else ([*keys, index_key], [1])
    for key in link.run("stay", places, args) if keys else ():
        name = key.decode(errors="replace")
        _log.error(
            f"Somebody gave {name} an expiry: all that it holds would have vanished then. It is taken away; see "
            "which program sets expiries here, and keep it from this namespace",
            kind=name,
        )
