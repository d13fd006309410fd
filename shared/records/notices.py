"""Notices to people: what monitors tell each other, and their next lives, of what was told."""

from shared.records.reading import Count, Moment, Record, Text


class Told(Record, frozen=True):
    """What a receiver was told of an alert."""

    severity: Text = "warning"  #: warning or critical: the worst that was told
    since: Moment = 0.0  #: since when the alert stood
    message: Text = ""
    told_at: Moment = 0.0
    ended_at: Moment | None = None  #: null while it was told as standing
    times: Count = 1  #: how often it came back within the hour

    @property
    def is_open(self) -> bool:
        """Whether nobody was told that it is over."""
        return self.ended_at is None
