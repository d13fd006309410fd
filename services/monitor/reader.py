"""Everything that the monitor shows, read from Redis into one immutable record."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import msgspec

from services.monitor.buckets import Bucket, BucketLog
from services.monitor.groups import Identity, known_groups
from services.monitor.stats import total
from shared.counters import WINDOW_BUCKET_S, WINDOW_S
from shared.errors import FatalError
from shared.keys import Keys, list_owner
from shared.redis_link import RedisLink
from shared.snapshot import Snapshot, take_snapshot

#: Events read each tick, newest first: what `/api/events` can show.
EVENTS_READ = 200

#: Seconds after which a service that was not closed in order is no longer listed as lost.
FORGET_AFTER_S = 86_400

#: Colons in the key of a list that has an owner: `...:<owner>:<batch>`.
_LEAST_COLONS = 2


@dataclass(frozen=True)
class Service:
    """One process as its heartbeat describes it; without fields when it stopped beating and was not closed."""

    role: str
    instance: str
    beat_at: float  #: seconds since 1970
    fields: Mapping[str, str]

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
        pollers = (poller.fields.get("groups", "") for poller in self.living("poller"))
        return known_groups(self.polling, pollers, self.taken_at)

    def living(self, role: str) -> list[Service]:
        """Return the processes of a role that beat."""
        return [service for service in self.services if service.alive and service.role == role]


class RedisReader:
    """Reads one namespace. Its commands change nothing and run at Redis' memory limit."""

    def __init__(self, link: RedisLink, keys: Keys) -> None:
        self._link = link
        self._keys = keys
        self._log = BucketLog()

    def read(self) -> Overview:
        """Read all there is in three round trips; the ledger's figures are of one moment.

        Raises: RedisUnavailableError; FatalError: there is something that no service of ours wrote.
        """
        keys = self._keys
        try:
            ledger = take_snapshot(self._link, keys)
        except ValueError as error:
            raise FatalError(f"{keys.counters} in Redis holds something that is no count: {error}") from error
        numbers = self._log.to_read(ledger.taken_at)
        beats, files, overflows, polling, events, totals, inflight, claimed, *windows = self._link.commands(
            ("ZRANGEBYSCORE", keys.services, int(ledger.taken_at - FORGET_AFTER_S), "+inf", "WITHSCORES"),
            ("HGETALL", keys.backup_files),
            ("HGETALL", keys.overflow_episodes),
            ("HGETALL", keys.polling),
            ("XREVRANGE", keys.events, "+", "-", "COUNT", EVENTS_READ),
            ("HGETALL", keys.counters),
            ("SMEMBERS", keys.inflight),
            ("SMEMBERS", keys.claimed),
            *(("HGETALL", keys.window(number)) for number in numbers),
        )
        return Overview(
            ledger=ledger,
            history=self._log.add(numbers, [_counts(window) for window in windows]),
            services=self._services(beats),
            events=tuple(EventRecord(_text(id_), int(id_.split(b"-")[0]) / 1000, _texts(raw)) for id_, raw in events),
            backup_files=_records(files),
            overflows=_records(overflows),
            polling=_records(polling),
            observed=_counts(totals),
            owners=frozenset(
                (role, list_owner(_text(key)))
                for role, lists in (("writer", inflight), ("consumer", claimed))
                for key in lists
                if key.count(b":") >= _LEAST_COLONS
            ),
        )

    def _services(self, beats: Iterable[tuple[bytes, float]]) -> tuple[Service, ...]:
        names = sorted((*_text(member).partition(":")[::2], float(beat_at)) for member, beat_at in beats)
        if not names:
            return ()
        hashes = self._link.commands(*(("HGETALL", self._keys.service(role, instance)) for role, instance, _ in names))
        return tuple(
            Service(role, instance, beat_at, _texts(fields))
            for (role, instance, beat_at), fields in zip(names, hashes, strict=True)
        )


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")


def _texts(raw: Mapping[bytes, bytes]) -> dict[str, str]:
    return {_text(name): _text(value) for name, value in raw.items()}


def _counts(raw: Mapping[bytes, bytes]) -> dict[str, int]:
    """Return the counts in a hash; what is no count must not hide the others and is left out."""
    counts: dict[str, int] = {}
    for name, value in raw.items():
        try:
            counts[_text(name)] = int(value)
        except ValueError:
            continue
    return counts


def _records(raw: Mapping[bytes, bytes]) -> dict[str, Mapping[str, Any]]:
    """Return what the JSON objects in a hash hold; one that is none must not hide the others and is left out."""
    records: dict[str, Mapping[str, Any]] = {}
    for name, text in raw.items():
        try:
            records[_text(name)] = msgspec.json.decode(text, type=dict[str, Any])
        except (msgspec.MsgspecError, UnicodeDecodeError):
            continue
    return records
