"""What overflow costs: log lines, the alert, and a record of every episode. No I/O; time is passed in."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from shared.models import TagValue
from shared.records.events import OverflowEpisode
from shared.texts import cut

#: Seconds without overflow that end an episode.
EPISODE_GAP_S = 5.0

#: Tags that an episode's record names, those hit most first.
TAGS_NAMED = 20

#: Tags that an episode counts one by one: a producer that invents names must not grow us.
TAGS_COUNTED = 50_000

#: Percentage points below the threshold at which the utilization alert is armed again: no flapping at the edge.
HYSTERESIS_PCT = 10.0


@dataclass
class Episode:
    """One stretch of time in which values were lost: enough to explain a gap in the table."""

    began_at: float  #: seconds since 1970
    last_at: float
    values: int = 0
    oldest_timestamp: datetime | None = None
    newest_timestamp: datetime | None = None
    tags: Counter[str] = field(default_factory=Counter)

    def add(self, lost: Sequence[TagValue], count: int, at: float) -> None:
        """Add values lost `at` seconds since 1970; `count` may exceed what could be decoded."""
        self.last_at = at
        self.values += count
        if not lost:
            return
        times = [value.timestamp for value in lost]
        self.oldest_timestamp = min(times) if self.oldest_timestamp is None else min(self.oldest_timestamp, *times)
        self.newest_timestamp = max(times) if self.newest_timestamp is None else max(self.newest_timestamp, *times)
        names = (value.tag_name for value in lost)
        if len(self.tags) > TAGS_COUNTED:
            names = (name for name in names if name in self.tags)
        self.tags.update(names)

    def is_over(self, at: float) -> bool:
        """Tell whether nothing was lost for so long that it is over."""
        return at - self.last_at >= EPISODE_GAP_S

    def record(self, *, ended: bool) -> OverflowEpisode:
        """Return what the monitor shows of the episode; `ended_at` is None while it goes on."""
        return OverflowEpisode(
            began_at=self.began_at,
            ended_at=self.last_at if ended else None,
            values=self.values,
            oldest_timestamp=self.oldest_timestamp.isoformat() if self.oldest_timestamp else None,
            newest_timestamp=self.newest_timestamp.isoformat() if self.newest_timestamp else None,
            tags_hit=len(self.tags),
            tags={cut(name): count for name, count in self.tags.most_common(TAGS_NAMED)},
        )


def is_high(utilization_pct: float, threshold_pct: float, *, was_high: bool) -> bool:
    """Tell whether the buffer is too full; once it was, not before it is well below the threshold."""
    return utilization_pct >= threshold_pct - (HYSTERESIS_PCT if was_high else 0.0)
