"""Everything that the monitor shows, read from Redis into one immutable record."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, tzinfo
from typing import Generic, TypeVar

from services.monitor.read.actions import ActionsReader
from services.monitor.read.bounded_scan import BoundedScan, read_scans
from services.monitor.read.buckets import BucketLog
from services.monitor.read.groups import GroupsMemo
from services.monitor.read.overview import EVENTS_READ, FORGET_AFTER_S, Overview, Service, living, service_of
from services.monitor.read.rejected import RejectedReader
from services.monitor.read.tags import Tags
from shared.counters import HISTOGRAM_ABOVE, HISTOGRAM_BOUNDS_MS, Counter, Window
from shared.errors import FatalError
from shared.keys import Keys, list_owner
from shared.queues.snapshot import take_snapshot
from shared.records.events import EventRecord, OverflowEpisode
from shared.records.files import BackupFile
from shared.records.heartbeats import PollerStatus, ServiceStatus
from shared.records.losses import Loss, WentBackTotal
from shared.records.polling import SeenGroup
from shared.records.reading import Record, from_hash, from_json
from shared.redis.link import Call, RedisLink
from shared.redis.state import RedisStateReader
from shared.texts import cut

#: Seconds between two looks at which groups pollers have in their files.
CONFIGURED_REST_S = 5.0

#: Polling groups, services and tags shown at most.
MAX_GROUPS, MAX_SERVICES, MAX_TAGS = 25_000, 500, 50_000

#: Seconds between two readings of the last values, at least: consumers save them as rarely.
_TAGS_REST_S = 5.0

#: Bytes of all last values together.
_TAGS_BYTES = 64 * 1024 * 1024

#: Fields of an event that are read, and bytes of all events that are looked at.
_EVENT_FIELDS, _EVENTS_BYTES = 16, 8 * 1024 * 1024

#: Letters of what an event says in JSON beside its sentence.
_MAX_JSON = 8_192

#: Fields of a heartbeat, and bytes of those of all pollers together: they list their groups there.
_SERVICE_FIELDS, _POLLERS_BYTES = 200, 32 * 1024 * 1024

#: Buckets of the window that one script reads.
_WINDOWS_AT_ONCE = 40

#: Every count that a service of ours writes.
_NAMES = [
    *Counter,
    *Window,
    *(f"{kind}:{bound}" for kind in (Window.LATENCY, Window.LAG) for bound in (*HISTOGRAM_BOUNDS_MS, HISTOGRAM_ABOVE)),
]

#: Colons in the key of a list that has an owner: `...:<owner>:<batch>`.
_LEAST_COLONS = 2


class RedisReader:
    """Reads one namespace. Its commands change nothing and run at Redis' memory limit.

    Whatever others wrote there, a reading takes a bounded number of bytes: what is too long or too many is left out and
    counted.
    """

    def __init__(self, link: RedisLink, keys: Keys, zone: tzinfo = UTC) -> None:
        self._link = link
        self._keys = keys
        self._zone = zone
        self._log = BucketLog()
        self._state = RedisStateReader(link)
        self._beats = BoundedScan(keys.services, "ZSCAN", max_entries=5_000)
        self._files = BoundedScan(keys.backup_files, max_entries=5_000)
        self._overflows = BoundedScan(keys.overflow_episodes)
        self._polling = BoundedScan(keys.polling, max_entries=MAX_GROUPS)
        self._last_values = BoundedScan(
            keys.last_values, max_entries=MAX_TAGS, max_bytes=_TAGS_BYTES, rest_s=_TAGS_REST_S
        )
        self._tags = Tags()
        self._configured = BoundedScan(keys.polling_configured, max_entries=MAX_GROUPS, rest_s=CONFIGURED_REST_S)
        self._file_records = _Records(self._files, BackupFile)
        self._overflow_records = _Records(self._overflows, OverflowEpisode)
        self._polling_records = _Records(self._polling, SeenGroup)
        self._groups = GroupsMemo()
        self._heartbeats: dict[str, BoundedScan] = {}
        self._actions = ActionsReader(keys)
        self._inflight = BoundedScan(keys.inflight, "SSCAN")
        self._claimed = BoundedScan(keys.claimed, "SSCAN")
        self._rejected = RejectedReader(keys)

    def read(self, on_piece: Callable[[], None] = lambda: None) -> Overview:
        """Read all there is, in three round trips where that is little; the ledger's figures are of one moment.

        `on_piece` is called whenever Redis has given a part of its answer.
        Raises: RedisUnavailableError; FatalError: there is something that no service of ours wrote.
        """
        keys = self._keys
        ledger = take_snapshot(self._link, keys, self._zone)
        if ledger.spoiled:
            raise FatalError(f"{keys.counters} in Redis holds something that is no count: {', '.join(ledger.spoiled)}")
        numbers = self._log.to_read(ledger.taken_at)
        scans = (
            self._beats, self._files, self._overflows, self._polling, self._inflight, self._claimed, self._last_values,
            self._actions.open,
            self._rejected.codes,
            self._configured,
        )  # fmt: skip
        state = self._state.read()
        events, steps, counts, *windows = read_scans(
            self._link,
            scans,
            [
                Call("newest_events", [keys.events], [EVENTS_READ, _EVENT_FIELDS, _MAX_JSON, _EVENTS_BYTES]),
                self._actions.newest_steps(),
                Call(
                    "counts", [keys.counters, keys.loss_acknowledged, keys.went_back], [*_NAMES, *self._rejected.names]
                ),
                *(Call("counts", [keys.window(number) for number in some], _NAMES) for some in _batches(numbers)),
            ],
            on_piece,
        )
        services, services_left_out = self._services(ledger.taken_at, on_piece)
        left_out = {scan.key: scan.left_out for scan in scans if scan.left_out}
        if services_left_out:
            left_out[keys.services] = services_left_out
        observed = _counts(counts[0])
        return Overview(
            ledger=ledger,
            history=self._log.add(numbers, [_counts(flat) for window in windows for flat in window]),
            services=services,
            events=tuple(_event(id_, flat) for id_, flat in events),
            backup_files=self._file_records.all(left_out),
            overflows=self._overflow_records.all(left_out),
            groups=self._groups(
                self._polling_records.all(left_out),
                [poller.status.groups for poller in living(services, PollerStatus)],
                self._configured.entries,
            ),
            observed=observed,
            rejected=self._rejected.read(self._link, observed),
            owners=frozenset(
                (role, list_owner(_text(key)))
                for role, lists in (("writer", self._inflight), ("consumer", self._claimed))
                for key in lists.entries
                if key.count(b":") >= _LEAST_COLONS
            ),
            acknowledged=from_hash(Loss, _pairs(counts[1])) or Loss(),
            went_back=from_hash(WentBackTotal, _pairs(counts[2])) or WentBackTotal(),
            redis=state,
            actions=self._actions.all(steps),
            left_out=left_out,
            tags=self._known_tags(),
        )

    def _known_tags(self) -> Tags:
        """Return the same object until they were read again: what it is decoded to stays."""
        if self._tags.entries is not self._last_values.entries:
            self._tags = Tags(self._last_values.entries)
        return self._tags

    def _services(
        self, taken_at: float, on_piece: Callable[[], None]
    ) -> tuple[tuple[Service[ServiceStatus], ...], int]:
        """Return the services that beat lately, those of the last beat first if there are too many, and the rest."""
        beats = {member: float(beat_at) for member, beat_at in self._beats.entries.items()}
        lately = [
            member for member, at in beats.items() if taken_at - FORGET_AFTER_S <= at <= taken_at + FORGET_AFTER_S
        ]
        newest = sorted(lately, key=lambda member: -beats[member])[:MAX_SERVICES]
        names = sorted((*_text(member).partition(":")[::2], beats[member]) for member in newest)
        pollers = sum(role == "poller" for role, *_ in names)
        hashes = []
        for role, instance, _ in names:
            key = self._keys.service(role, instance)
            hashes.append(_heartbeat(self._heartbeats.get(key) or BoundedScan(key), role, pollers))
        # The next reading finds them again: a poller with thousands of groups is not read each time.
        self._heartbeats = {scan.key: scan for scan in hashes}
        read_scans(self._link, hashes, on_piece=on_piece)
        spoiled: list[str] = []
        services = tuple(
            service_of(role, instance, beat_at, _texts(scan.entries), spoiled)
            for (role, instance, beat_at), scan in zip(names, hashes, strict=True)
        )
        unread = sum(scan.left_out for scan in hashes) + len(spoiled)
        return services, self._beats.left_out + len(lately) - len(newest) + unread


def _heartbeat(scan: BoundedScan, role: str, pollers: int) -> BoundedScan:
    """Return a heartbeat's scan with its bounds: a poller lists its groups there, the others say little."""
    scan.max_entries, scan.max_bytes = _SERVICE_FIELDS, 64 * 1024
    if role == "poller":
        scan.max_bytes = scan.max_value_bytes = _POLLERS_BYTES // pollers
    return scan


def _batches(numbers: range) -> list[range]:
    """Return the numbers of buckets as few at a time as Redis reads in a moment."""
    return [numbers[start : start + _WINDOWS_AT_ONCE] for start in range(0, len(numbers), _WINDOWS_AT_ONCE)]


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace")


def _texts(raw: Mapping[bytes, bytes]) -> dict[str, str]:
    return {_text(name): _text(value) for name, value in raw.items()}


def _event(id_: bytes, flat: Sequence[bytes]) -> EventRecord:
    return from_hash(EventRecord, {**_pairs(flat), "id": _text(id_)}) or EventRecord()


def _pairs(flat: Sequence[bytes]) -> dict[str, str]:
    texts = [_text(raw) for raw in flat]
    return dict(zip(texts[::2], texts[1::2], strict=True))


def _counts(flat: Sequence[bytes]) -> dict[str, int]:
    """Return the counts of a hash; what is no count must not hide the others and is left out."""
    counts: dict[str, int] = {}
    for name, value in _pairs(flat).items():
        try:
            counts[name] = int(value)
        except ValueError:
            continue
    return counts


R = TypeVar("R", bound=Record)


class _Records(Generic[R]):
    """The records of a hash, decoded once for each time that it was read."""

    def __init__(self, scan: BoundedScan, kind: type[R]) -> None:
        self._scan = scan
        self._kind = kind
        self._made_of: Mapping[bytes, bytes] | None = None
        self._made: dict[str, R] = {}
        self._unreadable = 0

    def all(self, left_out: dict[str, int]) -> Mapping[str, R]:
        """Return them; one that is none, and a field that can't be read, must not hide the others and are left out."""
        entries = self._scan.entries
        if entries is not self._made_of:
            spoiled: list[str] = []
            records = ((name, from_json(self._kind, raw, spoiled)) for name, raw in entries.items())
            self._made = {cut(_text(name)): record for name, record in records if record is not None}
            self._unreadable = len(entries) - len(self._made) + len(spoiled)
            self._made_of = entries
        if self._unreadable:
            left_out[self._scan.key] = left_out.get(self._scan.key, 0) + self._unreadable
        return self._made
