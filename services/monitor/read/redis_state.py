"""What Redis says of itself: how much room it has left, and whether it keeps what it acknowledged."""

from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any

from shared.errors import RedisRefusedError
from shared.redis_link import RedisLink

#: Seconds between two looks, and until something is asked again that Redis does not let us ask.
LOOK_S, ASK_AGAIN_S = 5.0, 600.0


@dataclass(frozen=True)
class RedisState:
    """One look; what a server does not tell, or does not let us ask, is None."""

    used_bytes: int | None = None
    max_bytes: int | None = None  #: 0: no limit
    eviction: str | None = None  #: `maxmemory-policy`
    appendonly: str | None = None
    appendfsync: str | None = None
    refusal: str | None = None  #: why it refuses the monitor's heartbeat, and so those of all services
    append_failed: bool = False  #: the last write to the append-only file failed: Redis refuses writes


class RedisStateReader:
    """Looks now and then; remembers what it may not ask."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link
        self._state = RedisState()
        self._look_at = 0.0
        self._ask_at: dict[str, float] = {}

    def read(self) -> RedisState:
        """Return the state, LOOK_S seconds old at most.

        Raises: RedisUnavailableError: there is no answer at all.
        """
        if monotonic() >= self._look_at:
            memory = self._ask("INFO", "memory")
            persistence = self._ask("INFO", "persistence")
            config = _texts(self._ask("CONFIG", "GET", "append*"))
            self._state = RedisState(
                used_bytes=_figure(memory, "used_memory"),
                max_bytes=_figure(memory, "maxmemory"),
                eviction=memory.get("maxmemory_policy"),
                appendonly=config.get("appendonly"),
                appendfsync=config.get("appendfsync"),
                append_failed=persistence.get("aof_last_write_status") == "err",
            )
            self._look_at = monotonic() + LOOK_S
        return self._state

    def _ask(self, *command: str) -> Mapping[str, Any]:
        asked = " ".join(command)
        if monotonic() < self._ask_at.get(asked, 0.0):
            return {}
        try:
            answer = self._link.command(*command)
        except RedisRefusedError:
            # Servers that others run forbid it, and users may lack the right: then that is not known.
            self._ask_at[asked] = monotonic() + ASK_AGAIN_S
            return {}
        return answer if isinstance(answer, dict) else {}


def _texts(answer: Mapping[Any, Any]) -> dict[str, str]:
    def text(raw: Any) -> str:
        return raw.decode(errors="replace") if isinstance(raw, bytes) else str(raw)

    return {text(name): text(value) for name, value in answer.items()}


def _figure(info: Mapping[str, Any], name: str) -> int | None:
    figure = info.get(name)
    return figure if isinstance(figure, int) else None
