"""The command `recover`: backup files into Oracle, while writers go on."""

from collections.abc import Sequence
from pathlib import Path

from services.writer.backup.csv_backup import BackupFailedError, CsvBackup
from services.writer.backup.index import Manifest
from services.writer.leave import close_and_leave
from services.writer.recover.console import LEFT, RecoverConsole
from services.writer.recover.dry_run import DryRun
from services.writer.recover.file_recovery import Recovery
from services.writer.recover.progress import RecoveryProgress
from services.writer.recover.run import Run, find_files
from services.writer.settings import WriterSettings
from services.writer.sink import Sink
from shared.clock import SystemClock
from shared.events import EventLog
from shared.keys import Keys
from shared.lifecycle import stop_on_signals
from shared.redis.link import RedisLink


def recover(
    settings: WriterSettings,
    sink: Sink,
    names: Sequence[Path],
    *,
    dry_run: bool,
    max_rows_per_s: float | None,
    anyway: bool = False,
) -> int:
    """Put files into the table, `max_rows_per_s` at most; return the exit status.

    anyway: those too that were meant for another table, or were changed since they were written.
    """
    link, clock = RedisLink.of(settings, "tagpipe-recover"), SystemClock()
    keys = Keys(settings.namespace)
    events = EventLog(link, keys, "recover")
    events.instance = "recover"
    manifest = Manifest(link, keys, settings.backup_dir)
    rejects = CsvBackup(
        settings.backup_dir,
        "rejected",
        clock,
        rotate_bytes=settings.backup_rotate_bytes,
        min_free_bytes=settings.backup_min_free_bytes,
        on_change=manifest.note,
        target=lambda: sink.target,
    )
    progress = RecoveryProgress(link, keys, events, manifest, clock)
    recovery = Recovery(sink, rejects, progress, clock, settings.retry_delays_s)
    with stop_on_signals() as stop, RecoverConsole() as console:
        files = find_files(names, settings.backup_dir)
        if dry_run:
            status = DryRun(sink, console, stop, settings.buffer_batch_size_max).run(files)
        else:
            status = Run(settings, recovery, console, stop, max_rows_per_s=max_rows_per_s, anyway=anyway).recover(files)
        try:
            rejects.finish()
        except BackupFailedError as error:
            console.error(str(error))
            status = status or LEFT
    progress.flush()
    link.close()
    close_and_leave(sink, status)
    return status
