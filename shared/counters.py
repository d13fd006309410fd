"""The names of all counters, and the names of what the 5-minute window holds.

Totals live in one Redis hash and only ever grow; the scripts that move values change them in the same step.
The ledger: inserted = overflowed + in buffer + in flight + written + duplicates + rejected + backed_up.
"""

import re
from bisect import bisect_left
from collections import Counter as Tally
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import TypeAlias

#: Seconds that one window bucket covers. 10 s: fine enough for rates, 30 hashes for five minutes.
WINDOW_BUCKET_S = 10

#: Seconds that rates, averages and percentiles look back.
WINDOW_S = 300

#: Seconds that buckets are kept: an hour of history and a margin for clocks that disagree.
WINDOW_KEEP_S = 3900


class Counter(StrEnum):
    """A total since the namespace began. Unit: values, unless the comment says otherwise."""

    INSERTED = "inserted"  #: pushed on the buffer, overflowed ones included
    OVERFLOWED = "overflowed"  #: discarded, oldest first, because the buffer was at its cap
    REMOVED = "removed"  #: taken from the buffer by writers
    WRITTEN = "written"  #: committed to the table by a live write
    DUPLICATES = "duplicates"  #: already in the table (ORA-00001)
    CONFLICTS = "conflicts"  #: of the rejected: same key, other value or quality
    REJECTED = "rejected"  #: refused for their own fault; they are in a rejected_*.csv file, or wait in Redis for one
    ROWS_DROPPED = "rows_dropped"  #: of the rejected, lost: no file could take them and too many waited in Redis
    BACKED_UP = "backed_up"  #: written to a CSV backup file
    BACKUP_LOST = "backup_lost"  #: of those in files, lost: a file was cut short by somebody while it was written
    RECOVERED = "recovered"  #: rows of backup files put into the table later
    IMPORTED = "imported"  #: rows of files of other programs put into the table by `import`; in no place of the ledger
    IMPORT_REJECTED = "import_rejected"  #: rows of such files that are in a rejected_*.csv
    BATCHES_WRITTEN = "batches_written"  #: batches that ended with Oracle's answer
    BATCHES_FAILED = "batches_failed"  #: batches that Oracle did not take; they went to the backup
    RETRIES = "retries"  #: attempts after the first
    MESSAGES = "messages"  #: PollingData understood and pushed (messages)
    MESSAGES_REJECTED = "messages_rejected"  #: messages that could not be understood (messages)
    TAGS_REJECTED = "tags_rejected"  #: tags of messages understood otherwise that can't be a value (tags)
    REJECTED_DROPPED = "rejected_dropped"  #: entries dropped from the rejected list: it is bounded (entries)
    REJECTED_RETRIED = "rejected_retried"  #: entries of the rejected list put back on the DataQueue (entries)
    UNSUPPORTED = "unsupported"  #: readings of a type that no column can hold; stored as BAD without a value


#: A code as one stands in the name of a count: `ORA-12899`, `CONFLICT`, `NO_TIME`.
_CODE = re.compile(r"[A-Z][A-Z0-9_-]{1,19}")

#: What stands for a code that is none of those.
OTHER_CODES = "OTHER"


def by_code(counter: Counter, codes: Iterable[str]) -> dict[str, int]:
    """Return what is counted beside a total: how many of them have each code.

    >>> by_code(Counter.REJECTED, ["ORA-12899", "ORA-12899", "what?"])
    {'rejected:ORA-12899': 2, 'rejected:OTHER': 1}
    """
    return dict(Tally(f"{counter}:{known_code(code)}" for code in codes))


def known_code(code: str) -> str:
    """Return a code by which something is counted: itself, or OTHER_CODES where it is none."""
    return code if _CODE.fullmatch(code) else OTHER_CODES


#: How many, by name.
Counts: TypeAlias = Mapping[str, int] | Mapping[Counter, int]


class Window(StrEnum):
    """What a window bucket holds beside the counters of the same name.

    Sums and histograms also stand beside the totals, since the namespace began; the depths don't.
    """

    LATENCY_SUM_MS = "latency_sum_ms"  #: sum of write latencies of batches: claim to settled
    LATENCY = "latency"  #: prefix of the histogram of batch write latency; `latency:<upper bound in ms>`
    LAG_SUM_MS = "lag_sum_ms"  #: sum of the values' age when committed, of those that are not late
    LAG = "lag"  #: prefix of the histogram of values' age when committed; `lag:<upper bound in ms>`
    AHEAD = "ahead"  #: values whose time lay in the future when they were committed, by more than AHEAD_S
    AHEAD_SUM_S = "ahead_sum_s"  #: sum of the seconds by which it did
    DEPTH = "depth"  #: values in the buffer after the last move of the bucket
    DEPTH_MAX = "depth_max"  #: most values in the buffer after any move of the bucket


#: Upper bounds of the histograms, in milliseconds; the last catches everything above.
HISTOGRAM_BOUNDS_MS: tuple[int, ...] = (
    1, 2, 3, 5, 7, 10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 700,
    1_000, 1_500, 2_000, 3_000, 5_000, 10_000, 30_000, 60_000, 300_000, 3_600_000,
)  # fmt: skip

#: Field suffix for what lies above the last bound.
HISTOGRAM_ABOVE = "inf"

#: Seconds by which a value's time may lie in the future: so far clocks disagree.
AHEAD_S = 60

#: Milliseconds of lag from which a value is replayed, or late: counted above the last bound, and in no mean.
LATE_MS = HISTOGRAM_BOUNDS_MS[-1]


def histogram_field(prefix: str, milliseconds: float) -> str:
    """Return the field that counts an observation.

    >>> histogram_field("latency", 42.0)
    'latency:50'
    """
    place = bisect_left(HISTOGRAM_BOUNDS_MS, milliseconds)
    return f"{prefix}:{HISTOGRAM_BOUNDS_MS[place] if place < len(HISTOGRAM_BOUNDS_MS) else HISTOGRAM_ABOVE}"


def flatten(counts: Counts) -> list[str | int]:
    """Return name, count, name, count...: what the scripts take; zeros are left out."""
    return [item for name, count in counts.items() if count for item in (name, count)]
