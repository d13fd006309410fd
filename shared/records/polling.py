"""Polling groups: what a consumer saw of one, and what a poller of ours says of its own."""

from msgspec import UNSET, UnsetType

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
    interval_ms: Span | None = None  #: as configured; None where something else paces it
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
