"""What is rejected, for people: when each code came first and last, and the newest examples of it.

How often is counted elsewhere, exactly, in the step that moves what is rejected (`by_code` in `shared/counters.py`).
What is told here is a side path with bounds: an example that can't be kept is no loss, the row is in its file and the
message on its list.
"""

import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from shared.counters import known_code
from shared.errors import PipelineError
from shared.keys import Keys
from shared.logs import get_logger
from shared.records.reading import as_json, to_json
from shared.records.rejected import Rejected, RejectedExample
from shared.redis.connections import Argument
from shared.redis.link import RedisLink

#: Codes that are known one by one; what more come is counted, without examples.
MAX_CODES = 64

#: Examples kept of each code, and bytes of all of them.
MAX_KEPT, MAX_KEPT_BYTES = 200, 256_000

#: Bytes of one example: a longer one is told without its cells, which its file has.
MAX_EXAMPLE_BYTES = 16_000

_log = get_logger()


@dataclass
class _Unsaid:
    """What is not told yet of one code."""

    first_at: float
    last_at: float
    again: int = 0
    examples: deque[RejectedExample] = field(default_factory=lambda: deque(maxlen=MAX_KEPT))


class RejectedExamples:
    """Collects examples and tells them by `flush`; safe to use from several threads. Never fails its caller."""

    def __init__(self, link: RedisLink, keys: Keys) -> None:
        self._link = link
        self._keys = keys
        self._lock = threading.Lock()
        self._unsaid: dict[tuple[Rejected, str], _Unsaid] = {}

    def note(self, what: Rejected, code: str, at: float, example: RejectedExample, again: int = 0) -> None:
        """Take note of one that was rejected `at` seconds since 1970; `again`: 1 where it had been counted before."""
        name = what, known_code(code)
        with self._lock:
            unsaid = self._unsaid.get(name)
            if unsaid is None:
                if len(self._unsaid) >= MAX_CODES:
                    return
                unsaid = self._unsaid[name] = _Unsaid(at, at)
            unsaid.first_at, unsaid.last_at = min(unsaid.first_at, at), max(unsaid.last_at, at)
            unsaid.again += again
            unsaid.examples.append(example)

    def flush(self) -> None:
        """Tell what is new; what can't be told now is told by a later flush."""
        with self._lock:
            unsaid, self._unsaid = self._unsaid, {}
        if not unsaid:
            return
        lists: list[str] = []
        told: list[Argument] = []
        for (what, code), news in unsaid.items():
            lists.append(self._keys.rejected_examples(what, code))
            examples = [_short(example) for example in news.examples]
            told += [f"{what}:{code}", f"{news.first_at:.3f}", f"{news.last_at:.3f}", news.again]
            told += [len(examples), *examples]
        try:
            keys = [self._keys.rejected_codes, *lists]
            self._link.run("keep_examples", keys, [MAX_CODES, MAX_KEPT, MAX_KEPT_BYTES, *told])
        except PipelineError as error:
            _log.debug(f"examples of what was rejected are told later: {error}")
            with self._lock:
                self._unsaid = {**unsaid, **self._unsaid}

    def forget_file(self, file: str, place: str | None) -> None:
        """Let the examples of a file go: its rows are in the table, or in another one.

        place: its directory's own name; files of other places may have the same name.
        Raises: RedisUnavailableError: calling it again is safe.
        """
        # As examples have it; and as those of writers have it that told no place: it may be this one.
        named = [as_json({"file": file, "place": place})[1:-1], f'{as_json({"file": file})[1:-1]}, "consumer"']
        for code in self._codes(Rejected.ROW):
            self.forget(Rejected.ROW, code, named)

    def forget_all(self, *kinds: Rejected) -> None:
        """Let all examples of these kinds go. Raises: RedisUnavailableError: calling it again is safe."""
        for what in kinds:
            for code in self._codes(what):
                self.forget(what, code)

    def _codes(self, what: Rejected) -> list[str]:
        names = self._link.command("HKEYS", self._keys.rejected_codes)[: 2 * MAX_CODES]
        parted = [name.decode(errors="replace").partition(":") for name in names]
        with self._lock:
            unsaid = {code for kind, code in self._unsaid if kind is what}
        return sorted(unsaid | {code for kind, _, code in parted if kind == what})

    def forget(self, what: Rejected, code: str, only: Iterable[str] | None = None) -> None:
        """Let examples go that are not rejected any more: all of a code, or those that hold one of these texts.

        Raises: RedisUnavailableError: calling it again is safe.
        """
        only = list(only or ())
        with self._lock:
            unsaid = self._unsaid.get((what, code))
            for example in list(unsaid.examples) if unsaid else ():
                if unsaid and (not only or any(text in to_json(example) for text in only)):
                    unsaid.examples.remove(example)
        keys = [self._keys.rejected_codes, self._keys.rejected_examples(what, code)]
        self._link.run("forget_examples", keys, [f"{what}:{code}", *only])


def _short(example: RejectedExample) -> str:
    text = to_json(example)
    if len(text.encode()) <= MAX_EXAMPLE_BYTES:
        return text
    return to_json(
        RejectedExample(id=example.id, at=example.at, reason=example.reason, file=example.file, place=example.place)
    )
