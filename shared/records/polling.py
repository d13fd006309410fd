"""Polling groups: what a consumer saw of one, what a poller of ours says of its own, and polls on request."""

from datetime import UTC, datetime
from secrets import token_hex

from msgspec import UNSET, UnsetType, field

from shared.models import stored_timestamp
from shared.records.reading import Count, Moment, Record, Span, Text


class SeenGroup(Record, frozen=True):
    """What came through of a group: its last poll, as a consumer saw it."""

    plc_code: Text
    group_name: Text
    group_id: int | None = None
    mode: Text | None = None  #: FIXED or HANDSHAKE
    last_poll: Text | None = None  #: its collection time, as the source says it
    last_seen_at: Moment | None = None
    interval_ms: Span | None = None  #: between the last two polls, by their own times
    poll_time_ms: Span | None = None  #: how long it took
    values: Count | None = None  #: tags with a value in it
    errors: Count | None = None  #: tags that failed
    messages: Count | None = None  #: since the consumer started


class PollerGroup(Record, frozen=True):
    """A group of a poller of ours; what its source says of itself stands beside these fields.

    Totals since the start: `polls` made, `skipped` because one took too long, `unforeseen`: failed for a reason that
    nobody foresaw; `values`, of which `errors` are BAD; `messages`.
    """

    name: Text
    plc_code: Text
    group_id: int | None = None
    mode: Text | None = None
    interval_ms: Span | None = None  #: as configured; null where something else paces it
    polls: Count = 0
    skipped: Count = 0
    unforeseen: Count = 0
    values: Count = 0
    errors: Count = 0
    messages: Count = 0
    last_poll: Text | None = None  #: when the last poll was made, by the poller's clock
    last_duration_ms: Span = 0.0
    state: Text = "starting"  #: starting, running, finished, failed or stopped
    trouble: Text | None = None  #: why the source could not be read the last time
    late_p99_ms: Span | UnsetType = UNSET  #: of 100 polls 99 began no later than this after their time
    skipped_lately: Count = 0  #: of the last 300 polls that were made, those left out between them
    lost: Count = 0  #: readings that the source knows to be lost before they came to it
    lost_at: Moment | None = None  #: when the last of them were missed, by the poller's clock
    certificate_until: Moment | None = None  #: when the certificate ends with which it asks its server


class PollRequest(Record, frozen=True, kw_only=True):
    """Somebody wants a group of mode HANDSHAKE to be polled once."""

    group: str  #: its name
    request_id: str = field(default_factory=lambda: token_hex(8))  #: where the outcome will be; else a random one
    requested_at: str = field(default_factory=lambda: datetime.now(UTC).isoformat())  #: ISO 8601; else when it is taken

    def age_s(self, now: datetime) -> float:
        """Return how many seconds ago it was made; a clock that is ahead counts as now."""
        made = stored_timestamp(self.requested_at)
        return max(0.0, (now.astimezone(UTC).replace(tzinfo=None) - made).total_seconds())


class PollOutcome(Record, frozen=True):
    """What became of a poll."""

    state: Text  #: read, failed, refused or expired
    timestamp: Text | None = None  #: when it was made
    values: Count = 0  #: tags read or reported
    errors: Count = 0  #: of them, those that are BAD
    duration_ms: Span = 0.0
    message: Text = ""  #: why it is not read


class PollResult(PollOutcome, frozen=True, kw_only=True):
    """The same for whoever asked, with what was asked."""

    group: Text
    request_id: Text
    requested_at: Text
    poller: Text  #: who answers
