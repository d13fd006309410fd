"""Everything that the monitor shows, read from Redis into one immutable record."""

from collections import Counter as Tally
from collections.abc import Callable
from datetime import UTC, tzinfo
from functools import partial

from services.monitor.read.actions import known_actions, newest_steps, open_actions
from services.monitor.read.bounded_scan import BoundedScan, read_scans
from services.monitor.read.buckets import BucketLog
from services.monitor.read.decoding import counts_of, event_of, pairs_of, records_of, text_of
from services.monitor.read.groups import known_groups
from services.monitor.read.heartbeats import HeartbeatsReader
from services.monitor.read.memo import Memo
from services.monitor.read.overview import EVENTS_READ, Overview, living
from services.monitor.read.rejected import RejectedReader
from services.monitor.read.tags import Tags
from shared.counters import HISTOGRAM_ABOVE, HISTOGRAM_BOUNDS_MS, Counter, Window
from shared.errors import FatalError
from shared.keys import Keys, list_owner
from shared.queues.snapshot import Snapshot, take_snapshot
from shared.records.events import OverflowEpisode
from shared.records.files import BackupFile
from shared.records.heartbeats import PollerStatus
from shared.records.losses import Loss, WentBackTotal
from shared.records.polling import SeenGroup
from shared.records.reading import from_hash
from shared.redis.link import RedisLink
from shared.redis.scripts import Call
from shared.redis.state import RedisStateReader

#: Seconds between two looks at which groups pollers have in their files.
CONFIGURED_INTERVAL_S = 5.0

#: Polling groups and tags shown at most.
MAX_GROUPS, MAX_TAGS = 25_000, 50_000

#: Seconds between two readings of the last values, at least: consumers save them as rarely.
_TAGS_INTERVAL_S = 5.0

#: Bytes of all last values together.
_TAGS_BYTES = 64 * 1024 * 1024

#: Fields of an event that are read, and bytes of all events that are looked at.
_EVENT_FIELDS, _EVENTS_BYTES = 16, 8 * 1024 * 1024

#: Letters of what an event says in JSON beside its sentence.
_MAX_JSON = 8_192

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
        self._heartbeats = HeartbeatsReader(link, keys)
        self._files = BoundedScan(keys.backup_files, max_entries=5_000)
        self._overflows = BoundedScan(keys.overflow_episodes)
        self._polling = BoundedScan(keys.polling, max_entries=MAX_GROUPS)
        self._last_values = BoundedScan(
            keys.last_values, max_entries=MAX_TAGS, max_bytes=_TAGS_BYTES, interval_s=_TAGS_INTERVAL_S
        )
        self._configured = BoundedScan(
            keys.polling_configured, max_entries=MAX_GROUPS, interval_s=CONFIGURED_INTERVAL_S
        )
        self._open_actions = open_actions(keys)
        self._inflight = BoundedScan(keys.inflight, "SSCAN")
        self._claimed = BoundedScan(keys.claimed, "SSCAN")
        self._rejected = RejectedReader(keys)
        self._file_records = Memo(partial(records_of, BackupFile))
        self._overflow_records = Memo(partial(records_of, OverflowEpisode))
        self._polling_records = Memo(partial(records_of, SeenGroup))
        self._groups, self._actions, self._tags = Memo(known_groups), Memo(known_actions), Memo(Tags)

    def read(self, on_piece: Callable[[], None] = lambda: None) -> Overview:
        """Read all there is, in three round trips where that is little; the ledger's figures are of one moment.

        `on_piece` is called whenever Redis has given a part of its answer.
        Raises: RedisUnavailableError; FatalError: there is something that no service of ours wrote.
        """
        keys = self._keys
        ledger = take_snapshot(self._link, keys, self._zone)
        _refuse_spoiled(ledger, keys)
        numbers = self._log.to_read(ledger.taken_at)
        scans = (
            self._heartbeats.scan, self._files, self._overflows, self._polling, self._inflight, self._claimed,
            self._last_values, self._open_actions, self._rejected.codes, self._configured,
        )  # fmt: skip
        state = self._state.read()
        events, steps, counts, *windows = read_scans(self._link, scans, self._beside_scans(numbers), on_piece)
        services, services_left_out = self._heartbeats.read(ledger.taken_at, on_piece)
        files, unread_files = self._file_records(self._files.entries)
        overflows, unread_overflows = self._overflow_records(self._overflows.entries)
        polling, unread_polling = self._polling_records(self._polling.entries)
        left_out = Tally({scan.key: scan.left_out for scan in scans})
        left_out[keys.services] = services_left_out
        left_out.update({self._files.key: unread_files, self._overflows.key: unread_overflows})
        left_out.update({self._polling.key: unread_polling})
        observed = counts_of(counts[0])
        return Overview(
            ledger=ledger,
            history=self._log.add(numbers, [counts_of(flat) for window in windows for flat in window]),
            services=services,
            events=tuple(event_of(id_, flat) for id_, flat in events),
            backup_files=files,
            overflows=overflows,
            groups=self._groups(
                polling,
                [poller.status.groups for poller in living(services, PollerStatus)],
                self._configured.entries,
            ),
            observed=observed,
            rejected=self._rejected.read(self._link, observed, files),
            owners=self._owners(),
            acknowledged=from_hash(Loss, pairs_of(counts[1])) or Loss(),
            went_back=from_hash(WentBackTotal, pairs_of(counts[2])) or WentBackTotal(),
            redis=state,
            actions=self._actions(self._open_actions.entries, steps),
            left_out=+left_out,
            tags=self._tags(self._last_values.entries),
        )

    def _beside_scans(self, numbers: range) -> list[Call]:
        keys = self._keys
        totals = [keys.counters, keys.loss_acknowledged, keys.went_back]
        return [
            Call("newest_events", [keys.events], [EVENTS_READ, _EVENT_FIELDS, _MAX_JSON, _EVENTS_BYTES]),
            newest_steps(keys),
            Call("counts", totals, [*_NAMES, *self._rejected.names]),
            *(Call("counts", [keys.window(number) for number in some], _NAMES) for some in _batches(numbers)),
        ]

    def _owners(self) -> frozenset[tuple[str, str]]:
        return frozenset(
            (role, list_owner(text_of(key)))
            for role, lists in (("writer", self._inflight), ("consumer", self._claimed))
            for key in lists.entries
            if key.count(b":") >= _LEAST_COLONS
        )


def _batches(numbers: range) -> list[range]:
    """Return the numbers of buckets as few at a time as Redis reads in a moment."""
    return [numbers[start : start + _WINDOWS_AT_ONCE] for start in range(0, len(numbers), _WINDOWS_AT_ONCE)]


def _refuse_spoiled(ledger: Snapshot, keys: Keys) -> None:
    """Go on where each counter is one. Raises: FatalError: somebody set one to what is none."""
    if ledger.spoiled:
        spoiled = " ".join(ledger.spoiled)
        raise FatalError(
            f"{keys.counters} in Redis holds something that is no count, and is raised no more: "
            f"redis-cli HDEL '{keys.counters}' {spoiled}"
        )
