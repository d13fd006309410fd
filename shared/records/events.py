"""Events: what happened, for people; each kind with the figures that it comes with."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Self

import msgspec

from shared.records.reading import Count, Moment, Record, Span, Text, from_json


class Pending(Record, frozen=True):
    """What a service leaves behind: messages of a consumer or a poller, values of a writer."""

    pending: Count


class Away(Record, frozen=True):
    """How long Redis was away."""

    away_s: Span


class Overflow(Record, frozen=True):
    """What every overflow says."""

    values: Count  #: discarded


class OverflowEpisode(Overflow, frozen=True):
    """One stretch of time in which the buffer lost values: enough to explain a gap in the table."""

    began_at: Moment
    ended_at: Moment | None = None  #: null while it goes on
    oldest_timestamp: Text | None = None  #: of the values lost, as the table would show it
    newest_timestamp: Text | None = None
    tags_hit: Count | None = None
    tags: dict[Text, Count] = msgspec.field(default_factory=dict)  #: values lost by tag name, of those hit most


class OutboxOverflow(Overflow, frozen=True):
    """What a poller discarded while Redis took nothing."""

    messages: Count
    first: Text  #: collection time of the first message discarded
    last: Text


class BufferLevel(Record, frozen=True):
    """The buffer's depth and BUFFER_MAX_SIZE. Unit: values."""

    size: Count
    cap: Count


class Replicas(Record, frozen=True):
    """How many replicas are connected, and how many should confirm what is put."""

    replicas: Count
    wanted: Count


class WentBack(Record, frozen=True):
    """Values that Redis knew as inserted, and as written, and does not know any more."""

    inserted: Count
    written: Count


class HowMany(Record, frozen=True):
    """How many messages, or tags."""

    count: Count


class TagNamed(Record, frozen=True):
    """The tag name that two tags have."""

    tag_name: Text


class TakenOver(Record, frozen=True):
    """A batch that was taken over, and from whom."""

    elements: Count
    owner: Text


class OracleError(Record, frozen=True):
    """Oracle's code; None where there is none."""

    code: Text | None


class OracleWentBack(Record, frozen=True):
    """How many of the values that were looked for are gone, and the times of the first and the last of them."""

    missing: Count
    first: Text
    last: Text


class OracleWrites(Record, frozen=True):
    """After how many seconds without a batch written."""

    after_s: Span


class FileNamed(Record, frozen=True):
    """The name of a backup file, without its directory."""

    file: Text


class RowsRecovered(FileNamed, frozen=True):
    """How many rows of it are in the table."""

    rows: Count


class RowsRefused(Record, frozen=True):
    """Rows by Oracle's code."""

    codes: dict[Text, Count]


class Conflicts(Record, frozen=True, kw_only=True):
    """How many values came again otherwise, and the first of them."""

    count: Count = 1  #: 0.1.0 said each one by itself
    tag_name: Text
    timestamp: Text


class ActionStep(Record, frozen=True):
    """Which action, how far it is, and who asked for it."""

    action: Text  #: its id
    action_kind: Text
    state: Text
    asked_by: Text


class LoopNamed(Record, frozen=True):
    """Which loop met it."""

    loop: Text


class Event(StrEnum):
    """Kinds of events; behind some the type of their details, the others have none."""

    _value_: str
    details: type[Record] | None

    def __new__(cls, kind: str, details: type[Record] | None = None) -> Self:
        """Return a kind, which is its name."""
        event = str.__new__(cls, kind)
        event._value_, event.details = kind, details
        return event

    STARTED = "started"
    STOPPED = "stopped", Pending
    REDIS_BACK = "redis_back", Away
    OVERFLOW = "overflow", Overflow  #: of the buffer, said by consumers; of a poller's outbox, said by that one
    BUFFER_HIGH = "buffer_high", BufferLevel
    BUFFER_NORMAL = "buffer_normal", BufferLevel
    MESSAGE_REJECTED = "message_rejected", HowMany
    TAGS_REJECTED = "tags_rejected", HowMany  #: tags that can't be values, of messages understood otherwise
    NAME_CLASH = "name_clash", TagNamed  #: two tags of different PLCs have one tag name
    RECLAIMED = "reclaimed", TakenOver  #: a dead process's batch was taken over
    ORACLE_RETRY = "oracle_retry", OracleError
    ORACLE_LOST = "oracle_lost", OracleError
    ORACLE_BACK = "oracle_back", OracleWrites  #: it answers; with details: a batch was written
    #: credentials, table, column or grant: a person must act
    ORACLE_CONFIGURATION = "oracle_configuration", OracleError
    #: values that it had committed are gone: a failover, a restored copy
    ORACLE_WENT_BACK = "oracle_went_back", OracleWentBack
    BACKUP_FILE = "backup_file", FileNamed
    BACKUP_FAILED = "backup_failed"
    BACKUP_WORKS = "backup_works"
    BACKUP_LOST = "backup_lost"  #: a file was taken away or changed by somebody: what was saved, what is lost
    OUTBOX_FAILED = "outbox_failed"  #: a poller's outbox can't be written or read: readings wait in memory alone
    OUTBOX_WORKS = "outbox_works"
    OUTBOX_SET_ASIDE = "outbox_set_aside"  #: its file is damaged and was renamed, with what waited in it
    #: a backup file is not recovered: meant for another table, or changed
    RECOVERY_REFUSED = "recovery_refused", FileNamed
    ROWS_REJECTED = "rows_rejected", RowsRefused
    CONFLICTS = "conflicts", Conflicts  #: same key, other value
    RECOVERED = "recovered", RowsRecovered
    IMPORTED = "imported", RowsRecovered
    ACKNOWLEDGED = "acknowledged"  #: a person said that losses are known: who, and which
    SOURCE_LOST = "source_lost"  #: a poller's source can't be read: which group, why
    SOURCE_BACK = "source_back"  #: with the seconds that it was away
    GROUPS_CHANGED = "groups_changed"  #: a poller took over a changed file of polling groups
    STANDS_BY = "stands_by"  #: a poller does not poll: another one polls its groups
    TOOK_OVER = "took_over"  #: a poller polls groups of another one, which is gone
    FAULT = "fault", LoopNamed  #: a loop met what it did not foresee, gave back what it held and went on
    #: fewer replicas confirm what is put than DATA_QUEUE_REPLICAS wants
    REPLICAS_MISSING = "replicas_missing", Replicas
    REPLICAS_BACK = "replicas_back", Replicas
    #: its counters fell: a failover, a restored copy, a lost file, FLUSHALL
    REDIS_WENT_BACK = "redis_went_back", WentBack
    GROUPS_REFUSED = "groups_refused"  #: the changed file holds a mistake: nothing was changed
    ACTION = "action", ActionStep  #: a person asked for something, or what came of it


#: By kind.
DETAILS: Mapping[str, type[Record]] = {event: event.details for event in Event if event.details}


class EventRecord(Record, frozen=True):
    """One entry of the stream."""

    id: Text | None = None  #: given by Redis
    kind: Text = ""  #: a newer version may know more of them
    role: Text = ""
    instance: Text = ""
    message: Text = ""  #: one sentence for people
    details: str | None = None  #: JSON object: the details of its kind
    told_at: Moment | None = None  #: by Redis' clock; an id never falls, also when that clock is put back

    @property
    def at(self) -> float:
        """When, in seconds since 1970; as the id says where the event does not."""
        return int((self.id or "0").partition("-")[0]) / 1000 if self.told_at is None else self.told_at

    @property
    def figures(self) -> Record | None:
        """The details as the type of their kind; None where there are none that can be read."""
        kind = DETAILS.get(self.kind)
        return from_json(kind, self.details) if kind else None
