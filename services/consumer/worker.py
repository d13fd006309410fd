"""The consumer's loop: claim messages, expand them, push their values. Every step can be repeated."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import InitVar, dataclass, replace

from services.consumer.report.redis_memory import RedisMemory
from services.consumer.report.report import Report
from services.consumer.settings import ConsumerSettings
from services.consumer.unpack import Unpacker
from shared.acting.pausing import Pause
from shared.clock import Clock
from shared.errors import RedisFullError, RedisUnavailableError
from shared.journal.events import EventLog
from shared.life.beating import Turn
from shared.life.faults import Faults
from shared.life.heartbeat import BEAT_INTERVAL_S, HEARTBEAT_EXPIRY_S
from shared.lifecycle import StopFlag
from shared.logs import get_logger
from shared.queues.buffer import PushOutcome, TagBuffer
from shared.queues.claims import SWEEP_INTERVAL_S, Claims
from shared.queues.data_queue import DataQueue, MessageBatch
from shared.redis.link import RedisLink

#: What one claim takes at most (one message at least). A value has 10 bytes or more on the wire, so this is under 3,300
#: values: a push should be a fraction of the buffer, so that writers can drain between two pushes, and what a consumer
#: holds in memory stays small however full the DataQueue is.
CLAIM_MAX_MESSAGES, CLAIM_MAX_BYTES = 500, 32 * 1024

#: Bytes for each value of the buffer's cap that one claim takes at most: a small buffer wants small pushes.
CLAIM_BYTES_PER_CAP = 4

#: Seconds between two looks whether there is room for a push, doubled from the first to the last: it is told of room,
#: but where several wait. Each look is a write, and a long outage of Oracle should not make many of them.
FIRST_LOOK_S, LAST_LOOK_S = 0.05, 1.0

#: Seconds until the next try of a DataQueue on which Redis does not let us wait.
_REFUSED_WAIT_S = 0.1

#: Seconds between two looks whether a paused consumer may go on.
_PAUSE_TICK_S = 0.2

#: Seconds that a push waits before it asks for room, and between two requests: a writer that has just started did not
#: hear the first.
FIRST_ASK_S, ASK_INTERVAL_S = 0.05, 1.0

#: Times CONSUMER_HOLD_MESSAGES in the DataQueue at which a push no longer waits for room: by default half of what `put`
#: lets the DataQueue hold, so that no polling engine is refused because a consumer waits.
MAX_HOLD_FACTOR = 5

#: Seconds since somebody drained the buffer, or since the start, for which a push waits for room all the same.
HOLD_AFTER_DRAIN_S = 15.0


_log = get_logger()


@dataclass(kw_only=True)
class Consumer:
    """Moves messages from the DataQueue to the buffer until stopped."""

    link: RedisLink
    queue: DataQueue
    buffer: TagBuffer
    claims: Claims
    report: Report
    unpacker: Unpacker
    memory: RedisMemory
    settings: ConsumerSettings
    clock: Clock
    events: InitVar[EventLog]
    turn: Turn
    pause: Pause

    def __post_init__(self, events: EventLog) -> None:
        self._depth = self._queued = self._left = 0
        self._hold_until = self.clock.monotonic() + HOLD_AFTER_DRAIN_S
        self._faults = Faults(events, self.clock, "the consumer")
        self._side_faults = Faults(events, self.clock, "the consumer's chores", ends_the_process=False)
        self._next_tick = self._next_sweep = 0.0
        self._pending: MessageBatch | None = None
        self._turned_at = self.clock.monotonic()
        self._in_doubt = ""

    def run(self, stop: StopFlag) -> None:
        """Go on until stopped, whatever Redis does meanwhile."""
        while not stop.is_set():
            try:
                self._chores()
                if self._is_resting(stop):
                    continue
                self._pending = self._pending or self.claim(stop, wait_s=BEAT_INTERVAL_S)
                if self._pending is not None and self.push(self._pending, self.pause.within(stop)):
                    self._pending = None
            except RedisUnavailableError as error:
                self.link.wait_until_there(stop, error)
            except Exception as error:  # noqa: BLE001 - it costs a turn; Faults decides whether to go on
                if self._pending is not None:
                    self.claims.give_back(self._pending.list_key)
                self._pending = None
                self._faults.met(error, stop)

    def _is_resting(self, stop: StopFlag) -> bool:
        """Give back what is in hand and wait a moment, where this consumer is paused; return whether it is.

        A batch that was taken over from the dead is worked first, as long as there is room: its list says how often.
        """
        if not self.pause.is_on():
            return False
        if self._pending is None and self.claims.has_adopted:
            return False
        if self._pending is not None and not self._pending.is_taken_over:
            self.queue.give_back(self._pending)
            self.claims.close(self._pending.list_key)
            self._pending = None
        stop.wait(_PAUSE_TICK_S)
        return True

    def claim(self, stop: StopFlag, wait_s: float) -> MessageBatch | None:
        """Wait for messages and claim the oldest; None when none came within `wait_s`.

        Raises: RedisUnavailableError.
        """
        # Where the last claim left some there is nothing to wait for, and to wait is a write that Redis syncs.
        if not self.claims.has_adopted and not self._left:
            began = self.clock.monotonic()
            is_there = self.queue.wait(wait_s)
            if self.pause.is_on():
                return None
            if not is_there:
                if self.clock.monotonic() - began >= wait_s / 2:
                    return None
                # Redis does not let us wait: at its memory limit it lets us claim; a replica says now what it is.
                stop.wait(_REFUSED_WAIT_S)
        max_bytes = min(CLAIM_MAX_BYTES, CLAIM_BYTES_PER_CAP * self.settings.buffer_max_size)
        batch = self.queue.claim(self.claims, CLAIM_MAX_MESSAGES, max_bytes, self.settings.message_max_bytes)
        self._left = 0 if batch is None else batch.left
        if batch is not None:
            self._queued = batch.left
        return batch

    def push(self, batch: MessageBatch, stop: StopFlag) -> bool:
        """Expand the messages and push their values; return whether the batch is done with.

        False when stopped before there was room. A batch whose list holds more than was read is found again by the next
        sweep.
        Raises: RedisUnavailableError: the same batch can be pushed again.
        """
        unpacked = self.unpacker.unpack(batch)
        if unpacked.in_parts:
            self.queue.put_back(batch, unpacked.in_parts)
            self.claims.close(batch.list_key)
            return True
        count = unpacked.values.count
        if batch.is_taken_over:
            self._see_depth(self.buffer.depth())
            if not self._has_room(count):
                # It was unpacked and did no harm: who ends while it waits, however often, did not die of it.
                batch = self._pending = replace(batch, list_key=self.claims.acquit(batch.list_key))
        # Looked at before: a push that is refused has cost Redis and us as much as one that is not.
        while self._wait_for_room(count, stop):
            with self._doubting(batch):
                done = self.buffer.push(
                    batch, unpacked.values, unpacked.rejected, unpacked.counts,
                    may_overflow=self._may_overflow(), may_keep=not self.memory.is_short,
                )  # fmt: skip
            if done.outcome is not PushOutcome.NO_ROOM:
                break
            self._see_depth(done.depth)
        else:
            return False
        if done.outcome is PushOutcome.REPEATED and batch.list_key != self._in_doubt:
            self._put_again(batch)
        self.claims.close(batch.list_key)
        if done.outcome is PushOutcome.PUSHED:
            self._depth = done.depth
            self.report.pushed(done.depth, done.dropped, unpacked.rejected)
        return True

    @contextmanager
    def _doubting(self, batch: MessageBatch | None) -> Iterator[None]:
        """Remember a batch that may be pushed already, or taken over, once Redis was not there within the block."""
        try:
            yield
        except RedisUnavailableError:
            self._in_doubt = batch.list_key if batch is not None else ""
            raise

    def _put_again(self, batch: MessageBatch) -> None:
        """Put messages back whose list was never pushed, and is gone: somebody deleted it, or Redis evicted it.

        Were they taken over after all, they are stored once: the table's key tells the copies.
        """
        self.queue.put_again(batch.raws)
        _log.error(
            f"{batch.list_key} is gone from Redis with {len(batch.raws)} messages that were not pushed: they are put "
            "again. See which program deletes keys here, or whether Redis evicts them (maxmemory-policy)"
        )

    def _may_overflow(self) -> bool:
        """Tell whether the oldest values may be discarded.

        Not while the DataQueue can hold what comes, whether somebody drains the buffer or not: a writer that is late,
        restarts or waits for its disk finds everything. It is the DataQueue that fills first. Nor while somebody drains
        the buffer, or may only just have been started: after an outage of ours it is full of what nobody had to lose.
        """
        hold_messages = self.settings.consumer_hold_messages
        is_full = self.memory.is_short or self._queued >= MAX_HOLD_FACTOR * hold_messages
        return is_full and (not hold_messages or self.clock.monotonic() >= self._hold_until)

    def _see_depth(self, depth: int) -> None:
        """Take note of the buffer's depth; if it fell since the last look, somebody drains it."""
        if depth < self._depth:
            self._hold_until = self.clock.monotonic() + HOLD_AFTER_DRAIN_S
        self._depth = depth

    def _has_room(self, count: int) -> bool:
        """Tell whether a push of `count` values fits, as far as is known; a larger one than the cap fits when empty."""
        return self._depth + min(count, self.settings.buffer_max_size) <= self.settings.buffer_max_size

    def _wait_for_room(self, count: int, stop: StopFlag) -> bool:
        """Wait until a push of `count` values fits, or may overflow, and ask for room; False when stopped meanwhile."""
        next_asking, look_s = self.clock.monotonic() + FIRST_ASK_S, FIRST_LOOK_S
        while not self._has_room(count) and not self._may_overflow():
            # The depth was that after the last push; writers have been at work since.
            self._see_depth(self.buffer.depth())
            if self._has_room(count):
                break
            try:
                self.buffer.wait_for_room(count, look_s)
            except RedisFullError:
                stop.wait(look_s)
            if stop.is_set():
                return False
            look_s = min(2 * look_s, LAST_LOOK_S)
            if self.clock.monotonic() >= next_asking:
                next_asking = self.clock.monotonic() + ASK_INTERVAL_S
                room_for = min(count, self.settings.buffer_max_size)
                is_urgent = self.memory.is_short or self._queued >= self.settings.consumer_hold_messages
                self.buffer.ask_for_room(room_for, urgent=is_urgent)
            self._chores()
        return True

    def _chores(self) -> None:
        self.turn()
        before, self._turned_at = self._turned_at, self.clock.monotonic()
        if self._turned_at - before > HEARTBEAT_EXPIRY_S / 2 and self._pending is not None:
            self._in_doubt = self._pending.list_key  # who stands still is taken over
        try:
            with self._doubting(self._pending):
                self._due_chores()
        except RedisUnavailableError:
            raise
        except Exception as error:  # noqa: BLE001 - what is told and cleaned up must neither end nor slow what is done
            self._side_faults.note(error)

    def _due_chores(self) -> None:
        now = self.clock.monotonic()
        if now >= self._next_tick:
            self._next_tick = now + BEAT_INTERVAL_S
            self.memory.tick()
            self._queued = self.queue.depth()
            with suppress(RedisFullError):  # what could not be said is said later; values go on
                self.report.tick(self.buffer.depth(), is_short=self.memory.is_short)
        if now >= self._next_sweep:
            self._next_sweep = now + SWEEP_INTERVAL_S
            # What a paused consumer took over would wait with it.
            self.claims.sweep(self.turn, only_own=self.pause.is_on())
