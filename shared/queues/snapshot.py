"""One moment of the pipeline: the ledger, read in one step."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any

from shared.counters import Counter
from shared.errors import RedisUnavailableError
from shared.keys import Keys
from shared.models import stored_timestamp
from shared.redis.link import RedisLink
from shared.zones import age_s

#: Questions for one moment: with ten thousand batches a second one in a few meets none that came between.
_MOST_QUESTIONS = 100

#: A count that Redis can add to, as it writes it: not `+7`, ` 7`, an empty text, or what is about to overflow.
_IS_COUNT = re.compile(rb"0|[1-9][0-9]{0,17}")

#: Lists that one question names.
_MOST_LISTS = 50_000


@dataclass(frozen=True)
class Snapshot:
    """Where all values are, at one moment of Redis' clock. Unit: values, or messages where the name says so."""

    taken_at: float  #: seconds since 1970
    in_buffer: int
    in_flight: int
    batches_in_flight: int
    queued_messages: int
    claimed_messages: int
    rejected_messages_kept: int
    counters: Mapping[Counter, int]
    spoiled: tuple[Counter, ...] = ()  #: counters that hold something else than a count; taken for 0
    rejected_rows_waiting: int = 0  #: rows that wait for a rejected_*.csv that can be written
    oldest_value_at: float | None = None  #: time of the value at the buffer's head; None where there is none

    def __getitem__(self, counter: Counter) -> int:
        return self.counters[counter]

    @property
    def oldest_value_age_s(self) -> float:
        """Seconds since the value at the buffer's head was collected; 0 where there is none."""
        return 0.0 if self.oldest_value_at is None else max(0.0, self.taken_at - self.oldest_value_at)

    @property
    def accounted(self) -> int:
        """All values whose place or end is known; equal to `inserted` when the ledger balances."""
        ends = (Counter.OVERFLOWED, Counter.WRITTEN, Counter.DUPLICATES, Counter.REJECTED, Counter.BACKED_UP)
        return sum(self.counters[end] for end in ends) + self.in_buffer + self.in_flight

    @property
    def difference(self) -> int:
        """Values inserted that are in no place; negative: in more than one."""
        return self.counters[Counter.INSERTED] - self.accounted

    @property
    def balances(self) -> bool:
        """The ledger: every value ever pushed is in exactly one place."""
        return self.difference == 0


def take_snapshot(link: RedisLink, keys: Keys, zone: tzinfo = UTC) -> Snapshot:
    """Read all figures at one moment. `zone`: SOURCE_TIME_ZONE, for the time of the value at the buffer's head.

    Raises: RedisUnavailableError.
    """
    seconds, microseconds, in_buffer, in_flight, batches, queued, claimed, rejected_kept, waiting, counts, oldest = (
        _all_figures(link, keys)
    )
    counters = {counter: _count(text) for counter, text in zip(Counter, counts, strict=True)}
    taken_at = int(seconds) + int(microseconds) / 1e6
    return Snapshot(
        taken_at=taken_at,
        in_buffer=in_buffer,
        in_flight=in_flight,
        batches_in_flight=batches,
        queued_messages=queued,
        claimed_messages=claimed,
        rejected_messages_kept=rejected_kept,
        counters={counter: count or 0 for counter, count in counters.items()},
        spoiled=tuple(counter for counter, count in counters.items() if count is None),
        rejected_rows_waiting=waiting,
        oldest_value_at=_timestamp(oldest, zone, taken_at),
    )


def _all_figures(link: RedisLink, keys: Keys) -> list[Any]:
    """Ask until no list is claimed or settled between two questions: a script is told each list that it counts."""
    places = [
        keys.counters, keys.buffer, keys.inflight, keys.data_queue, keys.claimed, keys.rejected_messages,
        keys.rejected_rows,
    ]  # fmt: skip
    lists: list[str] = []
    for _ in range(_MOST_QUESTIONS):
        answer: list[Any] = link.run("snapshot", [*places, *lists], list(Counter))
        if len(answer) > 1:
            return answer
        lists = [*(raw.decode(errors="replace") for raw in answer[0]), *lists][:_MOST_LISTS]
    raise RedisUnavailableError(f"batches come and go too fast to be counted: {len(lists)} of them were asked for")


def _timestamp(begin: bytes, zone: tzinfo, now: float) -> float | None:
    """Return the time that a value's first bytes name, `[1,"2025-11-02T14:30:51"...`; None where they name none."""
    try:
        moment = stored_timestamp(begin.split(b'"')[1].decode())
        return now - age_s(moment, zone, now)
    except (IndexError, ValueError, OverflowError):
        return None


def _count(text: bytes | None) -> int | None:
    """Return a count, 0 where there is none yet; None for what is no count: to such a text HINCRBY adds nothing."""
    return 0 if text is None else int(text) if _IS_COUNT.fullmatch(text) else None
