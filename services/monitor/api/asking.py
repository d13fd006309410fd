"""From what a person asks for to the actions that it takes: of whom, and where. No I/O, no clock.

Every function raises RefusedRequestError where there is nothing to do, or it may not be done.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from msgspec import structs

from services.monitor.api.answers.actions import (
    ForgetGroupRequest,
    ForgetServiceRequest,
    MessagesRequest,
    RecoverRequest,
    RejectedFileRequest,
    Request,
    ServiceRequest,
)
from services.monitor.assess.findings.losses import find_losses, total_loss
from services.monitor.read.overview import Overview
from shared.keys import polling_field
from shared.records.actions import ActionKind
from shared.records.files import BackupFile, FileKind

#: Seconds for which a polling group must have been silent before it may be forgotten.
LEAST_SILENCE_S = 10.0


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
    """Return what it takes to recover files: one action for each directory that has some of them."""
    found = (
        files_named(overview, request.target, request.partition)
        if request.target
        else [
            (number, _place(file))
            for number, part in parts(overview, request.partition)
            for file in part.files_waiting(FileKind.BACKUP).values()
        ]
    )
    # The name of a file that another place has, too, is followed by its place.
    target = request.target.split(" at ", maxsplit=1)[0] if request.target else None
    wanted = [
        Wanted(number, ActionKind.RECOVER, target, place, request.options()) for number, place in dict.fromkeys(found)
    ]
    return _unless_empty(wanted, "Nothing to recover: no backup file waits")


def of_each(kind: ActionKind, request: ServiceRequest, overview: Overview) -> list[Wanted]:
    """Return what it takes to pause processes, or to let them go on: an action for each."""
    role, _, instance = request.target.partition(":")
    wanted = [
        Wanted(number, kind, f"{role}:{service.instance}")
        for number, part in parts(overview, request.partition)
        for service in part.services
        if service.alive and service.role == role and instance in ("", service.instance)
    ]
    return _unless_empty(wanted, f"No {request.target} is running; /api/services lists all")


def forget_group(request: ForgetGroupRequest, overview: Overview) -> list[Wanted]:
    """Return what it takes to forget a polling group, in each partition that knows it.

    Raises: RefusedRequestError: it is alive, or not known.
    """
    identity = request.plc_code, request.group_name
    wanted = []
    for number, part in parts(overview, request.partition):
        group = part.groups.get(identity)
        if group is None:
            continue
        if group.own is not None:
            raise RefusedRequestError("A poller has this group: take it out of its configuration first")
        if part.taken_at - (group.seen.last_seen_at or 0.0) <= LEAST_SILENCE_S:
            raise RefusedRequestError(f"This group was seen in the last {LEAST_SILENCE_S:g} s: it is polled")
        wanted.append(Wanted(number, ActionKind.FORGET_GROUP, polling_field(*identity)))
    return _unless_empty(wanted, "There is no such polling group; /api/polling/status lists all")


def forget_service(request: ForgetServiceRequest, overview: Overview) -> list[Wanted]:
    """Return what it takes to forget a process that is dead.

    Raises: RefusedRequestError: it lives, still holds something, or is not known.
    """
    wanted = []
    for number, part in parts(overview, request.partition):
        found = next((each for each in part.services if f"{each.role}:{each.instance}" == request.target), None)
        if found is None:
            continue
        if found.alive:
            raise RefusedRequestError(f"{request.target} is running")
        if (found.role, found.instance) in part.owners:
            raise RefusedRequestError(
                f"{request.target} still holds what it had claimed: a living {found.role} takes it over within seconds"
            )
        wanted.append(Wanted(number, ActionKind.FORGET_SERVICE, request.target))
    return _unless_empty(wanted, f"There is no {request.target}; /api/services lists all")


def messages(kind: ActionKind, request: MessagesRequest, overview: Overview) -> list[Wanted]:
    """Return what it takes to put rejected messages back or drop them: one action for each partition that has some."""
    # What comes to the list after a drop was asked for, unseen by who asks, stays.
    is_drop = kind is ActionKind.DROP_MESSAGES
    wanted = [
        Wanted(number, kind, options={**request.options(), **({"most": waiting} if is_drop else {})})
        for number, part in parts(overview, request.partition)
        if (waiting := part.ledger.rejected_messages_kept)
    ]
    return _unless_empty(wanted, "Nothing to do: no message or tag is on the rejected list")


def acknowledge(request: Request, overview: Overview) -> list[Wanted]:
    """Return what it takes to acknowledge the losses that are told: an action for each partition that has some.

    It holds the totals that are told now: what is lost until it is carried out is not known to who asks.
    """
    wanted = [
        Wanted(number, ActionKind.ACKNOWLEDGE, options=_totals(part))
        for number, part in parts(overview, request.partition)
        if any(find_losses(part))
    ]
    return _unless_empty(wanted, "Nothing was lost that nobody has acknowledged")


def _totals(overview: Overview) -> Mapping[str, int]:
    total = structs.asdict(total_loss(overview.ledger))
    return {name: figure for name, figure in total.items() if figure and isinstance(figure, int)}


def rejected_file(kind: ActionKind, request: RejectedFileRequest, overview: Overview) -> list[Wanted]:
    """Return what it takes to retry or set aside a file of rejected rows: one action of a writer that has it."""
    name = request.target.split(" at ", maxsplit=1)[0]
    if not FileKind.REJECTED.is_of(name):
        raise RefusedRequestError(f"{request.target} is no file of rejected rows; `recover` takes the others")
    ((number, place),) = files_named(overview, request.target, request.partition)
    return [Wanted(number, kind, name, place, request.options())]


def _unless_empty(wanted: list[Wanted], refusal: str) -> list[Wanted]:
    if not wanted:
        raise RefusedRequestError(refusal)
    return wanted


def parts(overview: Overview, partition: int | None = None) -> Iterator[tuple[int, Overview]]:
    """Yield the partitions, or one of them, by number.

    Raises: RefusedRequestError: there is no such partition, or it can't be read.
    """
    known = overview.parts
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
