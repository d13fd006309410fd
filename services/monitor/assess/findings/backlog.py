"""What waits in backup files, and how long an outage may last before anything is lost. No I/O, no clock."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.monitor.assess.said import Said
from services.monitor.assess.trend import Rates
from services.monitor.read.overview import Overview, Service
from shared.records.files import FileKind
from shared.records.heartbeats import BackupState, BreakerState, WriterStatus
from shared.settings.models import BufferSettings

#: Bytes of a row in a backup file where none tells better.
_ROW_BYTES = 120.0


@dataclass(frozen=True)
class Waiting:
    """Backup files that hold what is not in the table."""

    files: int
    rows: int
    bytes: int
    oldest: float  #: when the oldest was begun, in seconds since 1970
    hosts: tuple[str, ...] = ()  #: that have them, as far as they are known


def waiting_files(overview: Overview) -> Waiting:
    """Return the sums over the files of kind backup that are not recovered."""
    waiting = overview.files_waiting(FileKind.BACKUP).values()
    return Waiting(
        files=sum(file.count for file in waiting),
        rows=sum(file.rows for file in waiting),
        bytes=sum(file.bytes for file in waiting),
        oldest=min((file.created for file in waiting), default=0.0),
        hosts=tuple(sorted({file.host for file in waiting if file.host})),
    )


def how_long(
    overview: Overview, writers: Sequence[Service[WriterStatus]], rates: Rates, settings: BufferSettings
) -> Said:
    """Return what becomes of the values while these writers are without Oracle, and for how long that can go on."""
    if all(writer.status.backup == BackupState.FAILING for writer in writers):
        return _how_long_in_redis(settings.buffer_max_size - overview.ledger.in_buffer, rates.inserted)
    if all(writer.status.breaker == BreakerState.RETRYING for writer in writers):
        return Said("batches are being retried; after that they go to the backup")
    free = [free for writer in writers if (free := writer.status.backup_free_bytes) is not None]
    if not free:
        return Said("values go to the backup; nothing is lost")
    if rates.inserted <= 0:
        return Said("values go to the backup; nothing is lost, its disk has {free:size} left", free=min(free))
    files = waiting_files(overview)
    row_bytes = files.bytes / files.rows if files.rows else _ROW_BYTES
    return Said(
        "values go to the backup; nothing is lost, its disk lasts {left:duration} more at {rate:number} values/s",
        left=min(free) / (rates.inserted * row_bytes),
        rate=rates.inserted,
    )


def _how_long_in_redis(room: int, rate: float) -> Said:
    if rate <= 0:
        return Said("values stay in Redis, which has room for {room:number}", room=room)
    if room <= 0:
        return Said("the buffer is full: polls wait in the DataQueue, and only then the oldest values overflow")
    return Said(
        "values stay in Redis: the buffer is full in {left:duration} at {rate:number} values/s, then polls wait in the "
        "DataQueue, and only then the oldest values overflow",
        left=room / rate,
        rate=rate,
    )
