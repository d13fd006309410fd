"""The wake-up tokens of the buffer: who waits in Redis for what, and who is called.

A token is the one element of a list. It moves no value: one that is lost with its process costs a few seconds.
"""

from dataclasses import dataclass
from enum import Enum

from shared.keys import Keys
from shared.redis.link import RedisLink
from shared.settings.models import BufferSettings

#: An idle writer claims after so many seconds without a wake-up token: whoever took the last may have died.
LOST_TOKEN_S = 5.0

#: Seconds for which who claims is asked to tell of room.
WANTED_S = 5


class WakeUp(Enum):
    """What wakes a writer: which token was there."""

    READY = "ready"  #: the buffer is not empty
    FULL = "full"  #: a whole batch is there


#: Digits of a depth at most.
_DIGITS = 18


@dataclass(frozen=True)
class Pressure:
    """The buffer should fall to `target` values; `urgent` when values are lost otherwise, however well Oracle works."""

    target: int
    urgent: bool


class Tokens:
    """Those of one namespace; safe to use from several threads. Every method raises RedisUnavailableError."""

    def __init__(self, link: RedisLink, keys: Keys, settings: BufferSettings) -> None:
        self._link = link
        self._keys = keys
        self._settings = settings

    def wait(self, wait_s: float) -> WakeUp | None:
        """Wait in Redis until there is a value or a full batch; None when nothing came within `wait_s`."""
        heard = self._link.blocking_pop([self._keys.full_token, self._keys.ready_token], wait_s)
        if heard is None:
            return None
        return WakeUp.FULL if heard[0] == self._keys.full_token else WakeUp.READY

    def wake_another(self) -> None:
        """Leave a wake-up token for another writer: who was woken does not claim."""
        self._link.commands(("DEL", self._keys.ready_token), ("RPUSH", self._keys.ready_token, 1))

    def wait_for_full(self, wait_s: float) -> bool:
        """Wait in Redis until there is a full batch; False when there was none within `wait_s`."""
        return self._link.blocking_pop([self._keys.full_token], wait_s) is not None

    def wait_for_pressure(self, wait_s: float) -> Pressure | None:
        """Wait in Redis until the buffer is under pressure; None when it was not within `wait_s`."""
        heard = self._link.blocking_pop([self._keys.pressure_token], wait_s)
        if heard is None:
            return None
        target, mark = heard[1].removesuffix(b"!"), heard[1][-1:]
        # What is no token of ours was left by a stranger, and says nothing.
        return Pressure(int(target), mark == b"!") if target.isdigit() and len(target) <= _DIGITS else None

    def forget_pressure(self) -> None:
        """Take the pressure token away: for a writer that begins, whom one left for another would mislead."""
        self._link.command("DEL", self._keys.pressure_token)

    def ask_for_room(self, values: int, *, urgent: bool) -> None:
        """Leave a pressure token: a push of so many values waits for room; urgent when it can't wait much longer."""
        token = f"{max(0, self._settings.buffer_max_size - values)}{'!' if urgent else ''}"
        self._link.commands(("DEL", self._keys.pressure_token), ("RPUSH", self._keys.pressure_token, token))

    def wait_for_room(self, values: int, wait_s: float) -> None:
        """Wait in Redis until there may be room for a push of so many values, `wait_s` at most.

        Raises: RedisUnavailableError; RedisFullError: at its memory limit Redis can't be told that somebody waits.
        """
        target = max(0, self._settings.buffer_max_size - values)
        # What was claimed before this is said leaves no token; one that is there is an earlier one's.
        *_, depth = self._link.commands(
            ("DEL", self._keys.room_token),
            ("SET", self._keys.room_wanted, target, "EX", WANTED_S),
            ("LLEN", self._keys.buffer),
        )
        if depth > target:
            self._link.blocking_pop([self._keys.room_token], wait_s)
