"""What Redis says of itself: how much room it has left, and whether it can lose what it acknowledged."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any, NamedTuple

from shared.errors import RedisRefusedError
from shared.redis.link import RedisLink

#: Seconds between two looks, and until something is asked again that Redis does not let us ask.
LOOK_S, ASK_AGAIN_S = 5.0, 600.0


class Risk(NamedTuple):
    """A way in which Redis may lose what it acknowledged."""

    message: str
    remedy: str
    is_critical: bool = False


@dataclass(frozen=True)
class RedisState:
    """One look; what a server does not tell, or does not let us ask, is None."""

    version: str | None = None
    used_bytes: int | None = None
    max_bytes: int | None = None  #: 0: no limit
    eviction: str | None = None  #: `maxmemory-policy`
    appendonly: bool | None = None
    appendfsync: str | None = None
    append_failed: bool = False  #: the last write to the append-only file failed: Redis refuses writes
    rewrite_failed: bool = False  #: the last rewrite of that file failed: it grows until the disk is full
    replicas: int | None = None  #: that are connected
    min_replicas: int | None = None  #: `min-replicas-to-write`
    certificate_until: float | None = None  #: when its certificate ends, in seconds since 1970
    refusal: str | None = None  #: why it refuses the monitor's heartbeat, and so those of all services

    def risks(self) -> Iterator[Risk]:
        """Yield how it may lose what it acknowledged, the worst first."""
        if (self.eviction or "").startswith("allkeys"):
            yield Risk(
                f"Redis throws away keys of ours when its memory is full (maxmemory-policy {self.eviction})",
                "maxmemory-policy noeviction", is_critical=True,
            )  # fmt: skip
        elif self.max_bytes and (self.eviction or "").startswith("volatile"):
            yield Risk(
                f"Redis throws away heartbeats when its memory is full (maxmemory-policy {self.eviction}): who lives "
                "is then taken for dead",
                "maxmemory-policy noeviction",
            )
        if self.appendonly is False:
            yield Risk(
                "Redis keeps nothing on disk (appendonly no): a restart loses all it holds",
                "appendonly yes, appendfsync always",
            )
        elif self.appendfsync not in {"always", None}:
            yield Risk(
                f"Redis acknowledges before it writes to disk (appendfsync {self.appendfsync}): a power failure may "
                "lose what it took in the last second or more",
                "appendfsync always",
            )
        if self.rewrite_failed:
            yield Risk(
                "Redis could not rewrite its append-only file: it grows until the disk is full and writes are refused",
                "room on Redis' disk, or memory for the rewrite (vm.overcommit_memory=1); Redis' log says which",
            )
        if self.replicas and self.min_replicas == 0:
            yield Risk(
                f"Redis has {self.replicas} replicas and takes values without them (min-replicas-to-write 0): cut off "
                "from them it goes on taking what is lost when one of them becomes the primary",
                "min-replicas-to-write 1, min-replicas-max-lag 10",
            )


class RedisStateReader:
    """Looks now and then; remembers what it may not ask."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link
        self._state = RedisState()
        self._look_at = 0.0
        self._ask_at: dict[str, float] = {}

    def read(self) -> RedisState:
        """Return the state, LOOK_S seconds old at most. Raises: RedisUnavailableError: there is no answer at all."""
        if monotonic() >= self._look_at:
            info = self._ask("INFO")
            config = _texts(self._ask("CONFIG", "GET", "append*")) | _texts(self._ask("CONFIG", "GET", "min-*"))
            aof = _figure(info, "aof_enabled")
            self._state = RedisState(
                certificate_until=self._link.certificate_until,
                version=_text(info.get("valkey_version") or info.get("redis_version")),
                used_bytes=_figure(info, "used_memory"),
                max_bytes=_figure(info, "maxmemory"),
                eviction=info.get("maxmemory_policy"),
                appendonly=None if aof is None else bool(aof),
                appendfsync=config.get("appendfsync"),
                append_failed=info.get("aof_last_write_status") == "err",
                rewrite_failed=info.get("aof_last_bgrewrite_status") == "err",
                replicas=_figure(info, "connected_slaves"),
                min_replicas=_number(config.get("min-replicas-to-write") or config.get("min-slaves-to-write")),
            )
            self._look_at = monotonic() + LOOK_S
        return self._state

    def _ask(self, *command: str) -> Mapping[str, Any]:
        asked = " ".join(command)
        if monotonic() < self._ask_at.get(asked, 0.0):
            return {}
        try:
            answer = self._link.command(*command)
        except RedisRefusedError as error:
            if error.code == "READONLY":
                raise
            # Servers that others run forbid it, and users may lack the right: then that is not known.
            self._ask_at[asked] = monotonic() + ASK_AGAIN_S
            return {}
        return answer if isinstance(answer, dict) else {}


def _texts(answer: Mapping[Any, Any]) -> dict[str, str]:
    return {_text(name) or "": _text(value) or "" for name, value in answer.items()}


def _text(raw: Any) -> str | None:
    if raw is None:
        return None
    return raw.decode(errors="replace") if isinstance(raw, bytes) else str(raw)


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() else None


def _figure(info: Mapping[str, Any], name: str) -> int | None:
    figure = info.get(name)
    return figure if isinstance(figure, int) else None
