"""What Redis held at one moment: an immutable record that everything else is made of. No I/O, no clock."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Generic, TypeGuard, TypeVar

import msgspec

from services.monitor.read.buckets import Bucket, total
from services.monitor.read.groups import Group, Identity
from services.monitor.read.rejected import RejectedOfCode
from services.monitor.read.tags import Tags
from shared.counters import WINDOW_BUCKET_S, WINDOW_S
from shared.queues.snapshot import Snapshot
from shared.records.actions import Action
from shared.records.events import EventRecord, OverflowEpisode
from shared.records.files import BackupFile, FileKind, FileStage
from shared.records.heartbeats import STATUS, Process, ServiceStatus
from shared.records.losses import Loss, WentBackTotal
from shared.records.reading import from_hash
from shared.redis.state import RedisState
from shared.texts import cut

#: Events read each tick, newest first: what `/api/events` can show.
EVENTS_READ = 200

#: Seconds after which a service that was not closed in order is no longer listed as lost.
FORGET_AFTER_S = 86_400


S = TypeVar("S", bound=ServiceStatus)

#: Fields of a heartbeat that have a place of their own, or none, where all the others are told.
_OWN_PLACE = {*(field.name for field in msgspec.structs.fields(Process)), "groups"}


@dataclass(frozen=True)
class Service(Generic[S]):
    """One process as its heartbeat describes it."""

    role: str
    instance: str
    beat_at: float  #: seconds since 1970
    process: Process | None  #: None when it stopped beating and was not closed
    status: S
    details: Mapping[str, str]  #: what it says beyond who it is, as it stands there
    partition: int | None = None  #: where there are several

    @property
    def alive(self) -> bool:
        """Whether it has beaten within the heartbeat's expiry."""
        return self.process is not None


def service_of(
    role: str, instance: str, beat_at: float, fields: Mapping[str, str], spoiled: list[str] | None = None
) -> Service[ServiceStatus]:
    """Return the process that a heartbeat's fields describe; `spoiled` takes the names of those that can't be read."""
    kind = STATUS.get(role, ServiceStatus)
    return Service(
        role=role,
        instance=instance,
        beat_at=beat_at,
        process=from_hash(Process, fields, spoiled) if fields else None,
        status=from_hash(kind, fields, spoiled) or kind(),
        details={name: cut(text) for name, text in fields.items() if name not in _OWN_PLACE},
    )


def living(services: Iterable[Service[ServiceStatus]], kind: type[S]) -> list[Service[S]]:
    """Return those that beat, of the role that says this."""
    return [service for service in services if service.alive and _says(service, kind)]


def _says(service: Service[Any], kind: type[S]) -> TypeGuard[Service[S]]:
    return isinstance(service.status, kind)


@dataclass(frozen=True)
class KnownAction:
    """Something that a person asked for."""

    action: Action
    partition: int | None = None  #: where there are several


@dataclass(frozen=True)
class Overview:
    """The pipeline at one moment of Redis' clock. Every client of one tick is answered from the same one."""

    ledger: Snapshot
    history: tuple[Bucket, ...]  #: of the last hour, oldest first; the last one fills now
    services: tuple[Service[ServiceStatus], ...]  #: by role and name
    events: tuple[EventRecord, ...]  #: newest first
    backup_files: Mapping[str, BackupFile]  #: by file name
    overflows: Mapping[str, OverflowEpisode]  #: by episode id, which begins with its time
    groups: Mapping[Identity, Group]  #: the polling groups by PLC and name, in their order
    observed: Mapping[str, int]  #: totals by name, the sums and histograms of latency and lag among them
    owners: frozenset[tuple[str, str]]  #: role and name of those who hold messages or values in lists of their own
    acknowledged: Loss = field(default_factory=Loss)  #: what a person said is known
    went_back: WentBackTotal = field(default_factory=WentBackTotal)
    redis: RedisState = field(default_factory=RedisState)
    actions: tuple[KnownAction, ...] = ()  #: those that are open and those that ended last, newest first
    left_out: Mapping[str, int] = field(default_factory=dict)  #: by key: entries too long, too many or unreadable
    tags: Tags = field(default_factory=Tags)  #: the last value of each, some seconds old
    rejected: tuple[RejectedOfCode, ...] = ()  #: by code, the most frequent first
    #: What it is the sum of, by number; empty where there is one partition, or this is one.
    partitions: "Mapping[int, Overview]" = field(default_factory=dict)

    @property
    def taken_at(self) -> float:
        """When it was read, in seconds since 1970 on Redis' clock."""
        return self.ledger.taken_at

    def age_s(self, at: float | None) -> float | None:
        """Return the seconds from a moment to when it was read, 0 where another's clock is ahead; None of no moment."""
        return None if at is None else max(0.0, self.taken_at - at)

    @cached_property
    def buckets(self) -> tuple[Bucket, ...]:
        """The buckets of the last WINDOW_S seconds, oldest first: what rates and averages are made of."""
        return self.history[-WINDOW_S // WINDOW_BUCKET_S :]

    @cached_property
    def window(self) -> Mapping[str, int]:
        """The sums over those buckets; what none of them holds counts as 0."""
        return total(bucket.counts for bucket in self.buckets)

    @property
    def parts(self) -> "Mapping[int, Overview]":
        """The partitions by number, one where there is only one."""
        return self.partitions or {0: self}

    def files_waiting(self, kind: FileKind) -> Mapping[str, BackupFile]:
        """Return the files of a kind whose rows are not in the table, by name, the newest first."""
        files = sorted(self.backup_files.items(), key=lambda entry: -entry[1].created)
        return {name: file for name, file in files if file.kind == kind and file.state != FileStage.RECOVERED}

    def living(self, kind: type[S]) -> list[Service[S]]:
        """Return the processes that beat, of the role that says this."""
        return living(self.services, kind)
