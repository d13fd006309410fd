"""The last value of each tag, for people who look: messages kept aside as they come by, saved in Redis now and then.

Beside the data's way: of each poll the newest message is kept as it came, and read again when it is time to save it.
That takes a fiftieth of this thread's CPU time, a piece at a time; to keep the values themselves cost three times as
much, because what is held cannot be used again at once. What Redis refuses is forgotten. Bounded in tags and in bytes,
here and in Redis. Against what Redis holds, the newer value counts.
"""

from collections import deque
from collections.abc import Callable, Hashable, Iterator
from dataclasses import KW_ONLY, dataclass
from itertools import chain
from time import thread_time

from msgspec.structs import replace

from services.consumer.expand import expand
from shared.clock import Clock
from shared.errors import RedisRefusedError
from shared.keys import Keys
from shared.logs import get_logger
from shared.messages import read_message
from shared.models import PollingData, TagValue, encode_value, encode_values, stored_second
from shared.redis.link import RedisLink
from shared.texts import cut

#: Tags whose last value is kept in Redis.
MAX_TAGS = 50_000

#: Bytes of a tag's name, and of its value as the buffer has it: a longer text is cut, a longer name is left out.
MAX_NAME_BYTES, MAX_ENTRY_BYTES = 300, 1_000

#: Letters that are left of a text that is cut.
_CUT_TO = 100

#: Bytes of all messages that are kept aside, but for small ones: of those there are MAX_TAGS at most.
MAX_KEPT_BYTES, _SMALL_BYTES = 16 * 1024 * 1024, 500

#: Tags of a message up to which it is known by all of them; a larger one by their number, its first and its last.
MOST_NAMED = 16

#: Seconds between two savings, at least; and at most, where this thread has hardly anything else to do.
LEAST_INTERVAL_S, LONGEST_INTERVAL_S = 5.0, 75.0

#: How many times as much CPU time as a saving took goes to other things before the next.
PAUSE_FACTOR = 50

#: Tags saved in one step, and seconds after which the rest is left to the next call: data waits meanwhile.
SAVED_AT_ONCE, MAX_TURN_S = 1_000, 0.01

#: Seconds after which a value may go once there is no room for others; and by which a time may be ahead of our clock,
#: as those of another zone are, before it counts as wrong.
FORGET_S, AHEAD_S = 7 * 86_400, 86_400

_log = get_logger()


@dataclass
class LastValues:
    """The last values that this consumer saw. For one thread."""

    link: RedisLink
    keys: Keys
    separator: str
    clock: Clock
    _: KW_ONLY
    is_on: bool
    cpu_s: Callable[[], float] = thread_time

    def __post_init__(self) -> None:
        self._small: dict[Hashable, bytes] = {}
        self._kept: dict[Hashable, bytes] = {}  # newest last
        self._bytes = self._unlike = self._left_out = 0
        self._to_save: deque[bytes] = deque()
        self._took_s = self._next_cpu_s = self._next_at = self._latest_at = 0.0
        self._longest_s = LEAST_INTERVAL_S
        self._may_be_there = True
        self._refusal = ""
        #: Tags that the last saving left out: too many, or names too long.
        self.left_out = 0

    def see(self, poll: PollingData, raw: bytes) -> None:
        """Keep a message aside, in the place of the one before it of the same poll."""
        if not self.is_on:
            return
        tags = poll.tag_values
        if len(tags) <= MOST_NAMED and len(raw) <= _SMALL_BYTES and not poll.rows and not poll.error_tags:
            # Many and small: counted by number alone. Which of two of one tag is newer is seen when they are saved.
            self._small[poll.plc_code, *tags] = raw
            if len(self._small) > MAX_TAGS:
                del self._small[next(iter(self._small))]
            return
        poll_of = self._poll_of(poll)
        self._bytes += len(raw) - len(self._kept.pop(poll_of, b""))
        self._kept[poll_of] = raw
        while self._bytes > MAX_KEPT_BYTES:
            self._bytes -= len(self._kept.pop(next(iter(self._kept))))

    def _poll_of(self, poll: PollingData) -> Hashable:
        tags = poll.tag_values
        if poll.rows:
            # Of any tags and times: nothing takes its place.
            self._unlike += 1
            return self._unlike
        if len(tags) <= MOST_NAMED:
            return poll.plc_code, tuple(tags), *poll.error_tags
        return poll.plc_code, len(tags), next(iter(tags)), next(reversed(tags)), *poll.error_tags

    def save(self, *, is_short: bool = False) -> None:
        """Save a piece of it where it is time to; call it about once a second. `is_short`: Redis lacks memory for data.

        Raises: RedisUnavailableError: Redis is away; the piece is forgotten.
        """
        try:
            if is_short or not self.is_on:
                self._clear()
            else:
                self._save_some()
        except RedisRefusedError as error:
            # Somebody's own key of this name, no right to it, no room: that must not hold up the values.
            if str(error) != self._refusal:
                _log.warning(f"The last values of the tags are not saved, all else goes on: {cut(error)}")
            self._to_save.clear()
            self._wait_for_next()
            # Each refusal costs a connection: what may not be deleted is not asked for again.
            self._may_be_there = False
            self._refusal = str(error)

    def _clear(self) -> None:
        self._forget()
        self._to_save.clear()
        if self._may_be_there:
            self.link.command("DEL", self.keys.last_values)
            self._may_be_there = False

    def _save_some(self) -> None:
        began_s = self.cpu_s()
        if not self._to_save:
            if not self._is_due(began_s):
                return
            self._left_out, self._took_s, self._may_be_there = 0, 0.0, True
            self._to_save.extend(self._small.values())
            self._to_save.extend(self._kept.values())
            self._forget()
        until, now = self.clock.monotonic() + MAX_TURN_S, self.clock.now().timestamp()
        bounds = MAX_TAGS, stored_second(now + AHEAD_S), stored_second(now - FORGET_S)
        while self._to_save and self.clock.monotonic() < until:
            piece = self._next_piece()
            for first in range(0, len(piece), 2 * SAVED_AT_ONCE):
                some = piece[first : first + 2 * SAVED_AT_ONCE]
                self._left_out += self.link.run("save_last_values", [self.keys.last_values], [*bounds, *some])
        self._took_s += self.cpu_s() - began_s
        if not self._to_save:
            self._wait_for_next()

    def _is_due(self, cpu_s: float) -> bool:
        now = self.clock.monotonic()
        return (
            bool(self._small or self._kept)
            and now >= self._next_at
            and (cpu_s >= self._next_cpu_s or now >= self._latest_at)
        )

    def _forget(self) -> None:
        self._small, self._kept, self._bytes = {}, {}, 0

    def _next_piece(self) -> list[str | bytes]:
        """Return name, value, name, value... of as many messages as make a step."""
        piece: list[str | bytes] = []
        while self._to_save and len(piece) < 2 * SAVED_AT_ONCE:
            data, _ = read_message(self._to_save.popleft())
            values = expand(data)
            if data.rows:
                values = sorted(values, key=lambda value: value.timestamp)
            piece += self._named(values)
        return piece

    def _wait_for_next(self) -> None:
        now = self.clock.monotonic()
        # Soon again at first: not every tag comes in the first seconds.
        self._longest_s = min(LONGEST_INTERVAL_S, 2 * self._longest_s)
        self._next_at, self._latest_at = now + LEAST_INTERVAL_S, now + self._longest_s
        self._next_cpu_s = self.cpu_s() + PAUSE_FACTOR * self._took_s
        self.left_out, self._refusal = self._left_out, ""

    def _named(self, values: list[TagValue]) -> Iterator[str | bytes]:
        """Yield name, value, name, value... of what one message holds."""
        names = [f"{value.plc_code}{self.separator}{value.tag_address}" for value in values]
        encoded = encode_values(values)
        # A letter has four bytes at most: this holds nearly always.
        if values and 4 * max(map(len, names)) <= MAX_NAME_BYTES and max(map(len, encoded)) <= MAX_ENTRY_BYTES:
            yield from chain.from_iterable(zip(names, encoded, strict=True))
            return
        for value, name, entry in zip(values, names, encoded, strict=True):
            short = entry
            if len(entry) > MAX_ENTRY_BYTES:
                short = encode_value(replace(value, tag_value=cut(value.tag_value, _CUT_TO)))
            if len(name.encode(errors="replace")) > MAX_NAME_BYTES or len(short) > MAX_ENTRY_BYTES:
                self._left_out += 1
            else:
                yield name
                yield short
