"""The state of polling groups, for the monitor: kept for as many as are shown, forgotten when they are gone."""

from collections import OrderedDict
from datetime import datetime, timedelta

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
_UNSEEN = SeenGroup(plc_code="", group_name="")


class PollingGroups:
    """What this consumer saw of each polling group."""

    def __init__(self, link: RedisLink, keys: Keys) -> None:
        self._link = link
        self._keys = keys
        self._groups: OrderedDict[_Group, tuple[datetime, SeenGroup]] = OrderedDict()  # the one seen last at the end
        self._changed: set[_Group] = set()
        #: Groups that were left out of the last saving because there are too many.
        self.left_out = 0

    def see(self, poll: PollingData, values: int, errors: int, at: float) -> None:
        """Take note of a poll; `at` in seconds since 1970."""
        group = poll.plc_code, poll.group_name
        last_poll, known = self._groups.get(group, (poll.timestamp, _UNSEEN))
        gap = poll.timestamp - last_poll
        seen = SeenGroup(
            group_id=poll.group_id,
            group_name=poll.group_name,
            plc_code=poll.plc_code,
            mode=poll.mode,
            last_seen_at=at,
            # A message that a group's poll was split into has the same timestamp: the interval stays what it was.
            interval_ms=round(gap.total_seconds() * 1000, 1) if gap > _NO_TIME else known.interval_ms,
            poll_time_ms=poll.poll_time_ms,
            values=values,
            errors=errors,
            messages=(known.messages or 0) + 1,
        )
        self._groups[group] = poll.timestamp, seen
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
                for group in some
                for part in (polling_field(*group), "/".join(group), to_json(_told(*self._groups[group])))
            ]
            left_out += self._link.run(
                "save_groups", [self._keys.polling, self._keys.polling_seen], [MAX_GROUPS, FORGET_GROUP_S, *parts]
            )
            self._changed.difference_update(some)
        if changed:
            self.left_out = left_out


def _told(last_poll: datetime, seen: SeenGroup) -> SeenGroup:
    """Return a group with its times as they are written: made once for all polls between two savings."""
    return replace(seen, last_poll=last_poll.isoformat(), last_seen_at=round(seen.last_seen_at or 0.0, 3))
