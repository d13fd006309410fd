"""Heartbeats: which process lives, and what it says of itself; together the fields of one hash."""

from enum import StrEnum

from shared.records.reading import Count, Moment, Record, Span, Text


class Process(Record, frozen=True):
    """Which process beats: what every heartbeat says."""

    role: Text = ""  #: consumer, writer, monitor or poller
    instance: Text = ""  #: its name
    incarnation: Text = ""  #: tells it from an earlier or later one of the same name
    version: Text | None = None
    host: Text | None = None
    pid: Count | None = None
    pid_space: Text = ""  #: what `pid` counts within
    started_at: Moment | None = None
    beat_at: Moment | None = None  #: on Redis' clock; written by the script
    clock: Moment | None = None  #: what its own host's clock showed then
    state: Text = ""  #: what its loop does
    partitions: Count = 1  #: PARTITIONS as it was told


class ServiceStatus(Record, frozen=True):
    """What a process says of itself beyond that."""


class PausableStatus(ServiceStatus, frozen=True):
    """Of one that can be paused; its `state` is `paused` while a person wants it to take nothing up."""

    paused_by: Text | None = None  #: who paused it
    paused_at: Moment | None = None


class ConsumerStatus(PausableStatus, frozen=True):
    """What is wrong with what a consumer reads or pushes; nothing when all is well."""

    push_refused: Text | None = None  #: why Redis refuses what is put
    push_refused_since: Moment | None = None
    name_clash: Text | None = None  #: the first two tags of one name
    name_clashes: Count | None = None
    groups_left_out: Count | None = None  #: polling groups whose state is not kept: there are too many
    tags_left_out: Count | None = None  #: tags whose last value is not kept: too many, or names too long
    requests_unanswered: Count | None = None  #: requests to poll that wait while no poller lives
    requests_dropped: Count | None = None  #: of them, dropped since its start: too old or too many


class BreakerState(StrEnum):
    """Where a writer's circuit breaker stands."""

    CLOSED = "closed"
    RETRYING = "retrying"
    OPEN = "open"
    HALF_OPEN = "half-open"


class OracleState(StrEnum):
    """What a writer knows of Oracle."""

    OK = "ok"
    AWAY = "away"
    CONFIGURATION = "configuration"  #: it answers, and a person must act
    UNKNOWN = "unknown"  #: nobody has asked it yet


class BackupState(StrEnum):
    """Whether a writer can write its files."""

    OK = "ok"
    FAILING = "failing"


class WriterStatus(PausableStatus, frozen=True):
    """How a writer is. States are texts: a newer version may know more of them."""

    layout: Text | None = None  #: ORACLE_TABLE_LAYOUT
    target: Text | None = None  #: the table that it writes to, and at which address
    breaker: Text | None = None  #: closed, retrying, open or half-open
    oracle: Text | None = None  #: ok, away, configuration or unknown
    backup: Text | None = None  #: ok or failing
    backup_failure: Text | None = None  #: why it can't write a file
    backup_free_bytes: Count | None = None
    last_write_at: Moment | None = None  #: its last commit
    last_error: Text | None = None
    batches_in_hand: Count | None = None
    oldest_batch_s: Span | None = None
    connections_open: Count | None = None
    connections_busy: Count | None = None
    connections_short: Text | None = None  #: why there are no more
    logon_warning: Text | None = None  #: what Oracle said of the account at the newest logon: its password expires
    table_warning: Text | None = None  #: what of the table doubles values without a word: it has no key any more


class PollerStatus(ServiceStatus, frozen=True):
    """How a poller is. Totals are since its start."""

    groups: str = "[]"  #: JSON array of `polling.PollerGroup`
    ring: Count = 0  #: messages that the DataQueue has not taken yet
    ring_bytes: Count = 0
    ring_overflowed: Count = 0  #: messages discarded
    ring_overflowed_values: Count = 0
    ring_overflowed_at: Moment | None = None  #: when the last one was
    messages_sent: Count = 0
    values_sent: Count = 0
    queue_full_times: Count = 0  #: how often the DataQueue was full
    queue_full_since: Moment | None = None  #: null while it is not
    groups_elsewhere: Count = 0  #: polling groups that another poller polls: this one stands by; not in `groups`
    messages_left_out: Count = 0  #: not sent: another poller had taken their group over before they were read
    outbox_messages: Count | None = None  #: those of `ring` that are on the disk; null without POLLER_OUTBOX_DIR
    outbox_bytes: Count | None = None
    outbox_trouble: Text | None = None  #: why the disk can't be written or read
    outbox_trouble_since: Moment | None = None
    outbox_set_aside: Text | None = None  #: names of damaged files that are still there
    replicas_missing: Text | None = None  #: why fewer replicas of Redis than wanted confirm what is put
    requests_rejected: Count = 0  #: what stood among the requests to poll and was none


class MonitorStatus(ServiceStatus, frozen=True):
    """How a monitor's notices fare; null where it tells nobody that way. Totals are since its start."""

    webhook_sent: Count | None = None
    webhook_failed: Count | None = None  #: tries
    webhook_failure: Text | None = None  #: why the last try failed; null when it did not
    webhook_failing_since: Moment | None = None
    mail_sent: Count | None = None
    mail_failed: Count | None = None
    mail_failure: Text | None = None
    mail_failing_since: Moment | None = None


#: What the status of each role is.
STATUS: dict[str, type[ServiceStatus]] = {
    "consumer": ConsumerStatus,
    "writer": WriterStatus,
    "poller": PollerStatus,
    "monitor": MonitorStatus,
}
