"""Several partitions as one overview: sums where sums are true. No I/O, no clock."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from heapq import merge as merge_sorted
from itertools import islice
from typing import Any, TypeVar

from msgspec import structs

from services.monitor.read.buckets import Bucket, total
from services.monitor.read.groups import together
from services.monitor.read.overview import EVENTS_READ, KnownAction, Overview
from services.monitor.read.rejected import together as rejected_together
from services.monitor.read.tags import Tags
from shared.counters import Counter
from shared.queues.snapshot import Snapshot
from shared.records.losses import Loss, WentBackTotal
from shared.redis.state import RedisState

V = TypeVar("V")
R = TypeVar("R", Loss, WentBackTotal)


def merged(partitions: Mapping[int, Overview]) -> Overview:
    """Return one overview of partitions, at least one, by their numbers. Their buffers are looked at one by one."""
    parts = list(partitions.values())
    return Overview(
        ledger=summed([part.ledger for part in parts]),
        history=_history(parts),
        services=tuple(
            replace(service, partition=number) for number, part in partitions.items() for service in part.services
        ),
        events=_newest_events(parts),
        backup_files=_together(partitions, lambda part: part.backup_files),
        overflows=_together(partitions, lambda part: part.overflows),
        groups=together(part.groups for part in parts),
        observed=total(part.observed for part in parts),
        owners=frozenset().union(*(part.owners for part in parts)),
        acknowledged=_totals([part.acknowledged for part in parts]),
        went_back=_totals([part.went_back for part in parts]),
        redis=RedisState(
            used_bytes=_sum_of_known(part.redis.used_bytes for part in parts),
            max_bytes=_sum_of_known(part.redis.max_bytes for part in parts),
        ),
        actions=_newest_actions(partitions),
        left_out=total(part.left_out for part in parts),
        tags=Tags(parts=[part.tags for part in parts]),
        rejected=rejected_together(part.rejected for part in parts),
        partitions=partitions,
    )


def _totals(records: Sequence[R]) -> R:
    """Return one record of several: totals added up, who and when as of the last."""
    first = records[0]
    last = max(records, key=lambda record: record.at or 0)
    names = [name for name in first.__struct_fields__ if name not in {"at", "by"}]
    return structs.replace(last, **{name: sum(getattr(record, name) for record in records) for name in names})


def summed(ledgers: Sequence[Snapshot]) -> Snapshot:
    """Return the ledgers of several partitions as one."""
    counts = (
        "in_buffer", "in_flight", "batches_in_flight", "queued_messages", "claimed_messages", "rejected_messages_kept",
        "rejected_rows_waiting",
    )  # fmt: skip
    return Snapshot(
        taken_at=max(ledger.taken_at for ledger in ledgers),
        counters={counter: sum(ledger[counter] for ledger in ledgers) for counter in Counter},
        oldest_value_at=min((at for ledger in ledgers if (at := ledger.oldest_value_at) is not None), default=None),
        **{name: sum(getattr(ledger, name) for ledger in ledgers) for name in counts},
    )


def _history(parts: Sequence[Overview]) -> tuple[Bucket, ...]:
    """Return the buckets summed by their time; as many as one partition has."""
    by_time: dict[float, list[Mapping[str, int]]] = {}
    for bucket in (bucket for part in parts for bucket in part.history):
        by_time.setdefault(bucket.began_at, []).append(bucket.counts)
    newest = sorted(by_time)[-max(len(part.history) for part in parts) :]
    return tuple(Bucket(began_at, total(by_time[began_at])) for began_at in newest)


def _newest_events(parts: Sequence[Overview]) -> Any:
    in_order = merge_sorted(*(part.events for part in parts), key=lambda event: -event.at)
    return tuple(islice(in_order, EVENTS_READ))


def _newest_actions(partitions: Mapping[int, Overview]) -> tuple[KnownAction, ...]:
    known = [replace(each, partition=number) for number, part in partitions.items() for each in part.actions]
    return tuple(sorted(known, key=lambda each: -each.action.asked_at))


def _together(partitions: Mapping[int, Overview], what: Callable[[Overview], Mapping[str, V]]) -> dict[str, V]:
    """Return the entries of all; one whose name another partition has, too, is given its partition's number."""
    together: dict[str, V] = {}
    for number, part in partitions.items():
        for name, entry in what(part).items():
            together[name if name not in together else f"{name} ({number})"] = entry
    return together


def _sum_of_known(figures: Iterable[int | None]) -> int | None:
    known = [figure for figure in figures if figure is not None]
    return sum(known) if known else None
