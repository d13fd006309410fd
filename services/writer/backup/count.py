"""Counting what no script counts, since no value moves with it."""

from shared.counters import WINDOW_BUCKET_S, WINDOW_KEEP_S, Counter
from shared.keys import Keys
from shared.redis.link import RedisLink


def count(link: RedisLink, keys: Keys, counter: Counter, by: int) -> None:
    """Raise a counter, in total and in the window.

    Raises: RedisUnavailableError: it may have been raised; a lost answer counts twice. The ledger does without it.
    """
    seconds = int(link.command("TIME")[0])
    window = keys.window(seconds // WINDOW_BUCKET_S)
    link.commands(
        ("HINCRBY", keys.counters, counter, by), ("HINCRBY", window, counter, by), ("EXPIRE", window, WINDOW_KEEP_S)
    )
