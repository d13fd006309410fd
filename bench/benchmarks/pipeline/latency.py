"""From the reading to the row: how old a value is when it is in the table, and where it waited."""

import time
from dataclasses import dataclass
from datetime import timedelta

from bench.figures import Goal, Section
from bench.measure import mean, percentile
from bench.stage import Stage
from shared.counters import Counter
from shared.queues.snapshot import Snapshot

#: Seconds left out at the beginning, when the first batch learns the table and opens connections; and at the end, whose
#: values wait for others that don't come any more.
_WARM_UP_S, _COOL_DOWN_S = 2.0, 1.0

_LOOK_S = 0.005


@dataclass(frozen=True)
class Feed:
    """A way for readings to come, and the p99 that is asked of it in seconds."""

    name: str
    tags: int
    interval_ms: int
    goal_s: float | None = None


FEEDS = (
    Feed("1,000/s steady", 100, 100, 0.6),
    Feed("3,490/s steady", 349, 100, 0.3),
    Feed("3,491 in one burst each second", 3491, 1000, 0.6),
    Feed("20,000/s steady", 2000, 100),
    Feed("100,000/s steady", 10_000, 100),
)


@dataclass(frozen=True)
class Waits:
    """Ages of rows in seconds with how many had each, and the mean seconds that a value waited in each place."""

    ages: list[tuple[float, int]]
    places: dict[str, float]


def run(*, quick: bool) -> Section:
    """Measure every feed with default settings."""
    section = Section(
        "latency",
        "5. Latency",
        "Seconds from the reading's timestamp to `inserted_at`, Oracle's own clock while it inserts (the commit is "
        "part of the same call), of every row; default settings. Where a mean value waits follows from how many "
        "values were seen in each place (Little's law).",
    )
    for feed in FEEDS:
        with Stage() as stage:
            waits = measure(stage, feed.tags, feed.interval_ms, 4.0 if quick else 10.0)
        for percent in (50, 95, 99):
            goal = Goal(at_most=feed.goal_s) if percent == 99 and feed.goal_s else None
            section.add(f"{feed.name}, p{percent}", [percentile(waits.ages, percent)], "s", 3, goal)
        split = ", ".join(f"{name} {1000 * wait_s:.0f} ms" for name, wait_s in waits.places.items())
        section.notes.append(f"{feed.name}: mean {1000 * mean(waits.ages):.0f} ms, of which {split}")
    return section


def measure(stage: Stage, tags: int, interval_ms: int, seconds: float) -> Waits:
    """Run the pipeline with a feed; return what its values waited for."""
    services = [stage.start_and_wait("writer", ORACLE_TABLE="tag_values", ORACLE_TABLE_LAYOUT="tag_values")]
    services.append(stage.start_and_wait("consumer"))
    services.append(stage.poll(tags, interval_ms))
    time.sleep(_WARM_UP_S)
    looks, began = [], time.perf_counter()
    while time.perf_counter() - began < seconds:
        looks.append(stage.snapshot())
        time.sleep(_LOOK_S)
    stage.stop(*reversed(services))
    return Waits(_ages(stage), _places(looks, tags * 1000 / interval_ms))


def _ages(stage: Stage) -> list[tuple[float, int]]:
    with stage.connection.cursor() as cursor:
        cursor.arraysize = 10_000
        cursor.execute("SELECT timestamp, inserted_at, COUNT(*) FROM tag_values GROUP BY timestamp, inserted_at")
        found = list(cursor)
    ages = [((stored - read).total_seconds(), count, read) for read, stored, count in found]
    first = min(read for _, _, read in ages) + timedelta(seconds=_WARM_UP_S)
    last = max(read for _, _, read in ages) - timedelta(seconds=_COOL_DOWN_S)
    return [(age, count) for age, count, read in ages if first <= read <= last]


def _places(looks: list[Snapshot], rate: float) -> dict[str, float]:
    """Return the mean seconds that a value waits in each place: the mean number there, over the rate."""
    count = len(looks) * rate
    # The poller splits large polls into several messages.
    per_message = looks[-1][Counter.INSERTED] / looks[-1][Counter.MESSAGES]
    return {
        "DataQueue": sum(look.queued_messages for look in looks) * per_message / count,
        "consumer": sum(look.claimed_messages for look in looks) * per_message / count,
        "buffer (linger)": sum(look.in_buffer for look in looks) / count,
        "insert and settle": sum(look.in_flight for look in looks) / count,
    }
