"""The writer's loops: claim, deliver, settle; and relief, when the buffer fills faster than Oracle takes."""

import collections
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from services.writer.deliver.breaker import Breaker
from services.writer.deliver.delivery import Delivered, Delivery
from services.writer.settings import WriterSettings
from shared.buffer import UNHEARD_BELL_S, Batch, Bell, Pressure, TagBuffer
from shared.claims import Claims
from shared.clock import Clock
from shared.counters import Window, histogram_field
from shared.errors import RedisUnavailableError
from shared.faults import Faults
from shared.lifecycle import StopFlag
from shared.logs import get_logger
from shared.models import TagValue
from shared.records.heartbeats import BreakerState
from shared.redis_link import RedisLink

#: Seconds that a stopping writer goes on draining the buffer; it must be gone within 5.
DRAIN_S = 3.0

#: Seconds that one wait in Redis lasts at most: how long a stop may go unnoticed.
WAIT_S = 1.0

#: An attempt that has lasted so long while the buffer is under pressure counts as stuck.
SLOW_ATTEMPT_S = 0.5

#: Times that a batch is given back and written again before it goes to the backup untried.
MAX_GIVEN_BACK = 2

_PRESSURE_LOOK_S = 0.05

_log = get_logger()


class WorkInHand:
    """What the loops did last, for heartbeat and relief; each field is written by one thread at a time."""

    def __init__(self) -> None:
        self.attempts: dict[int, float] = {}  #: worker -> monotonic time at which its present batch was claimed
        self.last_write_at: float | None = None  #: seconds since 1970
        #: In-flight lists that were given back because something unforeseen happened, and how often.
        self.given_back: collections.Counter[str] = collections.Counter()

    def oldest_attempt_s(self, now: float) -> float:
        """Return for how long the longest-running batch has been in hand."""
        return now - min(list(self.attempts.values()), default=now)


@dataclass
class Loop:
    """What both loops work with."""

    link: RedisLink
    buffer: TagBuffer
    claims: Claims
    delivery: Delivery
    breaker: Breaker
    work: WorkInHand
    settings: WriterSettings
    clock: Clock
    faults: Faults

    @contextmanager
    def giving_back(self, batch: Batch) -> Iterator[None]:
        """Give a batch back when something unforeseen happens to it: the next claim, of whichever worker, gets it.

        The third time it goes to the backup untried: it may be its values that nobody foresaw.
        """
        try:
            yield
        except RedisUnavailableError:
            raise
        except Exception:
            self.work.given_back[batch.list_key] += 1
            self.claims.give_back(batch.list_key)
            raise

    def deliver(self, batch: Batch, stop: StopFlag) -> Delivered | None:
        """Write a batch, or save it where writers died or met the unforeseen before; None when stopped first."""
        if batch.is_deadly or self.work.given_back.get(batch.list_key, 0) >= MAX_GIVEN_BACK:
            return self.delivery.back_up(batch.values, stop)
        return self.delivery.deliver(batch.values, stop)

    def settle(self, batch: Batch, delivered: Delivered, window: Mapping[str, int], stop: StopFlag) -> bool:
        """Settle a batch, however long Redis is away; return whether it was this call that settled it.

        Raises: RedisUnavailableError: stopped before that; the values are written again by who takes the batch over,
            and the table's key tells that they were.
        """
        while True:
            try:
                settled = self.buffer.settle(batch, delivered.counts, window, delivered.waiting)
            except RedisUnavailableError as error:
                if not self.link.wait_until_there(stop, error):
                    raise
                continue
            return self._settled(batch, settled)

    def _settled(self, batch: Batch, settled: bool) -> bool:
        self.claims.close(batch.list_key)
        self.work.given_back.pop(batch.list_key, None)
        if not settled:
            _log.info(f"A batch of {len(batch)} was settled before, or taken over while this writer stood still")
        return settled


@dataclass
class Worker(Loop):
    """Takes batches from the buffer and sees each through; several run at once, each in a thread of its own."""

    number: int
    _claimed: Batch | None = field(default=None, init=False)
    _left: int = field(default=0, init=False)
    _last_claim: float = field(default=0.0, init=False)

    def run(self, stop: StopFlag) -> None:
        """Go on until stopped, whatever Oracle and Redis do; then drain."""
        while not stop.is_set():
            try:
                if self.run_once(WAIT_S, stop):
                    self.faults.went_well()
            except RedisUnavailableError as error:
                self.link.wait_until_there(stop, error)
            except Exception as error:  # noqa: BLE001 - the batch was given back; Faults decides whether to go on
                self.faults.met(error, stop)
        try:
            self.drain(stop)
        except Exception as error:  # noqa: BLE001 - what is left stays in Redis
            self.faults.met(error, stop)

    def run_once(self, wait_s: float, stop: StopFlag) -> bool:
        """Wait for a batch and see it through; return whether there was one.

        Raises: RedisUnavailableError: nothing is lost; claimed values are in flight.
        """
        batch = self._take_claimed()
        if batch is None:
            batch = self._wait_and_claim(wait_s, stop)
        if batch is None:
            return False
        self._see_through(batch, stop)
        return True

    def drain(self, stop: StopFlag) -> None:
        """Write what the buffer holds, for DRAIN_S at most and only while Oracle takes it."""
        deadline = self.clock.monotonic() + DRAIN_S
        self._left = 1
        rows = 0
        try:
            while self.clock.monotonic() < deadline and self.breaker.state is BreakerState.CLOSED:
                batch = self._take_claimed()
                if batch is None:
                    batch = self._claim()
                if batch is None:
                    break
                if self._see_through(batch, stop):
                    rows = len(batch)
        except RedisUnavailableError as error:
            _log.warning(f"Stopped draining: {error}; what is left stays in Redis")
        if rows:
            _log.info(f"Final batch written: {rows} rows")

    def _take_claimed(self) -> Batch | None:
        """Return what was claimed along with the last settling."""
        batch, self._claimed = self._claimed, None
        return batch

    def _wait_and_claim(self, wait_s: float, stop: StopFlag) -> Batch | None:
        return self._claim() if self._should_claim(wait_s, stop) and not stop.is_set() else None

    def _claim(self) -> Batch | None:
        return self._note_claim(self.buffer.claim(self.claims, self.settings.buffer_batch_size_max))

    def _note_claim(self, batch: Batch | None) -> Batch | None:
        self._last_claim = self.clock.monotonic()
        self._left = batch.left if batch is not None else 0
        return batch

    def _should_claim(self, wait_s: float, stop: StopFlag) -> bool:
        if self._is_more_there():
            return True
        bell = self.buffer.wait(wait_s)
        if bell is Bell.READY:
            self._linger(stop)
        return bell is not None or self.clock.monotonic() - self._last_claim > UNHEARD_BELL_S

    def _is_more_there(self) -> bool:
        return self._left >= self.settings.buffer_batch_threshold or self.claims.has_adopted

    def _linger(self, stop: StopFlag) -> None:
        """Wait until a whole batch is there, or the interval after its first value is over, or a stop."""
        deadline = self.clock.monotonic() + self.settings.buffer_write_interval_sec
        while not stop.is_set() and (rest_s := deadline - self.clock.monotonic()) > 0:
            if self.buffer.wait_for_full(min(rest_s, WAIT_S)):
                return

    def _see_through(self, batch: Batch, stop: StopFlag) -> bool:
        claimed_at = self.clock.monotonic()
        self.work.attempts[self.number] = claimed_at
        try:
            with self.giving_back(batch):
                delivered = self.deliver(batch, stop)
                if delivered is None:
                    return False
                if delivered.written:
                    self.work.last_write_at = self.clock.now().timestamp()
                took_s = self.clock.monotonic() - claimed_at
                window = observations(delivered, batch.values.values, took_s, self.clock.now())
                # Rows that no file took travel with a plain settling: they are rare.
                if self._is_more_there() and not stop.is_set() and not delivered.waiting:
                    return self._settle_and_claim(batch, delivered, window, stop)
                return self.settle(batch, delivered, window, stop)
        finally:
            self.work.attempts.pop(self.number, None)

    def _settle_and_claim(self, batch: Batch, delivered: Delivered, window: Mapping[str, int], stop: StopFlag) -> bool:
        """Settle a batch and claim the next one along with it: a round trip less."""
        most = self.settings.buffer_batch_size_max
        try:
            settled, claimed = self.buffer.settle_and_claim(batch, delivered.counts, window, self.claims, most)
        except RedisUnavailableError:
            return self.settle(batch, delivered, window, stop)
        self._claimed = self._note_claim(claimed)
        return self._settled(batch, settled)


class Relief(Loop):
    """Saves the oldest values to the backup before they would overflow because of Oracle."""

    def run(self, stop: StopFlag) -> None:
        """Wait for pressure and relieve it, until stopped."""
        begun = False
        while not stop.is_set():
            try:
                if not begun:
                    self.buffer.forget_pressure()
                    begun = True
                pressure = self.buffer.wait_for_pressure(WAIT_S)
                if pressure is not None:
                    self.relieve(pressure, stop)
            except RedisUnavailableError as error:
                self.link.wait_until_there(stop, error)
            except Exception as error:  # noqa: BLE001 - the batch was given back; Faults decides whether to go on
                self.faults.met(error, stop)

    def relieve(self, pressure: Pressure, stop: StopFlag) -> None:
        """See to it that the buffer falls: by the workers, or by the backup where they are not enough.

        Raises: RedisUnavailableError.
        """
        while not stop.is_set() and self.buffer.depth() > pressure.target:
            if not (pressure.urgent or self._oracle_is_the_cause()):
                stop.wait(_PRESSURE_LOOK_S)
                continue
            batch = self.buffer.claim(self.claims, self.settings.buffer_batch_size_max)
            if batch is None:
                return
            with self.giving_back(batch):
                delivered = self.delivery.back_up(batch.values, stop)
                if delivered is None:
                    return
                self.settle(batch, delivered, {}, stop)
            self.faults.went_well()

    def _oracle_is_the_cause(self) -> bool:
        stuck = self.work.oldest_attempt_s(self.clock.monotonic()) > SLOW_ATTEMPT_S
        return stuck or self.breaker.state is not BreakerState.CLOSED


def observations(delivered: Delivered, values: list[TagValue], took_s: float, now: datetime) -> dict[str, int]:
    """Return what the window learns of a batch: how long it took, and how old its values were when they were there.

    A naive timestamp is taken for UTC: the age of values of a source that stamps local time is off by its offset.
    """
    if not delivered.written:
        return {}
    window = collections.Counter(
        {Window.LATENCY_SUM_MS: round(took_s * 1000), histogram_field(Window.LATENCY, took_s * 1000): 1}
    )
    for age_ms, count in _ages(values, now.astimezone(UTC).replace(tzinfo=None)):
        window[histogram_field(Window.LAG, age_ms)] += count
        window[Window.LAG_SUM_MS] += round(age_ms * count)
    return dict(window)


def _ages(values: list[TagValue], now: datetime) -> Iterator[tuple[float, int]]:
    """Yield the age in milliseconds, at least 0, of each run of values of one time, and the run's length.

    Compared with their neighbours: hashing every time to count them took a tenth of the writer's CPU.
    """
    timestamp, count = values[0].timestamp, 0
    for value in values:
        if value.timestamp == timestamp:
            count += 1
            continue
        yield max(0.0, (now - timestamp).total_seconds() * 1000), count
        timestamp, count = value.timestamp, 1
    yield max(0.0, (now - timestamp).total_seconds() * 1000), count
