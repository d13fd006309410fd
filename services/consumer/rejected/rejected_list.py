"""The rejected list: what is on it, put back on the DataQueue or dropped, all of it or what a person chose.

An entry is put back, dropped or kept in one step with its count, and only if the list still is what was read: whoever
does the same at the same time, or again after a lost answer, finds it changed. It may end anywhere: what was not looked
at yet is still there.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from services.consumer.rejected.entries import code_of, entry_id, example_of, message_of
from shared.counters import WINDOW_BUCKET_S, WINDOW_KEEP_S
from shared.errors import AnswerTooLargeError
from shared.journal.rejected_examples import RejectedExamples
from shared.keys import Keys
from shared.queues.data_queue import DEFAULT_MAX_MESSAGES, drop_rejected
from shared.queues.lightening import lighten
from shared.records.rejected import Rejected
from shared.redis.link import RedisLink

#: Entries read, and put back, in one step: each may have some hundred kB.
ENTRIES_AT_ONCE = 20

#: Answers of clear_rejected.lua.
_CHANGED, _NO_ROOM = -1, -2

#: What an entry becomes that stays, or goes.
_STAYS, _GOES = b"", b"-"


@dataclass(frozen=True)
class Choice:
    """Which entries are meant: those with one of these ids and codes; all where none is named."""

    ids: frozenset[str] = frozenset()
    codes: frozenset[str] = frozenset()
    most: int | None = None  #: of the oldest entries: those that a person was told of

    @property
    def is_all(self) -> bool:
        """Whether all are meant."""
        return not self.ids and not self.codes and self.most is None

    def has(self, entry: bytes) -> bool:
        """Tell whether an entry is meant."""
        return (not self.ids or entry_id(entry) in self.ids) and (not self.codes or code_of(entry) in self.codes)


@dataclass
class Cleared:
    """What became of the entries that were meant."""

    done: int = 0  #: put back, or dropped
    kept: int = 0  #: of those that were to be put back: only their beginning is kept
    unseen: int = 0  #: not looked at: the DataQueue is full, or somebody stopped it
    is_full: bool = False  #: the DataQueue took no more


class RejectedList:
    """The rejected list of one namespace."""

    def __init__(self, link: RedisLink, keys: Keys, examples: RejectedExamples | None = None) -> None:
        self._link = link
        self._keys = keys
        self._examples = examples or RejectedExamples(link, keys)

    def __len__(self) -> int:
        return int(self._link.command("LLEN", self._keys.rejected_messages))

    def entries(self) -> Iterator[bytes]:
        """Return the entries, the oldest first."""
        start = 0
        while some := self._read(start):
            yield from some
            start += len(some)

    def retry(self, choice: Choice = Choice(), goes_on: Callable[[int], bool] = lambda _looked_at: True) -> Cleared:
        """Put entries that are there now back on the DataQueue, the oldest first; say what became of them.

        What stays is on the list in the order in which it was. `goes_on` is asked before each step, with how many
        entries were looked at.
        Raises: RedisUnavailableError: some may be put back; calling it again is safe.
        """
        return self._clear(lambda entry: _message(entry) if choice.has(entry) else _STAYS, choice.most, goes_on)

    def drop(self, choice: Choice = Choice(), goes_on: Callable[[int], bool] = lambda _looked_at: True) -> Cleared:
        """Drop entries that are there now, each counted; say what became of them.

        Raises: RedisUnavailableError: some may be dropped; calling it again is safe.
        """
        if choice.is_all:
            # In one step, that needs no room: where Redis is full of it, this is what helps.
            dropped = Cleared(drop_rejected(self._link, self._keys))
            # Whatever was there: the answer before this one may have been lost, with its examples still told.
            self._examples.forget_all(Rejected.MESSAGE, Rejected.TAG)
            return dropped
        return self._clear(lambda entry: _GOES if choice.has(entry) else _STAYS, choice.most, goes_on)

    def _clear(
        self, becomes: Callable[[bytes], bytes | None], most: int | None, goes_on: Callable[[int], bool]
    ) -> Cleared:
        """See to each entry that is there now, or the oldest ones; `becomes` None: it is meant, and can't be done."""
        cleared, left = Cleared(), len(self)
        gone: dict[tuple[Rejected, str], list[str]] = {}  # ids by what they were and their code
        left = left if most is None else min(left, most)
        total = left
        while left > 0 and goes_on(total - left):
            entries = self._read(0)[:left]
            if not entries:
                left = 0
                break
            wanted = [becomes(entry) for entry in entries]
            answer = self._step(entries, [want or _STAYS for want in wanted])
            if answer == _NO_ROOM:
                cleared.is_full = True
                break
            if answer == _CHANGED:
                continue
            left -= len(entries)
            cleared.done += answer
            cleared.kept += wanted.count(None)
            for entry in (entry for entry, want in zip(entries, wanted, strict=True) if want):
                what, code, example = example_of(entry)
                gone.setdefault((what, code), []).append(example.id)
        cleared.unseen = left
        if not len(self):
            self._examples.forget_all(Rejected.MESSAGE, Rejected.TAG)
            return cleared
        for (what, code), ids in gone.items():
            self._examples.forget(what, code, [f'"{id_}"' for id_ in ids])
        return cleared

    def _step(self, entries: list[bytes], become: list[bytes]) -> int:
        digest = hashlib.sha1(b"".join(entries), usedforsecurity=False).hexdigest()
        keys = self._keys
        window = keys.window(int(self._link.server_time() // WINDOW_BUCKET_S))
        places = [keys.rejected_messages, keys.rejected_bytes, keys.counters, keys.data_queue, window]
        answer: list[int] = self._link.run(
            "clear_rejected", places, [digest, DEFAULT_MAX_MESSAGES, WINDOW_KEEP_S, *become]
        )
        return sum(answer)

    def _read(self, start: int) -> list[bytes]:
        key = self._keys.rejected_messages
        entries: list[bytes]
        try:
            entries = self._link.command("LRANGE", key, start, start + ENTRIES_AT_ONCE - 1)
        except AnswerTooLargeError:
            # An entry that others put there; or several of ours, that hold what takes many letters to be told.
            lighten(self._link, key, most=start + ENTRIES_AT_ONCE)
            entries = self._link.command("LRANGE", key, start, start)
        return entries


def _message(entry: bytes) -> bytes | None:
    message = message_of(entry)
    return None if message is None else b"m" + message
