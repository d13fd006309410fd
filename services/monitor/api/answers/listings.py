"""What the API answers in lists, and in the stream that holds all of it: further models beside `schemas.py`."""

from datetime import datetime
from typing import Any, Self

from msgspec.structs import asdict
from pydantic import AwareDatetime, Field

from services.monitor.api.answers.actions import ActionEntry
from services.monitor.api.answers.schemas import (
    Answer,
    BufferHealth,
    BufferStatus,
    Count,
    Error,
    Ledger,
    Milliseconds,
    Percent,
    WriterMetrics,
)
from services.monitor.assess.alert_kinds import Severity, Status
from services.monitor.assess.assessment import Alert
from services.monitor.assess.humanize import moment
from services.monitor.read.groups import Group


class AlertEntry(Answer):
    """Something wrong that a person should know."""

    code: str = Field(description="Which alert; docs/alerts.md lists all", examples=["backup_waiting"])
    severity: Severity = Field(description="warning or critical", examples=["warning"])
    since: datetime = Field(description="When it began, UTC", examples=["2025-11-02T14:00:00Z"])
    message: str = Field(description="What is wrong, with the figures", examples=["1 file with 500 rows to recover"])
    what_to_do: str = Field(description="The remedy", examples=["Run `python -m services.writer recover`"])
    partition: int | None = Field(
        default=None, description="Which one it is about, where there are several", examples=[None]
    )

    @classmethod
    def of(cls, alert: Alert) -> Self:
        """Return an alert as it is answered."""
        return cls.like(alert, since=moment(alert.since))


class Alerts(Answer):
    """What is wrong now."""

    stale: bool = Field(description="True: Redis is away, the other alerts are the last known", examples=[False])
    alerts: list[AlertEntry] = Field(description="Critical ones first; empty when all is well")


class ServiceState(Answer):
    """One process, by its heartbeat."""

    role: str = Field(description="consumer, writer, monitor or poller", examples=["writer"])
    instance: str = Field(description="Name of the process", examples=["plant-1"])
    alive: bool = Field(description="Whether it has beaten in the last 10 s", examples=[True])
    state: str = Field(description="What its loop does; lost when it stopped beating", examples=["running"])
    last_beat_at: datetime = Field(description="Last beat, UTC", examples=["2025-11-02T14:30:52Z"])
    last_beat_age_seconds: float = Field(description="Seconds since", ge=0, examples=[0.6])
    started_at: datetime | None = Field(description="Start of the process, UTC", examples=["2025-11-02T06:00:00Z"])
    version: str | None = Field(description="Version of tagpipe", examples=["0.1.0"])
    host: str | None = Field(description="Host's name", examples=["plant-1"])
    pid: int | None = Field(description="Process id", examples=[4242])
    details: dict[str, str] = Field(description="What else it says of itself", examples=[{"breaker": "closed"}])
    partition: int | None = Field(
        default=None, description="Which one it works in, where there are several", examples=[None]
    )


class Services(Answer):
    """All services that live, and those lost in the last 24 hours."""

    services: list[ServiceState]


class BackupFile(Answer):
    """One CSV file that a writer wrote."""

    name: str = Field(description="File name in BACKUP_DIR", examples=["backup_20251102_143052.csv"])
    kind: str = Field(description="backup, or rejected: rows that Oracle refused", examples=["backup"])
    state: str = Field(
        description="open: a writer appends; waiting for recover; recovering; recovered", examples=["waiting"]
    )
    rows: Count = Field(description="Values in it", examples=[500])
    bytes: Count = Field(description="Its size, in bytes", examples=[41_250])
    created: AwareDatetime = Field(description="When it was begun, UTC", examples=["2025-11-02T14:30:52Z"])
    host: str | None = Field(default=None, description="Host that has it", examples=["plant-1"])
    directory: str | None = Field(default=None, description="Its directory there", examples=["/var/lib/tagpipe/backup"])


class Backups(Answer):
    """All backup and reject files; those that wait for `recover` are counted."""

    file_count: Count = Field(description="Backup files not recovered yet", examples=[1])
    total_rows: Count = Field(description="Values in them", examples=[500])
    total_bytes: Count = Field(description="Their size, in bytes", examples=[41_250])
    left_out: Count = Field(
        default=0, description="Entries that are too long, too many or unreadable to be shown", examples=[0]
    )
    files: list[BackupFile] = Field(description="Newest first")


class EventEntry(Answer):
    """Something that happened."""

    id: str = Field(description="Id in the stream, grows with time", examples=["1762093852123-0"])
    at: datetime = Field(description="When, UTC", examples=["2025-11-02T14:30:52.123000Z"])
    kind: str = Field(description="What kind of thing", examples=["backup_file"])
    role: str = Field(description="Which service said it", examples=["writer"])
    instance: str = Field(description="Which process", examples=["plant-1"])
    message: str = Field(description="One sentence", examples=["Saved 500 items to backup/backup_20251102_143052.csv"])
    details: Any = Field(default=None, description="Figures; their names depend on the kind", examples=[{"rows": 500}])


class Events(Answer):
    """What happened last."""

    events: list[EventEntry] = Field(description="Newest first")


class OverflowEpisode(Answer):
    """One stretch of time in which values were lost: enough to explain a gap in the table."""

    began_at: AwareDatetime = Field(description="First loss, UTC", examples=["2025-11-02T14:30:52.123000Z"])
    ended_at: datetime | None = Field(
        default=None, description="Last loss, UTC; null while it goes on", examples=["2025-11-02T14:31:10.500000Z"]
    )
    values: Count = Field(description="Values lost", examples=[1200])
    oldest_timestamp: str | None = Field(
        default=None,
        description="Oldest collection time lost, as the table would show it",
        examples=["2025-11-02T14:30:40.5"],
    )
    newest_timestamp: str | None = Field(default=None, description="Newest one", examples=["2025-11-02T14:30:58.5"])
    tags_hit: Count | None = Field(default=None, description="Tags that lost values", examples=[2])
    tags: dict[str, int] = Field(
        default_factory=dict, description="Values lost by tag, the hardest hit", examples=[{"PLC01.D100": 600}]
    )


class Overflows(Answer):
    """The overflow episodes that are kept."""

    episodes: list[OverflowEpisode] = Field(description="Newest first")


class PollingGroup(Answer):
    """One polling group of one PLC."""

    group_id: int | None = Field(default=None, description="Number of the group", examples=[1])
    group_name: str = Field(description="Name of the group", examples=["line 1"])
    plc_code: str = Field(description="PLC", examples=["PLC01"])
    mode: str | None = Field(default=None, description="FIXED or HANDSHAKE", examples=["FIXED"])
    interval_ms: float | None = Field(
        default=None,
        description="Time between polls, in ms: as configured, else between the last two",
        examples=[1000.0],
    )
    last_poll: str | None = Field(
        default=None,
        description="Collection time of the last poll, as the source says it",
        examples=["2025-11-02T14:30:52.1"],
    )
    last_seen_at: datetime | None = Field(
        default=None, description="When it came through, UTC", examples=["2025-11-02T14:30:52.200000Z"]
    )
    age_seconds: float | None = Field(default=None, description="Seconds since it came through", examples=[0.4])
    poll_time_ms: Milliseconds = Field(default=None, description="How long the last poll took, in ms", examples=[3.1])
    values: Count | None = Field(default=None, description="Tags with a value in the last poll", examples=[98])
    errors: Count | None = Field(default=None, description="Tags that failed in the last poll", examples=[2])
    messages: Count | None = Field(default=None, description="Polls since its consumer started", examples=[3600])
    details: dict[str, Any] = Field(
        default_factory=dict, description="What our poller says beyond that", examples=[{"state": "running"}]
    )

    @classmethod
    def of(cls, group: Group, age_s: float | None) -> Self:
        """Return a group as it is answered so long after it came through."""
        seen = group.seen
        known = {"group_id": group.group_id, "mode": group.mode, "interval_ms": group.interval_ms}
        return cls(**{**asdict(seen), **known}, age_seconds=age_s, details=group.details)


class PollingStatus(Answer):
    """All polling groups that are known."""

    left_out: Count = Field(
        default=0, description="Entries that are too long, too many or unreadable to be shown", examples=[0]
    )
    groups: list[PollingGroup] = Field(description="By PLC and name")


class PartitionState(Answer):
    """One partition at a glance; the figures are the last known while its Redis is away."""

    partition: int = Field(ge=0, description="Its number", examples=[0])
    away: bool = Field(description="True: its Redis can't be read", examples=[False])
    reason: str | None = Field(description="Why it is away", examples=[None])
    health: Status | None = Field(description="Its own verdict; null before its first reading", examples=["healthy"])
    utilization_pct: Percent | None = Field(description="How full its buffer is", examples=[1.2])
    queued_messages: Count | None = Field(description="Messages in its DataQueue", examples=[0])
    oldest_value_age_seconds: float | None = Field(description="Of the value at its buffer's head", examples=[0.4])


class Partitions(Answer):
    """The partitions of the pipeline."""

    partitions: list[PartitionState] = Field(description="By number; one where PARTITIONS is 1")


class StreamSnapshot(Answer):
    """One event of the stream: everything of one moment."""

    taken_at: datetime | None = Field(
        description="The moment, on Redis' clock, UTC; null before the first", examples=["2025-11-02T14:30:52.123456Z"]
    )
    stale: bool = Field(description="True: Redis is away, the figures are the last known", examples=[False])
    error: Error | None = Field(description="Why it is stale", examples=[None])
    buffer: BufferStatus | None
    writer: WriterMetrics | None
    ledger: Ledger | None
    health: BufferHealth | None
    alerts: list[AlertEntry] = Field(description="What is wrong; critical ones first")
    services: list[ServiceState]
    backups: Backups | None = Field(description="Sums of all, and the newest 200 files; `/api/backups` has all")
    polling: list[PollingGroup] = Field(description="The first 200; `/api/polling/status` has all")
    polling_groups: Count = Field(description="How many polling groups there are", examples=[1])
    events: list[EventEntry] = Field(description="The last ten, newest first")
    partitions: list[PartitionState] = Field(description="By number; one where PARTITIONS is 1")
    actions: list[ActionEntry] = Field(default_factory=list, description="The first 20 of `/api/actions`")
