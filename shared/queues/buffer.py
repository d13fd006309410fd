"""The buffer: a capped Redis list of TagValues between consumer and writer.

The consumer pushes; when the cap is reached the oldest go, and every one that goes is counted. The writer waits in
Redis, claims the oldest into a list of its own, and settles it when every value has its outcome. Each move is one Lua
script that moves and counts in one step and can be repeated after a lost answer.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Any

from shared.counters import WINDOW_BUCKET_S, WINDOW_KEEP_S, Counter, Counts, flatten
from shared.errors import AnswerTooLargeError, RedisUnavailableError
from shared.journal.history import History, Reached
from shared.keys import Keys
from shared.models import Decoded, Lines, decode_values
from shared.queues.claims import Claimed, Claims
from shared.queues.data_queue import MAX_REJECTED_BYTES, MAX_REJECTED_MESSAGES, MessageBatch
from shared.queues.lightening import lighten
from shared.queues.tokens import Tokens
from shared.redis.link import RedisLink
from shared.redis.scripts import Call
from shared.settings.models import BufferSettings

#: Whole batches left in the buffer with which a claim calls for one more writer's worker. Who claims goes on by itself
#: while a batch is there: with fewer left, whoever is called costs more than it helps.
CALL_AT_BATCHES = 4


#: Values that no in-flight list of ours comes to: several times BUFFER_BATCH_SIZE_MAX, at most.
MOST_CLAIMED = 20_000

#: Rejected rows that wait in Redis at most while no file can take them, and bytes of all of them.
MAX_REJECTED_ROWS, MAX_REJECTED_ROWS_BYTES = 10_000, 16_000_000


class PushOutcome(Enum):
    """What came of a push."""

    PUSHED = b"pushed"
    REPEATED = b"repeated"  #: it had been carried out before: its answer was lost; what it dropped is not known
    NO_ROOM = b"no room"  #: values would have overflowed, and may not; nothing was done
    MISMATCH = b"mismatch"  #: the claimed list holds another number of messages: claim it again; nothing was done


@dataclass(frozen=True)
class Push:
    """What came of a push, the values in the buffer now, and the raw values discarded for it, oldest first."""

    outcome: PushOutcome
    depth: int
    dropped: list[bytes]


@dataclass(frozen=True)
class Batch(Claimed):
    """Values in flight: the list that holds them, the values oldest first, and how many are left in the buffer."""

    list_key: str
    values: Decoded
    left: int

    def __len__(self) -> int:
        return len(self.values)


class TagBuffer(Tokens):
    """The buffer of one namespace; safe to use from several threads. Every method raises RedisUnavailableError."""

    def __init__(self, link: RedisLink, keys: Keys, settings: BufferSettings, history: History | None = None) -> None:
        """Take what remembers how far the counters have come: it is shown what every push and settling finds."""
        super().__init__(link, keys, settings)
        self._history = history
        self._tokens = [keys.ready_token, keys.full_token, keys.pressure_token]

    def push(
        self,
        messages: MessageBatch,
        values: Lines,
        rejected: Sequence[bytes] = (),
        counts: Counts | None = None,
        *,
        may_overflow: bool = True,
        may_keep: bool = True,
    ) -> Push:
        """Put what a batch of messages was expanded to on the buffer, and be done with the messages, in one step.

        Args: values: oldest first. rejected: for the rejected list. counts: further counters.
            may_overflow: whether the oldest values may be discarded where there is no room. may_keep: whether Redis
            has room for what is rejected; else it is dropped, and counted.
        Raises: RedisUnavailableError, RedisFullError: repeat the same call.
        """
        items = flatten(counts or {})
        reached = self._reached
        answer = self._link.run(
            "push",
            [messages.list_key, self._keys.claimed, self._keys.buffer, self._keys.counters, *self._tokens,
             self._keys.rejected_messages, self._keys.rejected_bytes, self._window()],
            [
                len(messages.raws), self._settings.buffer_max_size, self._settings.buffer_batch_threshold,
                self._settings.buffer_alert_depth, MAX_REJECTED_MESSAGES, WINDOW_KEEP_S,
                values.count, len(rejected), len(items), int(may_overflow), MAX_REJECTED_BYTES if may_keep else 0,
                values.text, *rejected, *items,
            ],
        )  # fmt: skip
        push = Push(PushOutcome(answer[0]), answer[1], answer[3:])
        if push.outcome in {PushOutcome.PUSHED, PushOutcome.REPEATED}:
            self._compare(reached, answer[2], inserted=values.count if push.outcome is PushOutcome.PUSHED else 0)
        return push

    @property
    def _reached(self) -> Reached:
        return self._history.reached if self._history else Reached()

    def _compare(self, reached: Reached, found: Sequence[Any], *, inserted: int = 0, written: int = 0) -> None:
        if self._history:
            # What was done is done: that it can't be told now must not let it be done again.
            with suppress(RedisUnavailableError):
                self._history.compare(reached, found, inserted=inserted, written=written)

    def claim(self, claims: Claims, max_values: int) -> Batch | None:
        """Move the oldest values, at most `max_values`, in flight and return them; None when there are none.

        A batch that was taken over from a dead writer goes first, whatever its size.
        Raises: RedisUnavailableError: values may be in flight; `Claims.sweep` finds them again.
        """
        with claims.opening() as list_key:
            try:
                return self._claim(claims, list_key, max_values)
            except AnswerTooLargeError:
                lighten(self._link, list_key, self._keys.buffer, most=MOST_CLAIMED)
                return self._claim(claims, list_key, max_values)

    def _claim(self, claims: Claims, list_key: str, max_values: int) -> Batch | None:
        claimed, raws = self._link.run_all(self._claim_call(list_key, max_values), then=_held(list_key))
        return self._claimed(claims, list_key, claimed, raws)

    def give_back(self, batch: Batch) -> None:
        """Put a batch that nobody settles back at the head of the buffer. It counts as removed once more, when claimed.

        Raises: RedisUnavailableError: repeat the same call, or let the next sweep find it.
        """
        self._link.run("give_back", [batch.list_key, self._keys.inflight, self._keys.buffer, self._keys.ready_token])

    def settle(self, batch: Batch, counts: Counts, window: Mapping[str, int], waiting: Sequence[bytes] = ()) -> bool:
        """Count what became of a batch and let its in-flight list go, in one step.

        Args: counts: counters to raise. window: observations. Both are counted in total and in the window.
            waiting: rejected rows that no file could take; they wait in Redis for one.
        Returns: False when the batch was settled before, or another writer took it over and settles it.
        Raises: RedisUnavailableError: repeat the same call.
        """
        reached = self._reached
        (answer,) = self._link.run_all(self._settle_call(batch, counts, window, waiting))
        return self._settled(reached, answer, counts)

    def _settled(self, reached: Reached, answer: Sequence[Any], counts: Counts) -> bool:
        is_settled, found = answer
        self._compare(reached, found, written=counts.get(Counter.WRITTEN, 0) if is_settled else 0)
        return bool(is_settled)

    def settle_and_claim(
        self,
        batch: Batch,
        counts: Counts,
        window: Mapping[str, int],
        claims: Claims,
        max_values: int,
    ) -> tuple[bool, Batch | None]:
        """Do both in one round trip: for a writer that knows that more is there.

        Raises: RedisUnavailableError: settle the batch again; what was claimed is found again by `Claims.sweep`.
        """
        reached = self._reached
        with claims.opening() as list_key:
            settled, claimed, raws = self._link.run_all(
                self._settle_call(batch, counts, window),
                self._claim_call(list_key, max_values),
                then=_held(list_key),
            )
            batch_claimed = self._claimed(claims, list_key, claimed, raws)
        return self._settled(reached, settled, counts), batch_claimed

    def _window(self) -> str:
        """Return the key of the window that fills now, by Redis' clock: a script must be told each key it touches."""
        return self._keys.window(int(self._link.server_time() // WINDOW_BUCKET_S))

    def _settle_call(
        self, batch: Batch, counts: Counts, window: Mapping[str, int], waiting: Sequence[bytes] = ()
    ) -> Call:
        return Call(
            "settle",
            [batch.list_key, self._keys.inflight, self._keys.counters, self._keys.buffer,
             self._keys.rejected_rows, self._keys.rejected_rows_bytes, self._window()],
            [
                len(batch), WINDOW_KEEP_S, MAX_REJECTED_ROWS, MAX_REJECTED_ROWS_BYTES,
                len(waiting), *waiting, *flatten(counts), *flatten(window),
            ],
        )  # fmt: skip

    def _claim_call(self, list_key: str, max_values: int) -> Call:
        return Call(
            "claim",
            [self._keys.buffer, list_key, self._keys.inflight, self._keys.counters, *self._tokens[:2],
             self._keys.room_wanted, self._keys.room_token],
            [max_values, CALL_AT_BATCHES * self._settings.buffer_batch_threshold],
        )  # fmt: skip

    def _claimed(self, claims: Claims, list_key: str, answer: Sequence[int], raws: list[bytes]) -> Batch | None:
        left, count = answer
        if count == 0:
            claims.close(list_key)
            return None
        if count > MOST_CLAIMED:  # a list of that name that others filled
            count = lighten(self._link, list_key, self._keys.buffer, most=MOST_CLAIMED)
        if len(raws) != count:  # they were read before they were claimed: the script was new to the server
            raws = self._link.command(*_held(list_key))
        return Batch(list_key, decode_values(raws), left)

    def depth(self) -> int:
        """Return the number of values in the buffer."""
        return int(self._link.command("LLEN", self._keys.buffer))


def _held(list_key: str) -> Sequence[str | int]:
    """Return the command that reads what a list holds; one that is longer than ours is not read whole."""
    return "LRANGE", list_key, 0, MOST_CLAIMED - 1
