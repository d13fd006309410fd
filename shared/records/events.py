"""Events: what happened, for people; each kind with the figures that it comes with."""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from shared.records.reading import Count, Moment, Record, Span, Text, from_json


class Event(StrEnum):
    """Kinds of events."""

    STARTED = "started"
    STOPPED = "stopped"
    REDIS_BACK = "redis_back"
    OVERFLOW = "overflow"  #: of the buffer, said by consumers; of a poller's outbox, said by that one
    BUFFER_HIGH = "buffer_high"
    BUFFER_NORMAL = "buffer_normal"
    MESSAGE_REJECTED = "message_rejected"
    TAGS_REJECTED = "tags_rejected"  #: tags that can't be values, of messages understood otherwise
    NAME_CLASH = "name_clash"  #: two tags of different PLCs have one tag name
    RECLAIMED = "reclaimed"  #: a dead process's batch was taken over
    ORACLE_RETRY = "oracle_retry"
    ORACLE_LOST = "oracle_lost"
    ORACLE_BACK = "oracle_back"  #: it answers; with details: a batch was written
    ORACLE_CONFIGURATION = "oracle_configuration"  #: credentials, table, column or grant: a person must act
    ORACLE_WENT_BACK = "oracle_went_back"  #: values that it had committed are gone: a failover, a restored copy
    BACKUP_FILE = "backup_file"
    BACKUP_FAILED = "backup_failed"
    BACKUP_WORKS = "backup_works"
    BACKUP_LOST = "backup_lost"  #: a file was taken away or changed by somebody: what was saved, what is lost
    OUTBOX_FAILED = "outbox_failed"  #: a poller's outbox can't be written or read: readings wait in memory alone
    OUTBOX_WORKS = "outbox_works"
    OUTBOX_SET_ASIDE = "outbox_set_aside"  #: its file is damaged and was renamed, with what waited in it
    RECOVERY_REFUSED = "recovery_refused"  #: a backup file is not recovered: meant for another table, or changed
    ROWS_REJECTED = "rows_rejected"
    CONFLICTS = "conflicts"  #: same key, other value
    RECOVERED = "recovered"
    IMPORTED = "imported"
    ACKNOWLEDGED = "acknowledged"  #: a person said that losses are known: who, and which
    SOURCE_LOST = "source_lost"  #: a poller's source can't be read: which group, why
    SOURCE_BACK = "source_back"  #: with the seconds that it was away
    GROUPS_CHANGED = "groups_changed"  #: a poller took over a changed file of polling groups
    STANDS_BY = "stands_by"  #: a poller does not poll: another one polls its groups
    TOOK_OVER = "took_over"  #: a poller polls groups of another one, which is gone
    FAULT = "fault"  #: a loop met what it did not foresee, gave back what it held and went on
    REPLICAS_MISSING = "replicas_missing"  #: fewer replicas confirm what is put than DATA_QUEUE_REPLICAS wants
    REPLICAS_BACK = "replicas_back"
    REDIS_WENT_BACK = "redis_went_back"  #: its counters fell: a failover, a restored copy, a lost file, FLUSHALL
    GROUPS_REFUSED = "groups_refused"  #: the changed file holds a mistake: nothing was changed
    ACTION = "action"  #: a person asked for something, or what came of it


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


#: What the details of each kind are; the others have none.
DETAILS: Mapping[str, type[Record]] = {
    Event.STOPPED: Pending,
    Event.REDIS_BACK: Away,
    Event.REDIS_WENT_BACK: WentBack,
    Event.REPLICAS_MISSING: Replicas,
    Event.REPLICAS_BACK: Replicas,
    Event.OVERFLOW: Overflow,
    Event.BUFFER_HIGH: BufferLevel,
    Event.BUFFER_NORMAL: BufferLevel,
    Event.MESSAGE_REJECTED: HowMany,
    Event.TAGS_REJECTED: HowMany,
    Event.NAME_CLASH: TagNamed,
    Event.RECLAIMED: TakenOver,
    Event.ORACLE_RETRY: OracleError,
    Event.ORACLE_LOST: OracleError,
    Event.ORACLE_BACK: OracleWrites,
    Event.ORACLE_WENT_BACK: OracleWentBack,
    Event.ORACLE_CONFIGURATION: OracleError,
    Event.BACKUP_FILE: FileNamed,
    Event.RECOVERY_REFUSED: FileNamed,
    Event.ROWS_REJECTED: RowsRefused,
    Event.CONFLICTS: Conflicts,
    Event.RECOVERED: RowsRecovered,
    Event.IMPORTED: RowsRecovered,
    Event.FAULT: LoopNamed,
    Event.ACTION: ActionStep,
}


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
