"""What happened, for people: a capped stream that the monitor shows."""

from msgspec import to_builtins

from shared.errors import RedisRefusedError
from shared.keys import Keys
from shared.logs import get_logger
from shared.records.events import Event, EventRecord
from shared.records.reading import Record, as_json, to_fields, trimmed
from shared.redis.link import RedisLink
from shared.texts import cut, tamed

#: Events kept; older ones go. 10,000 are under 3 MB.
MAX_EVENTS = 10_000

#: Characters of an event's message: whoever words it cuts what comes from outside, this is for what was forgotten.
MAX_MESSAGE = 2_000

_log = get_logger()


class EventLog:
    """Writes events under a service's name; never fails its caller."""

    def __init__(self, link: RedisLink, keys: Keys, role: str) -> None:
        self._link = link
        self._key = keys.events
        self._role = role
        #: Set by the heartbeat once the process has its name.
        self.instance = ""

    def add(self, kind: Event, message: str, details: Record | None = None) -> None:
        """Add one event. What can't be recorded is only logged: the pipeline never waits or ends for an event."""
        try:
            self._add(kind, message, details)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the stream, the pipeline goes on
            _log.debug(f"event not recorded ({error!r}): {message}")

    def _add(self, kind: Event, message: str, details: Record | None) -> None:
        told = to_builtins(details) if details else None
        event = EventRecord(
            kind=kind,
            role=self._role,
            instance=self.instance,
            message=tamed(cut(message, MAX_MESSAGE)),
            details=as_json({name: trimmed(value) for name, value in told.items()}) if told else None,
            told_at=self._now(),
        )
        self._link.command("XADD", self._key, "MAXLEN", "~", MAX_EVENTS, "*", *to_fields(event))

    def _now(self) -> float | None:
        """Return the seconds since 1970 by Redis' clock; None where it may not be asked."""
        try:
            return round(self._link.server_time(), 3)
        except RedisRefusedError:
            return None
