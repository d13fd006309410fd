"""Lists that belong to one process while it works on what they hold.

A batch is claimed into a list of its own whose key names its owner. The list goes when the work is done. If the owner
dies first, another process takes the list over; if an answer was lost and the owner itself forgot the list, it finds it
again in the same way. Nothing is ever held only in memory.
"""

import threading
from collections import deque
from collections.abc import Callable
from itertools import count

from shared.events import Event, EventLog
from shared.heartbeat import Heartbeat
from shared.keys import Keys, list_owner
from shared.logs import get_logger
from shared.redis_link import RedisLink

#: Seconds between two looks for orphaned lists: with the heartbeat's expiry under the 15 s promised.
SWEEP_INTERVAL_S = 3.0

_log = get_logger()


class Claims:
    """One process's claimed lists of one kind; safe to use from several threads."""

    def __init__(
        self,
        link: RedisLink,
        keys: Keys,
        heartbeat: Heartbeat,
        events: EventLog,
        *,
        role: str,
        index_key: str,
        list_key: Callable[[str, str], str],
    ) -> None:
        self._link = link
        self._keys = keys
        self._heartbeat = heartbeat
        self._events = events
        self._role = role
        self._index_key = index_key
        self._list_key = list_key
        self._numbers = count(1)
        self._lock = threading.Lock()
        self._active: set[str] = set()
        self._adopted: deque[str] = deque()

    def open(self) -> str:
        """Return the key of a list for the next batch: one that was taken over or given back, else a new one.

        The id holds the process's incarnation, so that a command of an earlier life, carried out late, can't meet a
        list of this one.
        """
        with self._lock:
            if self._adopted:
                return self._adopted.popleft()
            return self._new_list()

    def close(self, list_key: str) -> None:
        """Forget a list: its work is done, or it was never filled. One that still exists is found again by `sweep`."""
        with self._lock:
            self._active.discard(list_key)

    def give_back(self, list_key: str) -> None:
        """Let whoever opens a list next have this one, as it is: the work on it failed."""
        with self._lock:
            self._adopted.append(list_key)

    @property
    def has_adopted(self) -> bool:
        """Tell whether a list that was taken over or given back waits for someone to open it."""
        return bool(self._adopted)

    @property
    def active_count(self) -> int:
        """The number of lists that this process works on, adopted ones included."""
        return len(self._active)

    def sweep(self) -> int:
        """Take over the lists of dead processes and forgotten ones of this process; return how many elements.

        Raises: RedisUnavailableError: some may be taken over; the next sweep goes on.
        """
        taken = 0
        for raw in self._link.command("SMEMBERS", self._index_key):
            taken += self._take_over(raw.decode())
        return taken

    def _take_over(self, list_key: str) -> int:
        owner = list_owner(list_key)
        own = owner == self._heartbeat.instance
        with self._lock:
            if list_key in self._active:
                return 0
            new_key = self._new_list()
        elements = 0
        try:
            elements = self._link.run(
                "reclaim",
                [list_key, new_key, self._index_key, self._keys.service(self._role, owner)],
                [int(own)],
            )
        finally:
            with self._lock:
                if elements:
                    self._adopted.append(new_key)
                else:
                    self._active.discard(new_key)
        if elements:
            message = f"Took over a batch of {elements} that {owner} left behind"
            _log.warning(message)
            self._events.add(Event.RECLAIMED, message, elements=elements, owner=owner)
        return int(elements)

    def _new_list(self) -> str:
        key = self._list_key(self._heartbeat.instance, f"{self._heartbeat.incarnation}-{next(self._numbers)}")
        self._active.add(key)
        return key
