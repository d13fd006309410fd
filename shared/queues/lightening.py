"""Lists that hold more than who claimed them can take in: the beginning is kept of what is too large.

No list of ours comes to that; others may write what they like. Looked for only once an answer was too large to be read
(`AnswerTooLargeError`), or a list longer than any of ours: the usual way pays nothing for it.
"""

from shared.logs import get_logger
from shared.models import HEAD_BYTES
from shared.redis.link import RedisLink

#: Bytes of an element that is read whole, and of all elements of one answer: with its frame less than ANSWER_MAX_BYTES.
LONGEST_BYTES = 8_100_000

_log = get_logger()


def lighten(link: RedisLink, key: str, source: str = "", *, most: int, longest_bytes: int = LONGEST_BYTES) -> int:
    """Let a list hold no more than `most` elements and what one answer may have; return how many are left.

    What is too much goes back to `source`; without one it stays, and is not counted. Of an element that has more than
    `longest_bytes` an `Oversize` is left.
    Raises: RedisUnavailableError: call it again.
    """
    keys = [key, source] if source else [key]
    left = 1
    while left:
        kept, left = link.run("lighten", keys, [longest_bytes, HEAD_BYTES, most, max(longest_bytes, LONGEST_BYTES)])
    _log.warning(f"{key} held more than can be read at once: {kept} elements are left, cut where they were too large")
    return int(kept)
