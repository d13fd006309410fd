"""The state of polling groups, for the monitor: kept for as many as are shown, forgotten when they are gone."""

from collections import OrderedDict
from datetime import timedelta
from typing import NamedTuple

from msgspec.structs import replace

from shared.keys import Keys, polling_field
from shared.models import PollingData
from shared.records.polling import SeenGroup
from shared.records.reading import to_json
from shared.redis.link import RedisLink

#: Polling groups whose state is kept, over all consumers: a producer that invents names must not grow us.
MAX_GROUPS = 20_000

#: Seconds after which a group that was not seen is forgotten.
FORGET_GROUP_S = 24 * 3600

#: Groups saved in one step: Redis serves nobody else meanwhile.
_SAVED_AT_ONCE = 1_000

_NO_TIME = timedelta()
_Group = tuple[str, str]


class _Seen(NamedTuple):
    """What was last seen of a group; its JSON is made when it is saved."""

    poll: PollingData
    values: int
    errors: int
    at: float
    interval_ms: float | None
    messages: int

    def json(self) -> str:
        poll = self.poll
        return to_json(
            SeenGroup(
                group_id=poll.group_id,
                group_name=poll.group_name,
                plc_code=poll.plc_code,
                mode=poll.mode,
                last_poll=poll.timestamp.isoformat(),
                last_seen_at=round(self.at, 3),
                interval_ms=self.interval_ms,
                poll_time_ms=poll.poll_time_ms,
                values=self.values,
                errors=self.errors,
                messages=self.messages,
            )
        )


class PollingGroups:
    """What this consumer saw of each polling group."""

    def __init__(self, link: RedisLink, keys: Keys) -> None:
        self._link = link
        self._keys = keys
        self._groups: OrderedDict[_Group, _Seen] = OrderedDict()  # the one seen last at the end
        self._changed: set[_Group] = set()
        #: Groups that were left out of the last saving because there are too many.
        self.left_out = 0

    def see(self, poll: PollingData, values: int, errors: int, at: float) -> None:
        """Take note of a poll; `at` in seconds since 1970."""
        group = poll.plc_code, poll.group_name
        known = self._groups.get(group)
        # Its tags are not kept.
        poll = replace(poll, tag_values={}, error_tags={}, tag_qualities={}, tag_timestamps={}, rows=())
        if known is None:
            self._groups[group] = _Seen(poll, values, errors, at, None, 1)
        else:
            self._groups[group] = _Seen(poll, values, errors, at, _interval_ms(known, poll), known.messages + 1)
            self._groups.move_to_end(group)
        self._changed.add(group)
        if len(self._groups) > MAX_GROUPS:
            gone, _ = self._groups.popitem(last=False)
            self._changed.discard(gone)

    def save(self) -> None:
        """Save what changed. Raises: RedisUnavailableError: the next call saves it."""
        left_out = 0
        changed = list(self._changed)
        for start in range(0, len(changed), _SAVED_AT_ONCE):
            some = changed[start : start + _SAVED_AT_ONCE]
            parts = [
                part
                for plc_code, name in some
                for part in (polling_field(plc_code, name), f"{plc_code}/{name}", self._groups[plc_code, name].json())
            ]
            left_out += self._link.run(
                "save_groups", [self._keys.polling, self._keys.polling_seen], [MAX_GROUPS, FORGET_GROUP_S, *parts]
            )
            self._changed.difference_update(some)
        if changed:
            self.left_out = left_out


def _interval_ms(known: _Seen, poll: PollingData) -> float | None:
    """Return the time between the last two polls of a group by their own timestamps; None for the first."""
    gap = poll.timestamp - known.poll.timestamp
    # A message that a group's poll was split into has the same timestamp: the interval stays what it was.
    return round(gap.total_seconds() * 1000, 1) if gap > _NO_TIME else known.interval_ms
