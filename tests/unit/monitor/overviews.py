"""Overviews made by hand: what the monitor's tests without Redis start from."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from services.monitor.read.buckets import HISTORY_S, Bucket
from services.monitor.read.groups import known_groups
from services.monitor.read.overview import Overview, Service, living, service_of
from services.monitor.read.rejected import RejectedOfCode
from services.monitor.read.tags import Tags
from shared.counters import WINDOW_BUCKET_S, Counter
from shared.queues.snapshot import Snapshot
from shared.records.events import EventRecord, OverflowEpisode
from shared.records.files import BackupFile
from shared.records.heartbeats import PollerStatus, ServiceStatus
from shared.records.losses import Loss, WentBackTotal
from shared.records.polling import SeenGroup
from shared.records.reading import R, from_json
from shared.records.rejected import Rejected, RejectedExample
from shared.redis.state import RedisState

#: 2026-01-01T00:00:05Z: in the middle of a bucket.
NOW = 1_767_225_605.0

_BUCKETS = HISTORY_S // WINDOW_BUCKET_S + 1


def make_overview(
    *,
    counters: Mapping[Counter, int] | None = None,
    in_buffer: int = 0,
    in_flight: int = 0,
    rejected_rows_waiting: int = 0,
    window: Mapping[int, Mapping[str, int]] | None = None,
    services: Sequence[Service[ServiceStatus]] = (),
    events: Sequence[EventRecord] = (),
    backup_files: Mapping[str, Mapping[str, Any]] | None = None,
    overflows: Mapping[str, Mapping[str, Any]] | None = None,
    polling: Mapping[str, Mapping[str, Any]] | None = None,
    observed: Mapping[str, int] | None = None,
    owners: Sequence[tuple[str, str]] = (),
    left_out: Mapping[str, int] | None = None,
    acknowledged: Loss | None = None,
    redis: RedisState | None = None,
    went_back: WentBackTotal | None = None,
    tags: Mapping[str, bytes] | None = None,
    rejected: Sequence[RejectedOfCode] = (),
    queued: int = 3,
    claimed: int = 1,
    taken_at: float = NOW,
) -> Overview:
    """Return an overview; `window` holds counts by the bucket's age: 0 fills now, 1 is the one before.

    Backup files, overflows, polling groups and last values are given as they stand in Redis.
    """
    first = int(taken_at // WINDOW_BUCKET_S) - _BUCKETS + 1
    counts = window or {}
    return Overview(
        ledger=Snapshot(
            taken_at=taken_at,
            in_buffer=in_buffer,
            in_flight=in_flight,
            batches_in_flight=int(in_flight > 0),
            queued_messages=queued,
            claimed_messages=claimed,
            rejected_messages_kept=0,
            rejected_rows_waiting=rejected_rows_waiting,
            counters={counter: (counters or {}).get(counter, 0) for counter in Counter},
        ),
        history=tuple(
            Bucket((first + index) * WINDOW_BUCKET_S, counts.get(_BUCKETS - 1 - index, {})) for index in range(_BUCKETS)
        ),
        services=tuple(services),
        events=tuple(events),
        backup_files=read(BackupFile, backup_files),
        overflows=read(OverflowEpisode, overflows),
        groups=known_groups(
            read(SeenGroup, polling), [poller.status.groups for poller in living(services, PollerStatus)], {}
        ),
        observed={**{counter.value: count for counter, count in (counters or {}).items()}, **(observed or {})},
        owners=frozenset(owners),
        left_out=left_out or {},
        acknowledged=acknowledged or Loss(),
        redis=redis or RedisState(),
        went_back=went_back or WentBackTotal(),
        tags=Tags({name.encode(): raw for name, raw in (tags or {}).items()}),
        rejected=tuple(rejected),
    )


def read(kind: type[R], stored: Mapping[str, Mapping[str, Any]] | None) -> dict[str, R]:
    """Return the records that Redis holds as JSON; what is none is left out."""
    found = {name: from_json(kind, json.dumps(fields)) for name, fields in (stored or {}).items()}
    return {name: record for name, record in found.items() if record is not None}


def event(at: float, kind: str, role: str = "writer", instance: str = "plant-1", **fields: Any) -> EventRecord:
    """Return an event of a moment, in seconds since 1970."""
    return EventRecord(id=f"{at * 1000:.0f}-0", kind=kind, role=role, instance=instance, **{"message": kind, **fields})


def writer(name: str = "plant-1", **fields: str) -> Service[ServiceStatus]:
    """Return a living writer that is well, but for what `fields` say."""
    return service_of(
        "writer", name, NOW, {"state": "running", "breaker": "closed", "oracle": "ok", "backup": "ok", **fields}
    )


def consumer(name: str = "plant-1", **fields: str) -> Service[ServiceStatus]:
    """Return a living consumer that is well, but for what `fields` say."""
    return service_of("consumer", name, NOW, {"state": "running", **fields})


def backup_file(**fields: Any) -> dict[str, Any]:
    """Return what a writer says of a backup file, but for what `fields` say."""
    return {"kind": "backup", "state": "open", "rows": 500, "bytes": 40_000, "created": NOW - 4, **fields}


def healthy_overview() -> Overview:
    """Return a pipeline at work: every kind of thing is there, the ledger balances."""
    return make_overview(
        counters={
            Counter.INSERTED: 5_000,
            Counter.REMOVED: 4_880,
            Counter.WRITTEN: 4_370,
            Counter.DUPLICATES: 2,
            Counter.REJECTED: 8,
            Counter.BATCHES_WRITTEN: 9,
            Counter.BATCHES_FAILED: 1,
        },
        in_buffer=120,
        in_flight=500,
        window={
            0: {"batches_written": 1, "written": 400, "latency:10": 1, "latency_sum_ms": 8},
            1: {"inserted": 1_000, "batches_written": 3, "written": 900, "latency:20": 3, "latency_sum_ms": 48},
        },
        services=[consumer(), writer(last_write_at=str(NOW - 0.5), last_error="")],
        events=[event(NOW - 1, "started", message="Writer plant-1 started")],
        backup_files={"backup_20260101_000001.csv": backup_file()},
        overflows={
            "1767225000.000-ab": {
                "began_at": 1_767_225_000.0,
                "ended_at": 1_767_225_009.5,
                "values": 12,
                "oldest_timestamp": "2025-12-31T23:49:00",
                "newest_timestamp": "2025-12-31T23:50:00",
                "tags_hit": 1,
                "tags": {"PLC01.D100": 12},
            }
        },
        polling=HEALTHY_POLLING,
        tags={
            "PLC01.D100": b'[1,"2026-01-01T00:00:04.5","PLC01","D100","12.5","GOOD"]',
            "PLC01.D101": b'[1,"2026-01-01T00:00:04.5","PLC01","D101",null,"BAD"]',
        },
        rejected=[
            RejectedOfCode(Rejected.ROW, "ORA-12899", 8, 0, NOW - 60, NOW - 5, (REJECTED_ROW,)),
            RejectedOfCode(Rejected.TAG, "NO_TIME", 1, 0, NOW - 5, NOW - 5, (REJECTED_TAG,)),
        ],
    )


#: Examples of what is rejected in `healthy_overview`.
REJECTED_ROW = RejectedExample(
    id="9f86d081884c7d65",
    at=NOW - 5,
    reason="ORA-12899: value too large for column",
    file="rejected_20260101_000000.csv",
    cells=(
        "2026-01-01 00:00:00.000000", "PLC01", "D100", "PLC01.D100", "=1+1", "GOOD", "2026-01-01T00:00:00.100+00:00",
        "ORA-12899", "ORA-12899: value too large for column",
    ),
)  # fmt: skip
REJECTED_TAG = RejectedExample(
    id="60303ae22b998861", at=NOW - 5, reason="the time can't be read", consumer="plant-1", tag="D100", tags=1
)


#: What a consumer saw of the polling group of `healthy_overview`.
HEALTHY_POLLING = {
    "PLC01/line 1": {
        "group_id": 1,
        "group_name": "line 1",
        "plc_code": "PLC01",
        "mode": "FIXED",
        "last_poll": "2026-01-01T00:00:04.500000",
        "last_seen_at": NOW - 0.25,
        "interval_ms": 998.5,
        "poll_time_ms": 3.1,
        "values": 98,
        "errors": 2,
        "messages": 3600,
    }
}
