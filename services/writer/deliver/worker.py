"""A worker: claim, deliver, settle, until stopped; then drain."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from services.writer.deliver.batches import Batches
from services.writer.deliver.breaker import Breaker
from services.writer.deliver.delivery import Delivered
from services.writer.deliver.observations import observations
from services.writer.settings import WriterSettings
from shared.acting.pausing import Pause
from shared.clock import Clock
from shared.errors import RedisUnavailableError
from shared.keys import list_takeovers
from shared.life.faults import Faults
from shared.lifecycle import StopFlag
from shared.logs import get_logger
from shared.queues.buffer import Batch
from shared.queues.tokens import LOST_TOKEN_S, WakeUp
from shared.records.heartbeats import BreakerState

#: Seconds that a stopping writer goes on draining the buffer; it must be gone within 5.
DRAIN_S = 3.0

#: Seconds between two looks whether a paused writer may go on.
PAUSE_TICK_S = 0.2

#: Seconds that one wait in Redis lasts at most: how long a stop may go unnoticed.
WAIT_S = 1.0

_log = get_logger()


@dataclass(kw_only=True)
class Worker:
    """Claims batches and sees each through; several run at once, each in a thread of its own."""

    batches: Batches
    breaker: Breaker
    settings: WriterSettings
    clock: Clock
    faults: Faults
    pause: Pause
    number: int
    _claimed: Batch | None = field(default=None, init=False)
    _left: int = field(default=0, init=False)

    def run(self, stop: StopFlag) -> None:
        """Go on until stopped, whatever Oracle and Redis do; then drain."""
        while not stop.is_set():
            with self.faults.outlived(self.batches.link, stop):  # the batch was given back
                if not self._is_resting(stop) and self.run_once(WAIT_S, stop):
                    self.faults.went_well()
        try:
            if not self.pause.is_on():
                self.drain(stop)
        except Exception as error:  # noqa: BLE001 - what is left stays in Redis
            self.faults.met(error, stop)

    def _is_resting(self, stop: StopFlag) -> bool:
        """Wait a moment where the writer is paused and nothing is in hand; return whether it is so."""
        if not self.pause.is_on() or self._claimed is not None or self.batches.claims.has_adopted:
            return False
        stop.wait(PAUSE_TICK_S)
        return True

    def run_once(self, wait_s: float, stop: StopFlag) -> bool:
        """Wait for a batch and see it through; return whether there was one.

        Raises: RedisUnavailableError: nothing is lost; claimed values are in flight.
        """
        batch = self._claim() if self._claimed is not None else self._wait_and_claim(wait_s, stop)
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
                batch = self._claim()
                if batch is None:
                    break
                if self._see_through(batch, stop):
                    rows = len(batch)
        except RedisUnavailableError as error:
            _log.warning(f"Stopped draining: {error}; what is left stays in Redis")
        if rows:
            _log.info(f"Final batch written: {rows} rows")

    def _wait_and_claim(self, wait_s: float, stop: StopFlag) -> Batch | None:
        """Wait in Redis and claim, one worker at a time: each that waits there costs a trip for every push."""
        if not self.batches.work.lead.acquire(timeout=wait_s):
            return None
        try:
            if not self._wait_for_values(wait_s, stop):
                return None
            if self._goes_on(stop) or self.batches.claims.has_adopted:
                return self._claim()
            # What woke this one is not there any more for others.
            self.batches.buffer.wake_another()
            return None
        finally:
            self.batches.work.lead.release()

    def _claim(self) -> Batch | None:
        """Return what a settling claimed along, or claim what waits longest."""
        along, self._claimed = self._claimed, None
        return along if along is not None else self._note_claim(self.batches.claim())

    def _note_claim(self, batch: Batch | None) -> Batch | None:
        self.batches.work.last_claim = self.clock.monotonic()
        self._left = batch.left if batch is not None else 0
        return batch

    def _wait_for_values(self, wait_s: float, stop: StopFlag) -> bool:
        """Wait until there is something to claim; False when nothing came within `wait_s`."""
        if self._is_more_there():
            return True
        token = self.batches.buffer.wait(wait_s)
        if token is WakeUp.READY:
            self._linger(stop)
        return token is not None or self.clock.monotonic() - self.batches.work.last_claim > LOST_TOKEN_S

    def _is_more_there(self) -> bool:
        return self._left >= self.settings.buffer_batch_threshold or self.batches.claims.has_adopted

    def _linger(self, stop: StopFlag) -> None:
        """Wait until a whole batch is there, or the interval after its first value is over, or a stop."""
        deadline = self.clock.monotonic() + self.settings.buffer_write_interval_sec
        while not stop.is_set() and (left_s := deadline - self.clock.monotonic()) > 0:
            if self.batches.buffer.wait_for_full(min(left_s, WAIT_S)):
                return

    def _goes_on(self, stop: StopFlag) -> bool:
        """Tell whether further batches are wanted: neither stopped nor paused."""
        return not stop.is_set() and not self.pause.is_on()

    def _see_through(self, batch: Batch, stop: StopFlag) -> bool:
        claimed_at = self.clock.monotonic()
        self.batches.work.attempts[self.number] = claimed_at
        # Who is suspected of killing writers keeps its history: it is seen through.
        may_wait = not list_takeovers(batch.list_key)
        try:
            with self.batches.giving_back(batch):
                delivered = self.batches.deliver(batch, self.pause.within(stop) if may_wait else stop)
                if delivered is None:
                    if not stop.is_set():
                        self.batches.give_back(batch, stop)
                    return False
                if delivered.written:
                    self.batches.work.last_write_at = self.clock.now().timestamp()
                took_s = self.clock.monotonic() - claimed_at
                window = observations(
                    delivered, batch.values.values, took_s, self.clock.now(), self.settings.source_zone
                )
                # Rows that no file took travel with a plain settling: they are rare.
                if self._is_more_there() and self._goes_on(stop) and not delivered.waiting:
                    return self._settle_and_claim(batch, delivered, window, stop)
                return self.batches.settle(batch, delivered, window, stop)
        finally:
            self.batches.work.attempts.pop(self.number, None)

    def _settle_and_claim(self, batch: Batch, delivered: Delivered, window: Mapping[str, int], stop: StopFlag) -> bool:
        """Settle a batch and claim the next one along with it: a round trip less."""
        try:
            settled, claimed = self.batches.settle_and_claim(batch, delivered, window)
        except RedisUnavailableError:
            return self.batches.settle(batch, delivered, window, stop)
        self._claimed = self._note_claim(claimed)
        return settled
