"""The consumer's loop: claim messages, expand them, push their values. Every step can be repeated."""

import base64
import json

from services.consumer.expand import expand
from services.consumer.report import Report
from services.consumer.settings import ConsumerSettings
from shared.buffer import PushOutcome, TagBuffer
from shared.claims import SWEEP_INTERVAL_S, Claims
from shared.clock import Clock
from shared.counters import Counter
from shared.data_queue import DataQueue, MessageBatch
from shared.errors import RedisUnavailableError, RejectedError
from shared.heartbeat import BEAT_INTERVAL_S, Heartbeat
from shared.lifecycle import StopFlag
from shared.models import decode_polling_data, encode_values
from shared.redis_link import RedisLink

#: What one claim takes at most (one message at least). A value has 10 bytes or more on the wire, so this is under 3,300
#: values: a push should be a fraction of the buffer, so that writers can drain between two pushes, and what a consumer
#: holds in memory stays small however full the DataQueue is.
CLAIM_MAX_MESSAGES, CLAIM_MAX_BYTES = 500, 32 * 1024

#: Bytes for each value of the buffer's cap that one claim takes at most: a small buffer wants small pushes.
CLAIM_BYTES_PER_CAP = 4

#: Seconds after the buffer was last seen to be drained for which a push waits for room: a writer's restart. Then values
#: overflow, as they must.
HOLD_AFTER_DRAIN_S = 15.0

#: Seconds for which a consumer that has just started waits to see whether anybody drains the buffer.
HOLD_AT_START_S = 1.5
_HOLD_LOOK_S = 0.01

#: Seconds that a push waits before it asks for room, and between two requests: a writer that has just started did not
#: hear the first.
FIRST_ASK_S, ASK_INTERVAL_S = 0.05, 1.0

#: Times CONSUMER_HOLD_MESSAGES in the DataQueue at which a push no longer waits for anything.
MAX_HOLD_FACTOR = 10


class Consumer:
    """Moves messages from the DataQueue to the buffer until stopped."""

    def __init__(
        self,
        link: RedisLink,
        queue: DataQueue,
        buffer: TagBuffer,
        claims: Claims,
        heartbeat: Heartbeat,
        report: Report,
        settings: ConsumerSettings,
        clock: Clock,
    ) -> None:
        self._link = link
        self._queue = queue
        self._buffer = buffer
        self._claims = claims
        self._heartbeat = heartbeat
        self._report = report
        self._settings = settings
        self._clock = clock
        self._depth = 0
        self._hold_until = clock.monotonic() + HOLD_AT_START_S
        self._next_beat = self._next_sweep = 0.0

    def run(self, stop: StopFlag) -> None:
        """Go on until stopped, whatever Redis does meanwhile."""
        pending: MessageBatch | None = None
        while not stop.is_set():
            try:
                self._chores()
                pending = pending or self.claim(wait_s=BEAT_INTERVAL_S)
                if pending is not None and self.push(pending, stop):
                    pending = None
            except RedisUnavailableError as error:
                self._link.wait_until_there(stop, error)

    def claim(self, wait_s: float) -> MessageBatch | None:
        """Wait for messages and claim the oldest; None when none came within `wait_s`.

        Raises: RedisUnavailableError.
        """
        if not self._claims.has_adopted and not self._queue.wait(wait_s):
            return None
        max_bytes = min(CLAIM_MAX_BYTES, CLAIM_BYTES_PER_CAP * self._settings.buffer_max_size)
        return self._queue.claim(self._claims, CLAIM_MAX_MESSAGES, max_bytes)

    def push(self, batch: MessageBatch, stop: StopFlag) -> bool:
        """Expand the messages and push their values; return whether the batch is done with.

        False when stopped before there was room. A batch whose list holds more than was read is found again by the next
        sweep.
        Raises: RedisUnavailableError: the same batch can be pushed again.
        """
        values: list[bytes] = []
        rejected: list[bytes] = []
        unsupported = 0
        for raw in batch.raws:
            try:
                data = decode_polling_data(raw)
                expansion = expand(data)
                encoded = encode_values(expansion.values)
            except RejectedError as error:
                self._report.rejected(error)
                rejected.append(_rejection(raw, error, self._heartbeat.instance, self._clock))
                continue
            values += encoded
            unsupported += len(expansion.unsupported)
            self._report.message(data, len(encoded), expansion.bad)
        counts = {
            Counter.MESSAGES: len(batch.raws) - len(rejected),
            Counter.MESSAGES_REJECTED: len(rejected),
            Counter.UNSUPPORTED: unsupported,
        }
        # Looked at before: a push that is refused has cost Redis and us as much as one that is not.
        while self._wait_for_room(batch, len(values), stop):
            done = self._buffer.push(batch, values, rejected, counts, may_overflow=self._may_overflow(batch))
            if done.outcome is not PushOutcome.NO_ROOM:
                break
            self._see_depth(done.depth)
        else:
            return False
        self._claims.close(batch.list_key)
        if done.outcome is PushOutcome.PUSHED:
            self._see_depth(done.depth + len(done.dropped) - len(values))
            self._depth = done.depth
            self._report.pushed(done.depth, done.dropped)
        return True

    def _may_overflow(self, batch: MessageBatch) -> bool:
        """Tell whether the oldest values may be discarded for this batch.

        Not while somebody drains the buffer and the DataQueue is short. After a pause of the consumer the DataQueue
        holds seconds of readings; pushed all at once they would overflow a buffer that the writer drains with ease. And
        while a writer restarts they can wait too.
        """
        is_drained = self._clock.monotonic() < self._hold_until
        return not is_drained or batch.left >= MAX_HOLD_FACTOR * self._settings.consumer_hold_messages

    def _wait_for_room(self, batch: MessageBatch, count: int, stop: StopFlag) -> bool:
        """Wait until a push of `count` values fits, or may overflow, and ask for room; False when stopped meanwhile."""
        cap = self._settings.buffer_max_size
        room_for = min(count, cap)  # a message larger than the buffer goes as soon as the buffer is empty
        next_asking = self._clock.monotonic() + FIRST_ASK_S
        while self._depth + room_for > cap and not self._may_overflow(batch):
            # The depth was that after the last push; writers have been at work since.
            self._see_depth(self._buffer.depth())
            if self._depth + room_for <= cap:
                break
            if stop.wait(_HOLD_LOOK_S):
                return False
            if self._clock.monotonic() >= next_asking:
                next_asking = self._clock.monotonic() + ASK_INTERVAL_S
                self._buffer.ask_for_room(room_for, urgent=batch.left >= self._settings.consumer_hold_messages)
            self._chores()
        return True

    def _see_depth(self, depth: int) -> None:
        """Take note of the buffer's depth; if it fell since the last look somebody drains it."""
        if depth < self._depth:
            self._hold_until = self._clock.monotonic() + HOLD_AFTER_DRAIN_S
        self._depth = depth

    def _chores(self) -> None:
        now = self._clock.monotonic()
        if now >= self._next_beat:
            self._next_beat = now + BEAT_INTERVAL_S
            self._heartbeat.beat("running")
            self._report.tick(self._buffer.depth())
        if now >= self._next_sweep:
            self._next_sweep = now + SWEEP_INTERVAL_S
            self._claims.sweep()


def _rejection(raw: bytes, error: RejectedError, instance: str, clock: Clock) -> bytes:
    """Return what the rejected list keeps of a message; one that is no text is kept as base64."""
    entry = {"reason": str(error), "at": clock.now().isoformat(), "consumer": instance}
    try:
        entry["message"] = raw.decode()
    except UnicodeDecodeError:
        entry["message_base64"] = base64.b64encode(raw).decode()
    return json.dumps(entry, ensure_ascii=False).encode(errors="replace")
