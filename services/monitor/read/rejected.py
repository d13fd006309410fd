"""What was rejected, by code: exact counts, and the examples that services left, read again only where they changed."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass

import msgspec

from services.monitor.read.bounded_scan import BoundedScan
from shared.counters import OTHER_CODES, Counter
from shared.journal.rejected_examples import MAX_CODES, MAX_EXAMPLE_BYTES, MAX_KEPT
from shared.keys import Keys
from shared.records.reading import from_json
from shared.records.rejected import Rejected, RejectedCode, RejectedExample
from shared.redis.link import RedisLink
from shared.redis.scripts import Call

#: The total of which each is a part.
TOTALS = {
    Rejected.ROW: Counter.REJECTED,
    Rejected.MESSAGE: Counter.MESSAGES_REJECTED,
    Rejected.TAG: Counter.TAGS_REJECTED,
}

#: Lists of examples that are read in one round trip: each may have 256 kB.
_LISTS_AT_ONCE = 8


@dataclass(frozen=True)
class RejectedOfCode:
    """All that was rejected with one code."""

    what: Rejected
    code: str
    count: int  #: since the namespace began
    again: int = 0  #: rows refused again while their file was recovered
    first_at: float | None = None  #: seconds since 1970; None where nobody told
    last_at: float | None = None
    examples: tuple[RejectedExample, ...] = ()  #: newest first


class RejectedReader:
    """Reads the codes of one namespace and their examples."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        #: What is known of each code; the reader reads it along with all else.
        self.codes = BoundedScan(keys.rejected_codes, max_entries=2 * MAX_CODES, max_value_bytes=1_000)
        self._known: dict[tuple[Rejected, str], RejectedCode] = {}
        self._examples: dict[tuple[Rejected, str], tuple[RejectedExample, ...]] = {}

    @property
    def names(self) -> list[str]:
        """The names under which the codes that are known by now are counted."""
        return [f"{TOTALS[what]}:{code}" for what, code in self._known]

    def read(self, link: RedisLink, observed: Mapping[str, int], files: Collection[str]) -> tuple[RejectedOfCode, ...]:
        """Return all codes, the most frequent first. Raises: RedisUnavailableError.

        Args: observed: the totals. files: the names of the files that are listed.
        """
        known = dict(_known(self.codes.entries))
        changed = [name for name, record in known.items() if record != self._known.get(name)]
        for start in range(0, len(changed), _LISTS_AT_ONCE):
            some = changed[start : start + _LISTS_AT_ONCE]
            keys = [self._keys.rejected_examples(what, code) for what, code in some]
            calls = [Call("newest_elements", [key], [MAX_KEPT, MAX_EXAMPLE_BYTES]) for key in keys]
            for name, (found,) in zip(some, link.run_all(*calls), strict=True):
                examples = (from_json(RejectedExample, raw) for raw in found[1:])
                self._examples[name] = tuple(example for example in examples if example is not None)
        self._known = known
        with_place = {name for name in files if " at " in name}
        counts = _counts(observed, known)
        return _by_count(self._of(what, code, count, with_place) for (what, code), count in counts.items())

    def _of(self, what: Rejected, code: str, count: int, files: Collection[str]) -> RejectedOfCode:
        record = self._known.get((what, code))
        if record is None:
            return RejectedOfCode(what, code, count)
        examples = self._examples.get((what, code), ())
        if files:  # seldom: there may be thousands of examples, each second
            examples = tuple(_as_listed(example, files) for example in examples)
        return RejectedOfCode(what, code, count, record.again, record.first_at, record.last_at, examples)


def _as_listed(example: RejectedExample, files: Collection[str]) -> RejectedExample:
    """Return an example that names its file as the list of files does: by its place too, where two have one."""
    with_place = f"{example.file} at {example.place}"
    return msgspec.structs.replace(example, file=with_place) if with_place in files else example


def together(parts: Iterable[Iterable[RejectedOfCode]]) -> tuple[RejectedOfCode, ...]:
    """Return the codes of several partitions, each once."""
    by_name: dict[tuple[Rejected, str], list[RejectedOfCode]] = {}
    for part in parts:
        for found in part:
            by_name.setdefault((found.what, found.code), []).append(found)
    return _by_count(map(_sum, by_name.values()))


def _by_count(found: Iterable[RejectedOfCode]) -> tuple[RejectedOfCode, ...]:
    return tuple(sorted(found, key=lambda each: (-each.count, each.what, each.code)))


def _sum(same: list[RejectedOfCode]) -> RejectedOfCode:
    examples = sorted((example for of in same for example in of.examples), key=lambda example: -example.at)
    return RejectedOfCode(
        same[0].what,
        same[0].code,
        sum(of.count for of in same),
        sum(of.again for of in same),
        min((of.first_at for of in same if of.first_at is not None), default=None),
        max((of.last_at for of in same if of.last_at is not None), default=None),
        tuple(examples[:MAX_KEPT]),
    )


def _known(entries: Mapping[bytes, bytes]) -> Iterator[tuple[tuple[Rejected, str], RejectedCode]]:
    kinds = {str(what): what for what in Rejected}
    for field, raw in entries.items():
        what, _, code = field.decode(errors="replace").partition(":")
        record = from_json(RejectedCode, raw)
        if what in kinds and code and record is not None:
            yield (kinds[what], code), record


def _counts(observed: Mapping[str, int], known: Iterable[tuple[Rejected, str]]) -> dict[tuple[Rejected, str], int]:
    """Return how many have each code; what older versions counted without one is among OTHER_CODES."""
    counts = dict.fromkeys(known, 0)
    for what, total in TOTALS.items():
        of_codes = {
            name.partition(":")[2]: count for name, count in observed.items() if name.startswith(f"{total}:") and count
        }
        others = observed.get(total, 0) - sum(of_codes.values())
        if others > 0:
            of_codes[OTHER_CODES] = of_codes.get(OTHER_CODES, 0) + others
        counts |= {(what, code): count for code, count in of_codes.items()}
    return counts
