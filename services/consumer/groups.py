"""The state of polling groups, for the monitor: kept for as many as are shown, forgotten when they are gone."""

import json
from collections import OrderedDict
from datetime import datetime
from typing import Any

from shared.keys import Keys, polling_field
from shared.models import PollingData
from shared.redis_link import RedisLink

#: Polling groups whose state is kept, over all consumers: a producer that invents names must not grow us.
MAX_GROUPS = 20_000

#: Seconds after which a group that was not seen is forgotten.
FORGET_GROUP_S = 24 * 3600

#: Groups saved in one step: Redis serves nobody else meanwhile.
_SAVED_AT_ONCE = 1_000

_Group = tuple[str, str]


class PollingGroups:
    """What this consumer saw of each polling group."""

    def __init__(self, link: RedisLink, keys: Keys) -> None:
        self._link = link
        self._keys = keys
        self._groups: OrderedDict[_Group, dict[str, Any]] = OrderedDict()  # the one seen last at the end
        self._changed: set[_Group] = set()
        #: Groups that were left out of the last saving because there are too many.
        self.left_out = 0

    def see(self, data: PollingData, values: int, errors: int, now: float) -> None:
        """Take note of a poll; `now` in seconds since 1970."""
        group = data.plc_code, data.group_name
        known = self._groups.get(group)
        self._groups[group] = {
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
        self._changed.add(group)
        self._groups.move_to_end(group)
        if len(self._groups) > MAX_GROUPS:
            gone, _ = self._groups.popitem(last=False)
            self._changed.discard(gone)

    def save(self) -> None:
        """Save what changed.

        Raises: RedisUnavailableError: the next call saves it.
        """
        left_out = 0
        changed = list(self._changed)
        for start in range(0, len(changed), _SAVED_AT_ONCE):
            some = changed[start : start + _SAVED_AT_ONCE]
            parts = [
                part
                for plc_code, name in some
                for part in (
                    polling_field(plc_code, name),
                    f"{plc_code}/{name}",
                    json.dumps(self._groups[plc_code, name], ensure_ascii=False),
                )
            ]
            left_out += self._link.run(
                "save_groups", [self._keys.polling, self._keys.polling_seen], [MAX_GROUPS, FORGET_GROUP_S, *parts]
            )
            self._changed.difference_update(some)
        if changed:
            self.left_out = left_out


def _interval_ms(known: dict[str, Any] | None, data: PollingData) -> float | None:
    """Return the time between the last two polls of a group by their own timestamps; None for the first."""
    if known is None:
        return None
    gap_ms = (data.timestamp - datetime.fromisoformat(known["last_poll"])).total_seconds() * 1000
    # A message that a group's poll was split into has the same timestamp: the interval stays what it was.
    return round(gap_ms, 1) if gap_ms > 0 else known["interval_ms"]
