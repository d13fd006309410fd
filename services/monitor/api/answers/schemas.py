"""What the API answers: every field with its unit, every model with an example."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from services.monitor.assess.alert_kinds import Status
from services.monitor.assess.humanize import moment

Count = Annotated[int, Field(ge=0)]
Percent = Annotated[float, Field(ge=0)]
Milliseconds = Annotated[float, Field(ge=0)] | None


class Answer(BaseModel):
    """Base of all answers: immutable."""

    model_config = ConfigDict(frozen=True)

    @classmethod
    def like(cls, source: object, **other: Any) -> Self:
        """Return an answer with what `source` has by the names of its fields, but for those that are given here."""
        return cls(**{name: getattr(source, name) for name in cls.model_fields if name not in other}, **other)


def moment_if_known(seconds: float | None) -> datetime | None:
    """Return the moment; None for one that nobody knows."""
    return None if seconds is None else moment(seconds)


class Error(Answer):
    """What every failure looks like, whatever the status."""

    error: str = Field(description="Code for programs", examples=["REDIS_UNAVAILABLE"])
    message: str = Field(description="One sentence for people", examples=["Redis gives no answer"])
    details: Any = Field(default=None, description="What else is known; its form depends on the code", examples=[None])


class Alive(Answer):
    """The process runs."""

    status: Literal["alive"] = Field(default="alive", description="Always alive", examples=["alive"])


class Ready(Answer):
    """Redis answers."""

    status: Literal["ready"] = Field(default="ready", description="Always ready", examples=["ready"])
    age_seconds: float = Field(description="Age of the newest reading of Redis, in seconds", examples=[0.21])


class Session(Answer):
    """Who asks."""

    role: Literal["open", "reader", "operator"] = Field(
        description="`open`: no token is asked for; `reader` and `operator`: by whose token, or whose session",
        examples=["reader"],
    )
    may_act: bool = Field(description="Whether what they ask for is done: only an operator's", examples=[False])
    has_operators: bool = Field(description="Whether MONITOR_OPERATOR_TOKEN is set", examples=[True])


class BufferStatus(Answer):
    """The buffer between consumer and writer. Unit: values."""

    current_size: Count = Field(description="Values in the buffer now", examples=[120])
    max_size: Count = Field(description="BUFFER_MAX_SIZE: at this many the oldest are discarded", examples=[10_000])
    utilization_pct: Percent = Field(description="current_size in percent of max_size", examples=[1.2])
    total_inserted: Count = Field(description="Values ever pushed on the buffer", examples=[86_400])
    total_removed: Count = Field(description="Values ever taken from the buffer by writers", examples=[86_280])
    overflow_count: Count = Field(description="Values ever discarded because the buffer was full", examples=[0])
    overflow_rate_pct: Percent = Field(description="overflow_count in percent of total_inserted", examples=[0.0])
    oldest_value_age_seconds: float = Field(
        ge=0,
        description="Since the value at the buffer's head was collected; 0 where the buffer is empty",
        examples=[0.4],
    )


class WentBack(Answer):
    """Redis came back from an earlier moment, and the ledger with it."""

    times: Count = Field(description="How often since the last acknowledgement", examples=[1])
    inserted: Count = Field(description="Values inserted that Redis did not know any more", examples=[3_491])
    written: Count = Field(description="Values written that Redis did not know any more", examples=[3_000])
    at: datetime = Field(description="When the last time was, UTC", examples=["2025-11-02T14:30:52Z"])


class Ledger(Answer):
    """Where every value that was ever pushed is, read in one step. Unit: values, but for the messages.

    inserted = overflowed + in_buffer + in_flight + written + duplicates + rejected + backed_up
    """

    inserted: Count = Field(description="Values ever pushed on the buffer", examples=[86_400])
    overflowed: Count = Field(description="Discarded, oldest first, because the buffer was full", examples=[0])
    in_buffer: Count = Field(description="In the buffer now", examples=[120])
    in_flight: Count = Field(description="Claimed by a writer and not settled yet", examples=[500])
    written: Count = Field(description="Committed to the Oracle table by a live write", examples=[85_268])
    duplicates: Count = Field(description="Found in the table already (ORA-00001)", examples=[2])
    rejected: Count = Field(description="Refused by Oracle for their own fault; in a rejected_*.csv", examples=[10])
    backed_up: Count = Field(description="Saved to a CSV backup file", examples=[500])
    recovered: Count = Field(description="Rows of backup files put into the table later", examples=[500])
    imported: Count = Field(description="Rows of files of other programs put into the table by import", examples=[0])
    conflicts: Count = Field(description="Of the rejected: the table holds another value or quality", examples=[0])
    rejected_rows_waiting: Count = Field(
        default=0, description="Of the rejected, those that wait in Redis for a file that can be written", examples=[0]
    )
    rows_dropped: Count = Field(
        default=0, description="Of the rejected, those lost: too many waited for a file", examples=[0]
    )
    backup_lost: Count = Field(
        default=0, description="Of those in files, rows lost because somebody cut a file short", examples=[0]
    )
    went_back: WentBack | None = Field(
        default=None, description="How Redis went back to an earlier moment, until it is acknowledged", examples=[None]
    )
    balances: bool = Field(description="Whether every value is in exactly one place", examples=[True])
    difference: int = Field(description="inserted minus all places; 0 when it balances", examples=[0])
    queued_messages: Count = Field(description="Messages in the DataQueue", examples=[0])
    claimed_messages: Count = Field(description="Messages that consumers work on", examples=[1])
    messages_rejected: Count = Field(description="Messages ever that could not be understood", examples=[0])
    tags_rejected: Count = Field(description="Tags ever, of other messages, that can't be values", examples=[0])
    taken_at: datetime = Field(description="The moment, on Redis' clock, UTC", examples=["2025-11-02T14:30:52.123456Z"])


class WriterState(Answer):
    """One living writer as its heartbeat describes it."""

    instance: str = Field(description="Name of the process", examples=["plant-1"])
    state: str = Field(description="What its loop does", examples=["running"])
    breaker: str | None = Field(description="closed, retrying, open or half-open", examples=["closed"])
    oracle: str | None = Field(description="ok, away, configuration or unknown", examples=["ok"])
    backup: str | None = Field(description="ok or failing", examples=["ok"])
    last_write_at: datetime | None = Field(description="Its last commit, UTC", examples=["2025-11-02T14:30:51.900000Z"])
    last_error: str | None = Field(description="Its last failure", examples=[None])


class WriteTotals(Answer):
    """Batches ever, by what became of them."""

    total_writes: Count = Field(description="Batches that ended", examples=[181])
    successful_writes: Count = Field(description="Batches that Oracle took", examples=[180])
    failed_writes: Count = Field(description="Batches that Oracle did not take; they were backed up", examples=[1])
    success_rate_pct: Percent = Field(
        description="successful_writes in percent of total_writes; 100 before the first", examples=[99.4475]
    )


class WriterMetrics(WriteTotals):
    """All writers together: totals since the namespace began, averages over the last 5 minutes."""

    last_write_timestamp: datetime | None = Field(
        description="Last commit, UTC; null when none is known", examples=["2025-11-02T14:30:51.900000Z"]
    )
    values_written: Count = Field(description="Values committed", examples=[85_268])
    duplicates: Count = Field(description="Values that the table held already", examples=[2])
    conflicts: Count = Field(description="Of the rejected: the table holds another value or quality", examples=[0])
    values_rejected: Count = Field(description="Values refused for their own fault", examples=[10])
    values_backed_up: Count = Field(description="Values backed up to CSV files", examples=[500])
    values_recovered: Count = Field(description="Rows of backup files put into the table later", examples=[500])
    retries: Count = Field(description="Attempts after the first", examples=[3])
    inserted_per_second: float = Field(description="Values pushed on the buffer, per second", examples=[1000.0])
    written_per_second: float = Field(description="Values committed, per second", examples=[1000.0])
    window_seconds: int = Field(description="What averages and percentiles look back, in seconds", examples=[300])
    avg_batch_size: float | None = Field(
        description="Values in a batch; null without a batch in the window", examples=[474.3]
    )
    avg_write_latency_ms: Milliseconds = Field(
        description="Claim to settled, in ms; null without a batch in the window", examples=[12.4]
    )
    avg_lag_ms: Milliseconds = Field(
        description="Collection to commit, in ms; null without a value that is not late", examples=[480.2]
    )
    write_latency_p50_ms: Milliseconds = Field(description="Half of the batches took no longer, in ms", examples=[10.0])
    write_latency_p95_ms: Milliseconds = Field(description="95 % took no longer, in ms", examples=[20.0])
    write_latency_p99_ms: Milliseconds = Field(description="99 % took no longer, in ms", examples=[50.0])
    lag_p50_ms: Milliseconds = Field(
        description="Half of the values were committed within this of their collection, in ms", examples=[500.0]
    )
    lag_p95_ms: Milliseconds = Field(description="95 % were, in ms", examples=[700.0])
    lag_p99_ms: Milliseconds = Field(description="99 % were, in ms", examples=[1000.0])
    values_late: Count = Field(
        default=0,
        description="Values of the window that were older than an hour: replayed, or late; in none of these",
        examples=[0],
    )
    writers: list[WriterState] = Field(description="The writers that live, by name")


class BufferFigures(Answer):
    """The buffer in short. Unit: values."""

    current_size: Count = Field(description="Values in the buffer now", examples=[120])
    max_size: Count = Field(description="BUFFER_MAX_SIZE", examples=[10_000])
    utilization_pct: Percent = Field(description="current_size in percent of max_size", examples=[1.2])
    overflow_count: Count = Field(description="Values ever discarded", examples=[0])


class WriterFigures(WriteTotals):
    """The writers in short. Unit of the totals: batches; averages over the last 5 minutes."""

    avg_batch_size: float | None = Field(description="Values in a batch; null without one", examples=[474.3])
    avg_write_latency_ms: Milliseconds = Field(description="Claim to settled, in ms", examples=[12.4])
    last_write_time: datetime | None = Field(description="Last commit, UTC", examples=["2025-11-02T14:30:51.900000Z"])


class BackupFigures(Answer):
    """Backup files that wait for `recover`."""

    file_count: Count = Field(description="Files not recovered yet", examples=[1])
    total_bytes: Count = Field(description="Their size, in bytes", examples=[41_250])


class BufferMetrics(Answer):
    """Buffer, writers and backup in one answer."""

    buffer: BufferFigures
    writer: WriterFigures
    backup: BackupFigures


class HealthDetails(Answer):
    """What the verdict rests on."""

    buffer_utilization_pct: Percent = Field(description="Buffer in percent of its cap", examples=[1.2])
    recent_write_success: bool | None = Field(
        description="Whether the last batches were written; null without a batch in 5 minutes", examples=[True]
    )
    last_write_age_seconds: float | None = Field(
        description="Seconds since the last commit; null when none is known", examples=[0.4]
    )
    values_lost: Count = Field(
        default=0, description="Values that overflowed and were not acknowledged as lost", examples=[0]
    )
    rejected_dropped: Count = Field(
        default=0, description="Rejected entries dropped and not acknowledged as lost", examples=[0]
    )
    loss_acknowledged_at: datetime | None = Field(
        default=None, description="When losses were last acknowledged, UTC", examples=[None]
    )


class BufferHealth(Answer):
    """Is the pipeline well? Status 503 when unhealthy."""

    status: Status = Field(description="healthy, degraded or unhealthy", examples=["healthy"])
    buffer_ok: bool = Field(description="Below the alert threshold and not overflowing", examples=[True])
    writer_ok: bool = Field(description="A writer lives and the last batches were written", examples=[True])
    oracle_connection_ok: bool = Field(description="A living writer reaches Oracle", examples=[True])
    reasons: list[str] = Field(description="Why it is not healthy, the worst first", examples=[[]])
    details: HealthDetails
