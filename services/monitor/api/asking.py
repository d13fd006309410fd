"""From what a person asks for to the actions that it takes: of whom, and where. No I/O, no clock."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from services.monitor.api.actions import RecoverRequest
from services.monitor.read.overview import Overview
from shared.records.actions import ActionKind
from shared.records.files import BackupFile, FileKind, FileStage


class RefusedRequestError(Exception):
    """There is nothing to do, or it may not be done; the text says why."""


@dataclass(frozen=True)
class Wanted:
    """One action of one partition."""

    partition: int
    kind: ActionKind
    target: str | None = None
    place: str | None = None
    options: Mapping[str, bool | int | float | str] = field(default_factory=dict)


def recover(request: RecoverRequest, overview: Overview) -> list[Wanted]:
    """Return what it takes to recover files: one action for each directory that has some of them.

    Raises: RefusedRequestError.
    """
    found = (
        files_named(overview, request.target, request.partition)
        if request.target
        else [
            (number, _place(file))
            for number, part in parts(overview, request.partition)
            for file in part.backup_files.values()
            if file.kind == FileKind.BACKUP and file.state != FileStage.RECOVERED
        ]
    )
    if not found:
        raise RefusedRequestError("Nothing to recover: no backup file waits")
    # The name of a file that another place has, too, is followed by its place.
    target = request.target.split(" at ", maxsplit=1)[0] if request.target else None
    return [
        Wanted(number, ActionKind.RECOVER, target, place, request.options()) for number, place in dict.fromkeys(found)
    ]


def parts(overview: Overview, partition: int | None = None) -> Iterator[tuple[int, Overview]]:
    """Yield the partitions, or one of them, by number.

    Raises: RefusedRequestError: there is no such partition, or it can't be read.
    """
    known = overview.partitions or {0: overview}
    if partition is not None and partition not in known:
        raise RefusedRequestError(f"There is no partition {partition}, or its Redis is away")
    yield from ((number, part) for number, part in known.items() if partition in (None, number))


def files_named(overview: Overview, name: str, partition: int | None = None) -> list[tuple[int, str | None]]:
    """Return partition and place of the file of a name in the list.

    Raises: RefusedRequestError: there is none, or several partitions have one.
    """
    found = [
        (number, _place(part.backup_files[name]))
        for number, part in parts(overview, partition)
        if name in part.backup_files
    ]
    if len(found) > 1:
        raise RefusedRequestError(f"Several partitions have a file {name}: say which one, by `partition`")
    if not found:
        raise RefusedRequestError(f"There is no file {name}; /api/backups lists all")
    return found


def _place(file: BackupFile) -> str | None:
    """Return the name of a file's directory; of one that can have none, and of older writers, what stands for it."""
    return file.place or (f"{file.host}:{file.directory}" if file.host and file.directory else None)
