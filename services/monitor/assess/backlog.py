"""What waits in backup files, and how long an outage may last before anything is lost. No I/O, no clock."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.monitor.assess.humanize import duration, number, size
from services.monitor.assess.trend import Rates
from services.monitor.read.overview import Overview, Service
from shared.settings import BufferSettings

#: Bytes of a row in a backup file where none tells better.
_ROW_BYTES = 120.0

#: What no figure here can reach, be it bytes or seconds.
_MOST = 1e15

#: States of a backup file that is in the table: nobody needs to care for it any more.
RECOVERED = "recovered"


@dataclass(frozen=True)
class Waiting:
    """Backup files that hold what is not in the table."""

    files: int
    rows: int
    bytes: int
    oldest: float  #: when the oldest was begun, in seconds since 1970


def waiting_files(now: Overview) -> Waiting:
    """Return the sums over the files of kind backup that are not recovered."""
    waiting = [
        file for file in now.backup_files.values() if file.get("kind") == "backup" and file.get("state") != RECOVERED
    ]
    return Waiting(
        files=len(waiting),
        rows=sum(int(_figure(file.get("rows"))) for file in waiting),
        bytes=sum(int(_figure(file.get("bytes"))) for file in waiting),
        oldest=min((_figure(file.get("created")) for file in waiting), default=0.0),
    )


def how_long(now: Overview, writers: Sequence[Service], rates: Rates, settings: BufferSettings) -> str:
    """Return what becomes of the values while these writers are without Oracle, and for how long that can go on."""
    if all(writer.fields.get("backup") == "failing" for writer in writers):
        room = settings.buffer_max_size - now.ledger.in_buffer
        if rates.inserted <= 0:
            return f"values stay in Redis, which has room for {number(room)}"
        return f"values stay in Redis, which overflows in {duration(room / rates.inserted)} at {_rate(rates)}"
    if all(writer.fields.get("breaker") == "retrying" for writer in writers):
        return "batches are being retried; after that they go to the backup"
    free = [_figure(text) for writer in writers if (text := writer.fields.get("backup_free_bytes"))]
    if not free:
        return "values go to the backup; nothing is lost"
    if rates.inserted <= 0:
        return f"values go to the backup; nothing is lost, its disk has {size(min(free))} left"
    files = waiting_files(now)
    row_bytes = files.bytes / files.rows if files.rows else _ROW_BYTES
    left_s = min(free) / (rates.inserted * row_bytes)
    return f"values go to the backup; nothing is lost, its disk lasts {duration(left_s)} more at {_rate(rates)}"


def _rate(rates: Rates) -> str:
    return f"{number(rates.inserted)} values/s"


def _figure(value: object) -> float:
    try:
        figure = float(value)  # type: ignore[arg-type]  # what it is, is what is being found out
    except (TypeError, ValueError, OverflowError):
        return 0.0
    return figure if 0 <= figure < _MOST else 0.0
