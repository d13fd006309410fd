"""The spill: when the buffer fills faster than Oracle takes, its oldest values go to the backup."""

from dataclasses import dataclass

from services.writer.deliver.batches import Batches
from services.writer.deliver.breaker import Breaker
from services.writer.deliver.worker import WAIT_S
from shared.clock import Clock
from shared.life.faults import Faults
from shared.lifecycle import StopFlag
from shared.queues.tokens import Pressure
from shared.records.heartbeats import BreakerState

#: An attempt that has lasted so long while the buffer is under pressure counts as stuck.
SLOW_ATTEMPT_S = 0.5

_PRESSURE_TICK_S = 0.05


@dataclass(kw_only=True)
class Spill:
    """Saves the oldest values to the backup before they would overflow because of Oracle; in a thread of its own."""

    batches: Batches
    breaker: Breaker
    clock: Clock
    faults: Faults

    def run(self, stop: StopFlag) -> None:
        """Wait for pressure and spill what causes it, until stopped."""
        buffer, begun = self.batches.buffer, False
        while not stop.is_set():
            with self.faults.outlived(self.batches.link, stop):  # the batch was given back
                if not begun:
                    buffer.forget_pressure()
                    begun = True
                pressure = buffer.wait_for_pressure(WAIT_S)
                if pressure is not None:
                    self.spill(pressure, stop)

    def spill(self, pressure: Pressure, stop: StopFlag) -> None:
        """See to it that the buffer falls: by the workers, or by the backup where they are not enough.

        Raises: RedisUnavailableError.
        """
        while not stop.is_set() and self.batches.buffer.depth() > pressure.target:
            if not (pressure.urgent or self._oracle_is_the_cause()):
                stop.wait(_PRESSURE_TICK_S)
                # It may become urgent meanwhile: nobody else of this writer hears that.
                pressure = self.batches.buffer.wait_for_pressure(0.0) or pressure
                continue
            batch = self.batches.claim()
            if batch is None:
                return
            with self.batches.giving_back(batch):
                delivered = self.batches.delivery.deliver(batch.values, stop, untried=True)
                if delivered is None:
                    return
                self.batches.settle(batch, delivered, {}, stop)
            self.faults.went_well()

    def _oracle_is_the_cause(self) -> bool:
        stuck = self.batches.work.oldest_attempt_s(self.clock.monotonic()) > SLOW_ATTEMPT_S
        return stuck or self.breaker.state is not BreakerState.CLOSED
