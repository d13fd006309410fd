"""Lists that belong to one process while it works on what they hold.

A batch is claimed into a list of its own whose key names its owner. The list goes when the work is done. If the owner
dies first, another process takes the list over; if an answer was lost and the owner itself forgot the list, it finds it
again in the same way. Nothing is ever held only in memory.

What kills its owner would kill the next one too, and so for ever. The name of a list that was taken over from the
dead therefore says how often it was opened since; where each element is work of its own (`apart`), a list of several
is split when it is taken over: the one that kills is soon alone. What to do with a suspect is the owner's business.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import KW_ONLY, dataclass
from itertools import count
from typing import NamedTuple

from shared.errors import AnswerTooLargeError
from shared.journal.events import EventLog
from shared.keys import Keys, list_owner, list_takeovers
from shared.life.heartbeat import HEARTBEAT_EXPIRY_S, Heartbeat
from shared.logs import get_logger
from shared.queues.lifetimes import let_stay
from shared.records.events import Event, TakenOver
from shared.redis.link import RedisLink

#: Seconds between two sweeps for orphaned lists: with the heartbeat's expiry under the 15 s promised.
SWEEP_INTERVAL_S = 3.0

#: Times that a batch was taken over from the dead after which it counts as what they died of.
MAX_TAKEOVERS = 3

_EXPIRY_MS = int(HEARTBEAT_EXPIRY_S * 1000)

#: Lists that one is split into at most.
_MAX_PARTS = 1_000

#: Members of the set of lists that are none and are said; each once.
_MAX_STRANGERS = 100

_log = get_logger()


class Claimed:
    """What one process works on: what stands in a list of its own."""

    list_key: str

    @property
    def is_taken_over(self) -> bool:
        """Whether it comes from a process that died with it."""
        return list_takeovers(self.list_key) > 0

    @property
    def is_deadly(self) -> bool:
        """Whether it was taken over so often that processes seem to die of it."""
        return list_takeovers(self.list_key) >= MAX_TAKEOVERS


class _Adopted(NamedTuple):
    """A list that was taken over: from a dead process, or from this one, which forgot it when an answer was lost."""

    list_key: str
    is_from_the_dead: bool


@dataclass
class Claims:
    """One process's claimed lists of one kind; safe to use from several threads."""

    link: RedisLink
    keys: Keys
    heartbeat: Heartbeat
    events: EventLog
    _: KW_ONLY
    role: str
    index_key: str
    list_key: Callable[[str, str], str]
    apart: bool = False

    def __post_init__(self) -> None:
        self._numbers = count(1)
        self._lock = threading.Lock()
        self._active: set[str] = set()
        self._adopted: deque[_Adopted] = deque()
        self._strangers: set[str] = set()

    def open(self) -> str:
        """Return the key of a list for the next batch: one that was taken over or given back, else a new one.

        The id holds the process's incarnation, so that a command of an earlier life, carried out late, can't meet a
        list of this one. A list from the dead is renamed first: should we die of it, the next one can tell.
        Raises: RedisUnavailableError: for a list from the dead; the next sweep finds it again.
        """
        with self._lock:
            if not self._adopted:
                return self._new_list()
            adopted = self._adopted.popleft()
        if not adopted.is_from_the_dead:
            return adopted.list_key
        return self._rename(adopted.list_key, list_takeovers(adopted.list_key) + 1)

    @contextmanager
    def opening(self) -> Iterator[str]:
        """Yield what `open` returns; forget it where the block fails: the next sweep finds it, if it was filled."""
        list_key = self.open()
        try:
            yield list_key
        except Exception:
            self.close(list_key)
            raise

    def close(self, list_key: str) -> None:
        """Forget a list: its work is done, or it was never filled. One that still exists is found again by `sweep`."""
        with self._lock:
            self._active.discard(list_key)

    def give_back(self, list_key: str) -> None:
        """Let whoever opens a list next have this one, as it is: the work on it failed."""
        with self._lock:
            self._adopted.append(_Adopted(list_key, is_from_the_dead=False))

    @property
    def has_adopted(self) -> bool:
        """Tell whether a list that was taken over or given back waits for someone to open it."""
        return bool(self._adopted)

    @property
    def active_count(self) -> int:
        """The number of lists that this process works on, adopted ones included."""
        return len(self._active)

    def sweep(self, at_each: Callable[[], None] = lambda: None, *, only_own: bool = False) -> int:
        """Take over the lists of dead processes and forgotten ones of this process; return how many elements.

        Those of this process lose an expiry that somebody gave them, and stand again in a set that somebody deleted.

        `only_own`: only the latter. `at_each` is called before each list: there may be many, and each is a round trip.
        Raises: RedisUnavailableError: some may be taken over; the next sweep goes on.
        """
        with self._lock:
            held = [*self._active]
        let_stay(self.link, held, self.index_key)
        taken = 0
        prefix = self.list_key("", "").rstrip(":")
        for raw in self._names_of_lists():
            at_each()
            key = raw.decode(errors="replace")
            if key.startswith(f"{prefix}:") and key.count(":") > prefix.count(":") + 1:
                if not only_own or list_owner(key) == self.heartbeat.instance:
                    taken += self._take_over(key)
            elif key not in self._strangers and len(self._strangers) < _MAX_STRANGERS:
                # Whoever wrote that, it must not end us.
                self._strangers.add(key)
                _log.warning(f"{self.index_key} holds what is no list of ours, left alone: {key[:200]!r}")
        return taken

    def _names_of_lists(self) -> Iterable[bytes]:
        """Return what the set of lists names; nothing where others made it too large to be read."""
        try:
            names: Iterable[bytes] = self.link.command("SMEMBERS", self.index_key)
        except AnswerTooLargeError as error:
            # Whoever wrote that, it must not end us, nor hold up what is not left behind.
            _log.error(f"What dead processes left behind is not found until {self.index_key} is sound again: {error}")
            return ()
        return names

    def acquit(self, list_key: str) -> str:
        """Forget that a list was taken over: what it holds was worked on and did no harm. Returns its new name.

        Raises: RedisUnavailableError: the list may have been renamed; the next sweep finds it.
        """
        return self._rename(list_key, 0)

    def _rename(self, list_key: str, takeovers: int) -> str:
        with self._lock:
            new_key = self._new_list(takeovers)
        try:
            self._reclaim(list_key, new_key, self.heartbeat.instance)
        finally:
            self.close(list_key)
        return new_key

    def _reclaim(self, list_key: str, new_key: str, owner: str) -> int:
        """Give a list another name, unless its owner lives and is another; return how many elements it has then."""
        is_own = owner == self.heartbeat.instance
        places = [list_key, new_key, self.index_key, self.keys.service(self.role, owner)]
        try:
            return int(self.link.run("reclaim", places, [int(is_own), _EXPIRY_MS]))
        except Exception:
            self.close(new_key)
            raise

    def _take_over(self, list_key: str) -> int:
        owner = list_owner(list_key)
        with self._lock:
            if list_key in self._active:
                return 0
            new_key = self._new_list(list_takeovers(list_key))
        of_this_life = list_key.rsplit(":", 1)[1].startswith(f"{self.heartbeat.incarnation}-")
        from_the_dead = owner != self.heartbeat.instance or not of_this_life
        elements = self._reclaim(list_key, new_key, owner)
        if not elements:
            self.close(new_key)
            return 0
        self._adopt(_Adopted(new_key, from_the_dead), elements)
        message = f"Took over a batch of {elements} that {owner} left behind"
        _log.warning(message)
        self.events.add(Event.RECLAIMED, message, TakenOver(elements=elements, owner=owner))
        return elements

    def _adopt(self, adopted: "_Adopted", elements: int) -> None:
        """Give a list that was taken over to whom opens the next one; each element apart where that is wanted."""
        if not self.apart or elements == 1 or not adopted.is_from_the_dead:
            with self._lock:
                self._adopted.append(adopted)
            return
        with self._lock:
            # One that others filled has more than any of ours: what is left is found by the next sweep.
            parts = [self._new_list() for _ in range(min(elements, _MAX_PARTS))]
        moved = 0
        try:
            moved = self.link.run("split", [adopted.list_key, self.index_key, *parts])
        finally:
            with self._lock:
                self._active.discard(adopted.list_key)
                self._active.difference_update(parts[moved:])
                self._adopted.extend(_Adopted(part, is_from_the_dead=True) for part in parts[:moved])

    def _new_list(self, takeovers: int = 0) -> str:
        batch = f"{self.heartbeat.incarnation}-{next(self._numbers)}"
        key = self.list_key(self.heartbeat.instance, f"{batch}+{takeovers}" if takeovers else batch)
        self._active.add(key)
        return key
