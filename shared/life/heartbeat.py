"""A process's name and the proof that it lives.

A name is taken atomically: two processes never hold one name. A name whose holder does not beat for HEARTBEAT_EXPIRY_S
is free; until then its incarnation decides, whatever host and pid it tells: two containers may share both. Only who can
see that the holder is gone, because both are of one boot and one pid namespace, takes the name at once, and with it the
unfinished batches: a process that was killed and started again. A container that was killed and restarted has a pid
namespace of its own: it takes name-2, and what it had in hand is taken over once the old name has expired.
"""

import os
import secrets
import socket
import time
from dataclasses import KW_ONLY, dataclass, field
from typing import NamedTuple, Self

from shared import __version__
from shared.journal.events import EventLog
from shared.journal.history import History
from shared.keys import Keys
from shared.life.pid_space import pid_space
from shared.life.sign import LifeSign, life_sign_path
from shared.lifecycle import StopFlag
from shared.logs import get_logger
from shared.records.heartbeats import Process, ServiceStatus
from shared.records.reading import from_hash, to_fields
from shared.redis.link import RedisLink
from shared.settings.models import ServiceSettings

#: A process that has not beaten for so long counts as dead, and its batches are taken over.
HEARTBEAT_EXPIRY_S = 10.0

#: Seconds between two beats: several may be lost before the process counts as dead.
BEAT_INTERVAL_S = 1.0

_log = get_logger()


@dataclass
class Heartbeat:
    """One process's entry among the services."""

    link: RedisLink
    keys: Keys
    events: EventLog
    role: str
    name: str | None = None  #: wanted; that of the host where none is
    _: KW_ONLY
    sign: LifeSign = field(default_factory=LifeSign)  #: the same proof for this machine alone
    partitions: int = 1

    def __post_init__(self) -> None:
        #: What this process remembers of the counters of where it beats.
        self.history = History(self.link, self.keys, self.events)
        self._started_at = round(time.time(), 3)
        #: Tells this process from an earlier or later one of the same name; part of every batch's id.
        self.incarnation = secrets.token_hex(4)
        #: The name held; empty until `register`.
        self.instance = ""

    @classmethod
    def of(cls, settings: ServiceSettings, link: RedisLink, keys: Keys, events: EventLog, role: str) -> Self:
        """Return the heartbeat of a service: under the name and with the sign of life that its settings want."""
        path = life_sign_path(settings.run_dir, settings.namespace, role, settings.instance_name)
        sign = LifeSign(path, lambda error: _log.error(f"No sign of life can be written, health checks fail: {error}"))
        return cls(link, keys, events, role, settings.instance_name, sign=sign, partitions=settings.partitions)

    def register(self, state: str = "starting") -> str:
        """Take a name: the wanted one, or with -2, -3... where a living process holds it. Returns it.

        Raises: RedisUnavailableError: no name was taken that would not expire by itself.
        """
        wanted, number = self.name or _host_name(), 1
        while True:
            name = wanted if number == 1 else f"{wanted}-{number}"
            holder = self._beat(name, over="", state=state)
            if holder is not None and _is_gone(holder):
                holder = self._beat(name, over=holder.incarnation, state=state)
            if holder is None:
                self.instance = self.events.instance = name
                return name
            number += 1

    def register_when_there(self, stop: StopFlag) -> bool:
        """Take a name as soon as Redis is there; return False when stopped before that."""
        with self.sign.shown():
            return self.link.insist(stop, self.register) is not None

    def beat(self, state: str, status: ServiceStatus | None = None) -> bool:
        """Say that the loop turns, in which state. Returns False when the name was lost and another was taken.

        A process that was frozen for longer than the expiry may find its name, and its batches, with another.
        """
        if self._beat(self.instance, over="", state=state, status=status) is None:
            return True
        lost = self.instance
        self.register(state)
        _log.warning(f"the name {lost} went to another process while this one did not beat; now {self.instance}")
        return False

    def look_around(self) -> None:
        """See whether Redis went back, and whether the primary is another one by now. Raises: RedisUnavailableError."""
        self.link.look_for_primary()
        self.history.look()

    def close(self) -> None:
        """Give the name back, so that what this process left is taken over at once."""
        if not self.instance:
            return
        key = self.keys.service(self.role, self.instance)
        holder = from_hash(Process, self.link.hash(key))
        if holder is not None and holder.incarnation == self.incarnation:
            self.link.commands(("DEL", key), ("ZREM", self.keys.services, f"{self.role}:{self.instance}"))

    def _beat(self, name: str, *, over: str, state: str, status: ServiceStatus | None = None) -> "_Holder | None":
        """Beat under a name, unless another incarnation than `over` holds it: return that holder."""
        process = Process(
            role=self.role,
            instance=name,
            incarnation=self.incarnation,
            version=__version__,
            host=_host_name(),
            pid=os.getpid(),
            pid_space=pid_space(),
            started_at=self._started_at,
            clock=round(time.time(), 3),
            state=state,
            partitions=self.partitions,
        )
        told = [*to_fields(process), *to_fields(status or ServiceStatus())]
        answer = self.link.run(
            "beat",
            [self.keys.service(self.role, name), self.keys.services],
            [self.incarnation, over, int(HEARTBEAT_EXPIRY_S * 1000), f"{self.role}:{name}", *told],
        )
        if answer[0] == 1:
            return None
        incarnation, space, pid = (part.decode(errors="replace") for part in answer[1:])
        return _Holder(incarnation, space, int(pid) if pid.isdecimal() else 0)


class _Holder(NamedTuple):
    """Who holds a name."""

    incarnation: str
    pid_space: str
    pid: int


def _host_name() -> str:
    return socket.gethostname().replace(":", "-")


def _is_gone(holder: _Holder) -> bool:
    """Tell whether the holder of a name surely lives no more.

    The number of a namespace is given out again once that is gone, so one of the same number as ours is ours, or dead.
    """
    if not holder.pid_space or holder.pid_space != pid_space() or holder.pid <= 0:
        return False
    if holder.pid == os.getpid():
        return True
    try:
        os.kill(holder.pid, 0)
    except OSError as error:
        return isinstance(error, ProcessLookupError)
    return False
