"""Hashes and sets of Redis that others fill, read in pieces: never more than a bounded number of bytes at once.

What is too long, or too many, is left out and counted: the monitor shows the rest, and says so.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from time import monotonic
from typing import Any

from shared.redis.link import RedisLink
from shared.redis.scripts import Call

#: Longest name of an entry, in bytes; ours have a limit of their own that is below this.
MAX_NAME_BYTES = 1_000

#: Bytes after which a piece ends: what Redis is busy with for some milliseconds.
PIECE_BYTES = 256 * 1024

#: Bytes that Redis looks at in one scan at most, for the sake of what stands between entries too long.
MAX_SCANNED_BYTES = 512 * 1024 * 1024

#: What takes more than a piece is scanned again only after PAUSE_FACTOR times as long as it took.
PAUSE_FACTOR = 10


@dataclass
class BoundedScan:
    """How one key of Redis is read: within these bounds, a piece at a time; and what was read last."""

    key: str
    kind: str = "HSCAN"  #: or SSCAN, ZSCAN
    max_entries: int = 1_000
    max_value_bytes: int = 16 * 1024
    max_bytes: int = 16 * 1024 * 1024  #: of all entries together
    interval_s: float = 0.0  #: seconds between two readings, at least
    entries: dict[bytes, bytes] = field(default_factory=dict)  #: by name; of a set the values are empty
    left_out: int = 0  #: entries that are there and were not read
    _found: dict[bytes, bytes] = field(default_factory=dict)
    _cursor: bytes = b"0"
    _bytes: int = 0
    _scanned_bytes: int = 0
    _began_at: float = 0.0
    _read_at: float = 0.0
    _took_s: float = 0.0

    @property
    def is_due(self) -> bool:
        """Whether it is time to read it again."""
        return monotonic() >= self._read_at + max(self.interval_s, PAUSE_FACTOR * self._took_s) or not self._read_at

    def begin(self) -> None:
        """Forget what an earlier reading that was cut short had found."""
        self._found, self._cursor, self._bytes, self._scanned_bytes = {}, b"0", 0, 0
        self._began_at = monotonic()

    def next_piece(self) -> Call:
        """Return the script that reads on."""
        return Call("scan", [self.key], [self.kind, self._cursor, MAX_NAME_BYTES, self.max_value_bytes, PIECE_BYTES])

    def add(self, piece: Sequence[Any]) -> bool:
        """Add a piece; return whether there is more to read."""
        self._cursor, count, scanned_bytes, *flat = piece
        self._scanned_bytes += scanned_bytes
        self._bytes += sum(map(len, flat))
        if self.kind == "SSCAN":
            self._found.update(dict.fromkeys(flat, b""))
        else:
            self._found.update(zip(flat[::2], flat[1::2], strict=True))
        if self._cursor != b"0" and self._has_room():
            return True
        self.entries = dict(islice(self._found.items(), self.max_entries))
        self.left_out = max(0, count - len(self.entries))
        self._read_at = monotonic()
        # A small one is read each time, however slow the machine is just now.
        self._took_s = self._read_at - self._began_at if self._scanned_bytes > PIECE_BYTES else 0.0
        return False

    def _has_room(self) -> bool:
        is_small = self._bytes < self.max_bytes and self._scanned_bytes < MAX_SCANNED_BYTES
        return is_small and len(self._found) < self.max_entries


def read_scans(
    link: RedisLink,
    scans: Iterable[BoundedScan],
    others: Sequence[Call] = (),
    on_piece: Callable[[], None] = lambda: None,
) -> list[Any]:
    """Do the scans that are due, a piece of each in a round trip; return the answers of the other scripts.

    `on_piece` is called after each round trip.
    Raises: RedisUnavailableError; FatalError: a key is of another kind.
    """
    reading = [scan for scan in scans if scan.is_due]
    for scan in reading:
        scan.begin()
    answers: list[Any] = []
    while reading or others:
        pieces = link.run_all(*(scan.next_piece() for scan in reading), *others)
        on_piece()
        answers += pieces[len(reading) :]
        reading = [scan for scan, piece in zip(reading, pieces, strict=False) if scan.add(piece)]
        others = ()
    return answers
