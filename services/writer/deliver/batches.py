"""What the writer's loops do with a batch: claim it, see it through, settle it; or give it back."""

import collections
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from services.writer.deliver.delivery import Delivered, Delivery
from shared.errors import RedisUnavailableError
from shared.lifecycle import StopFlag
from shared.logs import get_logger
from shared.queues.buffer import Batch, TagBuffer
from shared.queues.claims import Claims
from shared.redis.link import RedisLink

#: Times that a batch is given back and written again before it goes to the backup untried.
MAX_GIVEN_BACK = 2

_Answer = TypeVar("_Answer")

_log = get_logger()


class WorkInHand:
    """What the loops did last, for the heartbeat, the spill and each other."""

    def __init__(self) -> None:
        #: Held by the loop that waits in Redis for values.
        self.lead = threading.Lock()
        self.last_claim = 0.0  #: monotonic time of the last claim
        self.attempts: dict[int, float] = {}  #: worker -> monotonic time at which its present batch was claimed
        self.last_write_at: float | None = None  #: seconds since 1970
        #: In-flight lists that were given back because something unforeseen happened, and how often.
        self.given_back: collections.Counter[str] = collections.Counter()

    def oldest_attempt_s(self, now: float) -> float:
        """Return for how long the longest-running batch has been in hand."""
        return now - min(list(self.attempts.values()), default=now)


@dataclass(frozen=True, kw_only=True)
class Batches:
    """Used by all loops at once."""

    link: RedisLink
    buffer: TagBuffer
    claims: Claims
    delivery: Delivery
    work: WorkInHand
    max_values: int  #: that one batch holds

    def claim(self) -> Batch | None:
        """Claim what waits longest; None when the buffer is empty. Raises: RedisUnavailableError."""
        return self.buffer.claim(self.claims, self.max_values)

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

    def give_back(self, batch: Batch, stop: StopFlag) -> None:
        """Put a batch that has no outcome back where it was, at the head of the buffer, however long Redis is away.

        Raises: RedisUnavailableError: stopped before that; who takes it over writes it.
        """
        self._persist(lambda: self.buffer.give_back(batch), stop)
        self._forget(batch)

    def deliver(self, batch: Batch, stop: StopFlag) -> Delivered | None:
        """Write a batch, or back it up where writers died or met the unforeseen before; None when stopped first."""
        suspicious = batch.is_deadly or self.work.given_back.get(batch.list_key, 0) >= MAX_GIVEN_BACK
        return self.delivery.deliver(batch.values, stop, untried=suspicious)

    def settle(self, batch: Batch, delivered: Delivered, window: Mapping[str, int], stop: StopFlag) -> bool:
        """Settle a batch, however long Redis is away; return whether it was this call that settled it.

        Raises: RedisUnavailableError: stopped before that; the values are written again by who takes the batch over,
            and the table's key tells that they were.
        """
        settled = self._persist(lambda: self.buffer.settle(batch, delivered.counts, window, delivered.waiting), stop)
        return self._settled(batch, settled)

    def _persist(self, step: Callable[[], _Answer], stop: StopFlag) -> _Answer:
        """Do a step however long Redis is away. Raises: RedisUnavailableError: stopped before that."""
        while True:
            try:
                return step()
            except RedisUnavailableError as error:
                if not self.link.wait_until_there(stop, error):
                    raise

    def settle_and_claim(
        self, batch: Batch, delivered: Delivered, window: Mapping[str, int]
    ) -> tuple[bool, Batch | None]:
        """Settle a batch and claim the next one along with it, a round trip less; return both answers.

        Raises: RedisUnavailableError: settle it alone; what was claimed is found again.
        """
        settled, claimed = self.buffer.settle_and_claim(batch, delivered.counts, window, self.claims, self.max_values)
        return self._settled(batch, settled), claimed

    def _settled(self, batch: Batch, settled: bool) -> bool:
        self._forget(batch)
        if not settled:
            _log.info(f"A batch of {len(batch)} was settled before, or taken over while this writer stood still")
        return settled

    def _forget(self, batch: Batch) -> None:
        self.claims.close(batch.list_key)
        self.work.given_back.pop(batch.list_key, None)
