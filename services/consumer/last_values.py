"""The last value of each tag, for people who look: kept aside as messages come by, saved in Redis now and then.

Beside the data's way: a message costs one update of a dictionary; saving takes a hundredth of this thread's CPU time,
a piece at a time, and what Redis refuses is forgotten. Bounded in tags and in bytes, here and in Redis. Of what came
between two savings the last counts; against what Redis holds, the newer.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from time import thread_time

from msgspec.structs import replace

from shared.clock import Clock
from shared.errors import RedisRefusedError
from shared.keys import Keys
from shared.logs import get_logger
from shared.models import PollingData, TagValue, decode_values, encode_value, stored_second
from shared.redis.link import RedisLink
from shared.texts import cut

#: Tags whose last value is kept, here and in Redis.
MAX_TAGS = 50_000

#: Bytes of a tag's name, and of its value as the buffer has it: a longer text is cut, a longer name is left out.
MAX_NAME_BYTES, MAX_ENTRY_BYTES = 300, 1_000

#: Letters that are left of a text that is cut.
_CUT_TO = 100

#: Bytes of messages whose values wait here to be saved.
MAX_WAITING_BYTES = 16 * 1024 * 1024

#: Seconds between two savings, at least; and at most, where this thread has hardly anything else to do.
LEAST_INTERVAL_S, LONGEST_INTERVAL_S = 5.0, 20.0

#: How many times as much CPU time as a saving took goes to other things before the next.
REST = 100

#: Tags saved in one step, and seconds after which the rest is left to the next call: data waits meanwhile.
SAVED_AT_ONCE, MAX_TURN_S = 1_000, 0.01

#: Seconds after which a value may go once there is no room for others; and by which a time may be ahead of our clock,
#: as those of another zone are, before it counts as wrong.
FORGET_S, AHEAD_S = 7 * 86_400, 86_400

_log = get_logger()


class LastValues:
    """The last values that this consumer saw. For one thread."""

    def __init__(
        self,
        link: RedisLink,
        keys: Keys,
        separator: str,
        clock: Clock,
        *,
        is_on: bool,
        cpu_s: Callable[[], float] = thread_time,
    ) -> None:
        self._link = link
        self._keys = keys
        self._separator = separator
        self._clock = clock
        self._is_on = is_on
        self._cpu_s = cpu_s
        self._waiting: dict[str, dict[str, bytes]] = {}  # by PLC and address, as the buffer has them
        self._tags = self._bytes = self._left_out = 0
        self._to_save: list[str | bytes] = []  # name, value, name, value...
        self._took_s = self._next_cpu_s = self._next_at = self._latest_at = 0.0
        self._may_be_there = True
        self._refusal = ""
        #: Tags that the last saving left out: too many, or names too long.
        self.left_out = 0

    def see(self, poll: PollingData, values: Sequence[TagValue], encoded: Sequence[bytes], size: int) -> None:
        """Take note of a message's values; `encoded` is the same as the buffer has it, `size` the message's bytes."""
        if not self._is_on or self._bytes >= MAX_WAITING_BYTES or self._tags >= MAX_TAGS:
            return
        plc = self._waiting.setdefault(poll.plc_code, {})
        before = len(plc)
        if len(encoded) == len(poll.tag_values):
            # Nearly always, and half the cost: one value for each of the tags, in their order.
            plc.update(zip(poll.tag_values, encoded, strict=False))
        else:
            pairs: Iterable[tuple[TagValue, bytes]] = zip(values, encoded, strict=False)
            if poll.rows:
                pairs = sorted(pairs, key=lambda pair: pair[0].timestamp)
            plc.update((value.tag_address, raw) for value, raw in pairs)
        self._tags += len(plc) - before
        self._bytes += size

    def save(self, *, is_short: bool = False) -> None:
        """Save a piece of it where it is time to; call it about once a second. `is_short`: Redis lacks memory for data.

        Raises: RedisUnavailableError: Redis is away; the piece is forgotten.
        """
        try:
            if is_short or not self._is_on:
                self._clear()
            else:
                self._save_some()
        except RedisRefusedError as error:
            # Somebody's own key of this name, no right to it, no room: that must not hold up the values.
            if str(error) != self._refusal:
                _log.warning(f"The last values of the tags are not saved, all else goes on: {cut(error)}")
            self._to_save = []
            self._rest()
            self._refusal = str(error)

    def _clear(self) -> None:
        self._waiting, self._tags, self._bytes, self._to_save = {}, 0, 0, []
        if self._may_be_there:
            self._link.command("DEL", self._keys.last_values)
            self._may_be_there = False

    def _save_some(self) -> None:
        began_s = self._cpu_s()
        if not self._to_save:
            if not self._is_due(began_s):
                return
            self._begin()
        until = self._clock.monotonic() + MAX_TURN_S
        while self._to_save and self._clock.monotonic() < until:
            piece, self._to_save = self._to_save[: 2 * SAVED_AT_ONCE], self._to_save[2 * SAVED_AT_ONCE :]
            self._left_out += self._link.run("save_last_values", [self._keys.last_values], [*self._bounds(), *piece])
        self._took_s += self._cpu_s() - began_s
        if not self._to_save:
            self._rest()

    def _is_due(self, cpu_s: float) -> bool:
        now = self._clock.monotonic()
        return bool(self._waiting) and now >= self._next_at and (cpu_s >= self._next_cpu_s or now >= self._latest_at)

    def _begin(self) -> None:
        self._left_out, self._took_s, self._may_be_there = int(self._tags >= MAX_TAGS), 0.0, True
        self._to_save = list(chain.from_iterable(self._named(*plc) for plc in self._waiting.items()))
        self._waiting, self._tags, self._bytes = {}, 0, 0

    def _rest(self) -> None:
        now = self._clock.monotonic()
        self._next_at, self._latest_at = now + LEAST_INTERVAL_S, now + LONGEST_INTERVAL_S
        self._next_cpu_s = self._cpu_s() + REST * self._took_s
        self.left_out, self._refusal = self._left_out, ""

    def _named(self, plc_code: str, values: Mapping[str, bytes]) -> Iterable[str | bytes]:
        """Return name, value, name, value... of a PLC's tags."""
        prefix = plc_code + self._separator
        longest = max(map(len, values)) + len(prefix)
        # A letter has four bytes at most: this holds nearly always.
        if 4 * longest <= MAX_NAME_BYTES and max(map(len, values.values())) <= MAX_ENTRY_BYTES:
            return chain.from_iterable(zip(map(prefix.__add__, values), values.values(), strict=True))
        return self._fitting(prefix, values)

    def _fitting(self, prefix: str, values: Mapping[str, bytes]) -> Iterator[str | bytes]:
        for address, raw in values.items():
            name, entry = prefix + address, raw if len(raw) <= MAX_ENTRY_BYTES else _shortened(raw)
            if len(name.encode(errors="replace")) > MAX_NAME_BYTES or len(entry) > MAX_ENTRY_BYTES:
                self._left_out += 1
            else:
                yield name
                yield entry

    def _bounds(self) -> tuple[int, str, str]:
        now = self._clock.now().timestamp()
        return MAX_TAGS, stored_second(now + AHEAD_S), stored_second(now - FORGET_S)


def _shortened(raw: bytes) -> bytes:
    """Return a value with its text cut."""
    (value,) = decode_values([raw]).values
    return encode_value(replace(value, tag_value=cut(value.tag_value, _CUT_TO)))
