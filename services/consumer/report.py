"""What the consumer tells people: log lines, events, overflow records, the state of polling groups.

Nothing here moves a value, and all of it is said at most once a second, however fast values move.
"""

import json
from collections.abc import Sequence
from typing import Any

from services.consumer.overflow import Episode, OverflowWatch, UtilizationAlert
from shared.clock import Clock
from shared.counters import Counter
from shared.errors import RejectedError
from shared.events import Event, EventLog
from shared.keys import Keys
from shared.logs import get_logger
from shared.models import PollingData, decode_values
from shared.redis_link import RedisLink
from shared.settings import BufferSettings
from shared.snapshot import take_snapshot

#: Overflow episodes kept for the monitor.
MAX_EPISODES = 100

#: Polling groups whose state is kept: a producer that invents names must not grow us.
MAX_GROUPS = 1_000

_log = get_logger()


class Report:
    """Collects what happened and says it once a second, by `tick`."""

    def __init__(
        self, link: RedisLink, keys: Keys, events: EventLog, settings: BufferSettings, clock: Clock, incarnation: str
    ) -> None:
        self._link = link
        self._keys = keys
        self._events = events
        self._settings = settings
        self._clock = clock
        self._incarnation = incarnation
        self._overflow = OverflowWatch()
        self._alert = UtilizationAlert(settings.buffer_alert_threshold)
        self._groups: dict[str, dict[str, Any]] = {}
        self._changed_groups: set[str] = set()
        self._rejected = 0
        self._reject_reason = ""
        self._depth = 0

    def pushed(self, depth: int, dropped: Sequence[bytes]) -> None:
        """Take note of a push: the buffer's depth after it and what it discarded."""
        self._depth = depth
        if dropped:
            self._overflow.note(decode_values(dropped).values, len(dropped), self._clock.now().timestamp())
        self._watch_utilization()

    def rejected(self, reason: RejectedError) -> None:
        """Take note of a message that could not be understood."""
        self._rejected += 1
        self._reject_reason = str(reason)

    def message(self, data: PollingData, values: int, errors: int) -> None:
        """Take note of a poll: the state of its group."""
        field = f"{data.plc_code}/{data.group_name}"
        known = self._groups.get(field)
        if known is None and len(self._groups) >= MAX_GROUPS:
            return
        now = self._clock.now().timestamp()
        self._groups[field] = {
            "group_id": data.group_id,
            "group_name": data.group_name,
            "plc_code": data.plc_code,
            "mode": data.mode,
            "last_poll": data.timestamp.isoformat(),
            "last_seen_at": round(now, 3),
            "interval_ms": _interval_ms(known, data),
            "poll_time_ms": data.poll_time_ms,
            "values": values,
            "errors": errors,
            "messages": (known["messages"] if known else 0) + 1,
        }
        self._changed_groups.add(field)

    def tick(self, depth: int) -> None:
        """Say what is new since the last tick; call it about once a second with the buffer's depth.

        Raises: RedisUnavailableError: what could not be said is said by a later tick.
        """
        self._depth = depth
        self._watch_utilization()
        self._say_rejected()
        self._say_overflow()
        self._save_groups()

    def _watch_utilization(self) -> None:
        size, cap = self._depth, self._settings.buffer_max_size
        utilization = 100 * size / cap
        if not self._alert.changed(utilization):
            return
        if self._alert.raised:
            message = f"Buffer utilization high: {utilization:.1f}% ({size}/{cap} items). Approaching capacity!"
            _log.warning(message)
            self._events.add(Event.BUFFER_HIGH, message, size=size, cap=cap)
        else:
            message = f"Buffer utilization normal again: {utilization:.1f}% ({size}/{cap} items)"
            _log.info(message)
            self._events.add(Event.BUFFER_NORMAL, message, size=size, cap=cap)

    def _say_rejected(self) -> None:
        if not self._rejected:
            return
        count, self._rejected = self._rejected, 0
        message = f"{count} messages could not be understood and went to the rejected list; last: {self._reject_reason}"
        _log.error(message)
        self._events.add(Event.MESSAGE_REJECTED, message, count=count)

    def _say_overflow(self) -> None:
        now = self._clock.now().timestamp()
        lost = self._overflow.take_unsaid()
        if lost:
            totals = take_snapshot(self._link, self._keys)
            total, inserted = totals[Counter.OVERFLOWED], totals[Counter.INSERTED]
            rate = 100 * total / max(1, inserted)
            _log.warning(
                f"Buffer overflow: discarded {lost} oldest (FIFO). Total overflow: {total}, overflow rate: {rate:.3f}%"
            )
        if lost and self._overflow.episode is not None:
            self._save_episode(self._overflow.episode, ended=False)
        ended = self._overflow.take_ended(now)
        if ended is not None:
            self._save_episode(ended, ended=True)
            record = ended.record(ended=True)
            message = (
                f"Overflow ended: {ended.values} values of {record['tags_hit']} tags lost, "
                f"timestamps {record['oldest_timestamp']} to {record['newest_timestamp']}"
            )
            _log.error(message)
            self._events.add(Event.OVERFLOW, message, **record)

    def _save_episode(self, episode: Episode, *, ended: bool) -> None:
        key = self._keys.overflow_episodes
        field = f"{episode.began_at:.3f}-{self._incarnation}"
        self._link.command("HSET", key, field, json.dumps(episode.record(ended=ended), ensure_ascii=False))
        fields = sorted(raw.decode() for raw in self._link.command("HKEYS", key))
        if len(fields) > MAX_EPISODES:
            self._link.command("HDEL", key, *fields[:-MAX_EPISODES])

    def _save_groups(self) -> None:
        if not self._changed_groups:
            return
        parts = [
            part
            for field in self._changed_groups
            for part in (field, json.dumps(self._groups[field], ensure_ascii=False))
        ]
        self._link.command("HSET", self._keys.polling, *parts)
        self._changed_groups.clear()


def _interval_ms(known: dict[str, Any] | None, data: PollingData) -> float | None:
    """Return the time between the last two polls of a group by their own timestamps; None for the first."""
    if known is None:
        return None
    before = known["last_poll"]
    gap_ms = (data.timestamp - type(data.timestamp).fromisoformat(before)).total_seconds() * 1000
    # A message that a group's poll was split into has the same timestamp: the interval stays what it was.
    return round(gap_ms, 1) if gap_ms > 0 else known["interval_ms"]
