"""The whole pipeline at one offered rate for a while: what it carried, what each process took, how old values got."""

import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from bench.measure import busy_s, percentile, waits_for_disk
from bench.stage import Stage, cpu_of, message
from shared.counters import HISTOGRAM_ABOVE, Counter, Window
from shared.queues.snapshot import Snapshot

#: Milliseconds between two polls of all tags: the shortest that a group may have.
INTERVAL_MS = 100

#: Tags of a message of a DataQueue that is emptied.
MESSAGE_TAGS = 3491

#: Seconds until what came while the poller started is worked off.
WARM_UP_S = 2.0

#: Shares of what is offered: what may be missing of the rate, and by how much what waits may grow, within the noise.
_MISSING, _GROWTH = 0.03, 0.03

#: A look costs Redis, too.
_LOOK_S = 0.25

#: Role -> process.
Services: TypeAlias = Mapping[str, subprocess.Popen[bytes]]


@dataclass(frozen=True)
class Trial:
    """What happened. Rates: values a second. `cores`: of each process; `others`: what the rest of the machine used."""

    offered: float
    written: float
    growth: float  #: of what waits in DataQueue and buffer
    skipped: int  #: polls that were left out
    overflowed: int
    buffered: float  #: values in the buffer, median
    seconds: float
    cores: Mapping[str, float]
    others: float
    redis_at_disk: float  #: share of the looks at which Redis waited for its disk
    ages: Sequence[tuple[float, int]]  #: upper bounds in seconds, with how many values were that old when committed

    @property
    def holds(self) -> bool:
        """Whether the pipeline carries this rate: all is written, and nothing piles up."""
        return (
            self.written >= (1 - _MISSING) * self.offered
            and self.growth <= _GROWTH * self.offered
            and self.skipped == self.overflowed == 0
        )

    @property
    def age_p99_s(self) -> float:
        """The upper bound in seconds that 99 % of the values did not exceed."""
        return percentile(self.ages, 99)

    def cost_s(self, name: str) -> float:
        """Return a process's CPU seconds for a million values."""
        return self.cores[name] / self.written * 1e6 if self.written else float("inf")


def start_services(stage: Stage, *roles: str, **settings: object) -> dict[str, subprocess.Popen[bytes]]:
    """Start services with default settings and further ones."""
    return {role: stage.start_and_wait(role, **settings) for role in roles}


def try_rate(stage: Stage, services: Services, rate: int, seconds: float, *, rest_s: float = 120.0) -> Trial:
    """Offer a rate to services that run, look for so many seconds, then stop the poller and wait until all is in."""
    tags = rate * INTERVAL_MS // 1000
    poller = stage.poll(tags, INTERVAL_MS)
    time.sleep(WARM_UP_S)
    skipped = _skipped(stage)
    pids = {"poller": poller.pid} | {role: service.pid for role, service in services.items()} | stage.edges()
    totals, busy, looks, began = _totals(stage), busy_s(), [stage.snapshot()], time.perf_counter()
    at_disk: list[bool] = []
    with cpu_of(pids) as used:
        while time.perf_counter() - began < seconds:
            time.sleep(_LOOK_S)
            at_disk.append(waits_for_disk(pids["Redis"]))
            looks.append(stage.snapshot())
        took_s = time.perf_counter() - began
    busy, skipped = busy_s() - busy, _skipped(stage) - skipped
    found = ages(totals, _totals(stage))
    stage.stop(poller)
    stage.wait_until_idle(rest_s)
    first, last = looks[0], looks[-1]
    return Trial(
        offered=tags * 1000 / INTERVAL_MS,
        written=(last[Counter.WRITTEN] - first[Counter.WRITTEN]) / took_s,
        growth=growth([_waiting(look) for look in looks], took_s),
        skipped=skipped,
        overflowed=last[Counter.OVERFLOWED] - first[Counter.OVERFLOWED],
        buffered=statistics.median(look.in_buffer for look in looks),
        seconds=took_s,
        cores={name: cpu / took_s for name, cpu in used.items()},
        others=max(0.0, (busy - sum(used.values())) / took_s),
        redis_at_disk=statistics.fmean(at_disk),
        ages=found,
    )


def drain(stage: Stage, services: Services, values: int) -> Trial:
    """Let services empty a DataQueue of so many values, or a few more; what they carry when no poller is in the way."""
    messages = -(-values // MESSAGE_TAGS)
    values = messages * MESSAGE_TAGS
    stage.prepare_queue(message(number, MESSAGE_TAGS) for number in range(messages))
    busy, totals, written = busy_s(), _totals(stage), stage.snapshot()[Counter.WRITTEN]
    with cpu_of({role: service.pid for role, service in services.items()} | stage.edges()) as used:
        stage.open_queue()
        began = time.perf_counter()
        stage.until(lambda: stage.snapshot()[Counter.WRITTEN] - written >= values, "the DataQueue to be emptied",
                    every_s=_LOOK_S / 5)  # fmt: skip
        took_s = time.perf_counter() - began
    busy, last = busy_s() - busy, stage.snapshot()
    return Trial(
        offered=values / took_s,
        written=values / took_s,
        growth=0.0,
        skipped=0,
        overflowed=last[Counter.OVERFLOWED],
        buffered=last.in_buffer,
        seconds=took_s,
        cores={name: cpu / took_s for name, cpu in used.items()},
        others=max(0.0, (busy - sum(used.values())) / took_s),
        redis_at_disk=0.0,
        ages=ages(totals, _totals(stage)),
    )


def growth(waiting: Sequence[float], seconds: float) -> float:
    """Return by how much a second something grew that goes up and down with every poll: its last third to its first.

    >>> growth([0, 10, 0, 50, 60, 50, 100, 110, 100], 9.0)
    16.666666666666668
    """
    third = max(1, len(waiting) // 3)
    return (statistics.median(waiting[-third:]) - statistics.median(waiting[:third])) / (seconds * 2 / 3)


def ages(first: Mapping[str, str], last: Mapping[str, str]) -> list[tuple[float, int]]:
    """Return how many values were how old at most, in seconds, when committed between two reads of the counters."""
    prefix = f"{Window.LAG}:"
    counts = {
        name.removeprefix(prefix): int(count) - int(first.get(name, 0))
        for name, count in last.items()
        if name.startswith(prefix)
    }
    return [
        (float("inf") if bound == HISTOGRAM_ABOVE else int(bound) / 1000, count)
        for bound, count in counts.items()
        if count
    ]


def _waiting(look: Snapshot) -> float:
    # The poller splits large polls into several messages.
    per_message = look[Counter.INSERTED] / max(1, look[Counter.MESSAGES])
    return (look.queued_messages + look.claimed_messages) * per_message + look.in_buffer


def _skipped(stage: Stage) -> int:
    return sum(group.skipped for group in stage.polling_groups())


def _totals(stage: Stage) -> dict[str, str]:
    return stage.link.hash(stage.keys.counters)
