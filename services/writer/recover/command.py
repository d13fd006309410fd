"""The command `recover`: backup files into Oracle, while writers go on."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from services.writer.backup.csv_backup import BackupFailedError, CsvBackup
from services.writer.backup.directory import passed_over
from services.writer.backup.files import shown
from services.writer.backup.index import Manifest
from services.writer.leave import close_and_leave
from services.writer.recover.console import DONE, LEFT, RecoverConsole
from services.writer.recover.file_recovery import Opens, Recovery
from services.writer.recover.open_file import OpenFile, UnusableFileError
from services.writer.recover.progress import RecoveryProgress
from services.writer.recover.run import Run, Wish, find_files
from services.writer.settings import WriterSettings
from services.writer.sink import Sink
from shared.clock import SystemClock
from shared.journal.events import EventLog
from shared.keys import Keys
from shared.lifecycle import stop_on_signals
from shared.records.files import FileKind
from shared.redis.link import RedisLink


def recover(settings: WriterSettings, sink: Sink, names: Sequence[Path], wish: Wish) -> int:
    """Put backup files into the table; return the exit status."""
    try:
        files = find_files(names, settings.backup_dir)
    except UnusableFileError as error:
        RecoverConsole().error(str(error))
        return LEFT
    left = [] if names else passed_over(settings.backup_dir, FileKind.BACKUP)
    for path in left:
        RecoverConsole().error(f"{shown(path)}: left, it is packed or renamed. Unpack it, and give it its name back")
    way = Way("recover", RecoveryProgress, OpenFile)
    return put_into_table(settings, sink, way, files, wish, is_more_left=bool(left))


class Way(NamedTuple):
    """What differs between commands: the name, what is told of the rows, how a file is opened."""

    command: str
    progress: type[RecoveryProgress]
    opens: Opens


def put_into_table(
    settings: WriterSettings, sink: Sink, way: Way, files: Sequence[Path], wish: Wish, *, is_more_left: bool = False
) -> int:
    """Put files into the table; return the exit status; `is_more_left`: a person must see to others, too."""
    link, clock = RedisLink.of(settings, f"tagpipe-{way.command}"), SystemClock()
    keys = Keys(settings.namespace)
    events = EventLog(link, keys, way.command)
    events.instance = way.command
    manifest = Manifest(link, keys, settings.backup_dir)
    rejects = CsvBackup.of(settings, "rejected", clock, on_change=manifest.note, target=lambda: sink.target)
    progress = way.progress(link, keys, events, manifest, clock)
    recovery = Recovery(sink, rejects, progress, clock, settings.retry_delays_s, opens=way.opens)
    with stop_on_signals() as stop, RecoverConsole() as console:
        status = Run(settings, recovery, console, stop, wish, way.command).over(files)
        try:
            rejects.finish()
        except BackupFailedError as error:
            console.error(str(error))
            status = status or LEFT
    status = status or (LEFT if is_more_left else DONE)
    progress.flush()
    link.close()
    close_and_leave(sink, status)
    return status
