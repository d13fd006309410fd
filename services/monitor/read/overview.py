"""What Redis held at one moment: an immutable record that everything else is made of. No I/O, no clock."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from services.monitor.read.buckets import Bucket, total
from services.monitor.read.groups import Identity, known_groups
from shared.counters import WINDOW_BUCKET_S, WINDOW_S
from shared.redis_state import RedisState
from shared.snapshot import Snapshot

#: Events read each tick, newest first: what `/api/events` can show.
EVENTS_READ = 200

#: Seconds after which a service that was not closed in order is no longer listed as lost.
FORGET_AFTER_S = 86_400


@dataclass(frozen=True)
class Service:
    """One process as its heartbeat describes it; without fields when it stopped beating and was not closed."""

    role: str
    instance: str
    beat_at: float  #: seconds since 1970
    fields: Mapping[str, str]
    partition: int | None = None  #: where there are several

    @property
    def alive(self) -> bool:
        """Whether it has beaten within the heartbeat's expiry."""
        return bool(self.fields)


@dataclass(frozen=True)
class EventRecord:
    """One event of the stream; `at` in seconds since 1970."""

    id: str
    at: float
    fields: Mapping[str, str]


@dataclass(frozen=True)
class Overview:
    """The pipeline at one moment of Redis' clock. Every client of one tick is answered from the same one."""

    ledger: Snapshot
    history: tuple[Bucket, ...]  #: of the last hour, oldest first; the last one fills now
    services: tuple[Service, ...]  #: by role and name
    events: tuple[EventRecord, ...]  #: newest first
    backup_files: Mapping[str, Mapping[str, Any]]  #: by file name
    overflows: Mapping[str, Mapping[str, Any]]  #: by episode id, which begins with its time
    polling: Mapping[str, Mapping[str, Any]]  #: what came through of each polling group, by field
    observed: Mapping[str, int]  #: totals by name, the sums and histograms of latency and lag among them
    owners: frozenset[tuple[str, str]]  #: role and name of those who hold messages or values in lists of their own
    acknowledged: Mapping[str, int] = field(default_factory=dict)  #: totals of losses at their acknowledgement
    went_back: Mapping[str, int] = field(default_factory=dict)  #: how often Redis went back, what it forgot, when last
    redis: RedisState = field(default_factory=RedisState)
    merge: Callable[[Mapping[str, Mapping[str, Any]], Sequence[str]], Mapping[Identity, Mapping[str, Any]]] = field(
        default=known_groups, compare=False, repr=False
    )
    left_out: Mapping[str, int] = field(default_factory=dict)  #: by key: entries too long, too many or unreadable
    #: What it is the sum of, by number; empty where there is one partition, or this is one.
    partitions: "Mapping[int, Overview]" = field(default_factory=dict)

    @property
    def taken_at(self) -> float:
        """When it was read, in seconds since 1970 on Redis' clock."""
        return self.ledger.taken_at

    @cached_property
    def buckets(self) -> tuple[Bucket, ...]:
        """The buckets of the last WINDOW_S seconds, oldest first: what rates and averages are made of."""
        return self.history[-WINDOW_S // WINDOW_BUCKET_S :]

    @cached_property
    def window(self) -> Mapping[str, int]:
        """The sums over those buckets; what none of them holds counts as 0."""
        return total(self.buckets)

    @cached_property
    def groups(self) -> Mapping[Identity, Mapping[str, Any]]:
        """The polling groups by PLC and name, with what living pollers of ours say of them; not to be changed."""
        return self.merge(self.polling, [poller.fields.get("groups", "") for poller in self.living("poller")])

    @property
    def fullest_buffer(self) -> int:
        """Values in the buffer; of several, in the fullest."""
        return max((part.ledger.in_buffer for part in self.partitions.values()), default=self.ledger.in_buffer)

    def living(self, role: str) -> list[Service]:
        """Return the processes of a role that beat."""
        return [service for service in self.services if service.alive and service.role == role]
