"""Whose turn it is to send, and what was told: in Redis, for other monitors and for the next life of this one."""

from collections.abc import Mapping
from enum import Enum

from shared.clock import Clock
from shared.errors import RedisUnavailableError
from shared.keys import Keys
from shared.records.notices import Told
from shared.records.reading import from_json, to_json
from shared.redis.link import RedisLink

#: Seconds that a turn lasts without being renewed: longer than the longest try to send.
LEASE_S = 60.0

#: Seconds for which what was told is kept after the last turn: over a long holiday.
_KEPT_S = 14 * 86_400

#: Fields that are read at most: every kind of alert in every partition.
_MAX_FIELDS = 10_000


class Turn(Enum):
    """Who sends now."""

    OURS = "ours"
    ANOTHERS = "another's"
    UNKNOWN = "unknown"  #: Redis is away: nobody can tell


class Memory:
    """What all monitors know of one receiver. For one thread."""

    def __init__(self, link: RedisLink, keys: Keys, receiver: str, clock: Clock) -> None:
        self._link = link
        self._turn_key = keys.notices_turn(receiver)
        self._told_key = keys.notices(receiver)
        self._clock = clock
        self._away_since: float | None = None
        self._was_ours = False
        #: What stands in Redis; and what anybody told, as far as this monitor knows.
        self._stored: dict[str, Told] = {}
        self.told: dict[str, Told] = {}

    def take_turn(self, who: str) -> Turn:
        """Take or renew the turn, if it is free or ours; `told` then holds what anybody told."""
        try:
            answer = self._link.run(
                "take_turn", [self._turn_key, self._told_key], [who, round(LEASE_S * 1000), _KEPT_S * 1000, _MAX_FIELDS]
            )
            self._read(answer[1:])
            self._away_since, self._was_ours = None, bool(answer[0])
            self.remember(self.told)
        except RedisUnavailableError:
            return self._away()
        return Turn.OURS if self._was_ours else Turn.ANOTHERS

    def remember(self, told: Mapping[str, Told]) -> None:
        """Write down what was told. Raises: RedisUnavailableError: it is written down with the next turn."""
        self.told = dict(told)
        changes = {
            "HSET": [part for key, record in self._unwritten().items() for part in (key, to_json(record))],
            "HDEL": [key for key in self._stored if key not in self.told],
        }
        if commands := [[name, self._told_key, *parts] for name, parts in changes.items() if parts]:
            self._link.commands(*commands)
        self._stored = dict(self.told)

    def _unwritten(self) -> dict[str, Told]:
        """Return what was told here and does not stand in Redis yet."""
        return {key: told for key, told in self.told.items() if self._stored.get(key) != told}

    def give_back(self, who: str) -> None:
        """Let another take the turn at once. Raises: RedisUnavailableError: it ends by itself."""
        if self._was_ours and self._link.command("GET", self._turn_key) == who.encode():
            self._link.command("DEL", self._turn_key)

    def _read(self, flat: list[bytes]) -> None:
        # Whose turn it was is the only one who takes something out: what is not there then, Redis has lost.
        ours = self.told if self._was_ours else self._unwritten()
        names = [name.decode(errors="replace") for name in flat[::2]]
        records = [from_json(Told, raw) for raw in flat[1::2]]
        self._stored = {name: told for name, told in zip(names, records, strict=True) if told is not None}
        newer = {
            name: told
            for name, told in ours.items()
            if name not in self._stored or self._stored[name].told_at < told.told_at
        }
        self.told = {**self._stored, **newer}

    def _away(self) -> Turn:
        """Return whose turn it is while Redis can't say: ours if it was; after a lease anybody's who notices.

        The one whose turn it was may be away together with Redis.
        """
        now = self._clock.monotonic()
        if self._away_since is None:
            self._away_since = now
        if self._was_ours or now - self._away_since > LEASE_S:
            return Turn.OURS
        return Turn.UNKNOWN
