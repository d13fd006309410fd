"""`python -m services.monitor`: the REST API and the dashboard over what is in Redis."""

import getpass
import os
import socket
import threading
from typing import Annotated

import typer

from services.monitor.api.state import Newest
from services.monitor.api.whole import Whole
from services.monitor.assess.assessment import Assessor
from services.monitor.assess.commands import Commands
from services.monitor.duties import acknowledge, acknowledges_losses, forgets_services
from services.monitor.http.app import create_app
from services.monitor.http.server import listen, serve
from services.monitor.loop import Loop, join_all
from services.monitor.notice_settings import NoticeSettings
from services.monitor.notify.messenger import Messenger
from services.monitor.notify.office import messengers_of, status_of, told_of, try_all
from services.monitor.read.reader import RedisReader
from services.monitor.settings import THIS_MACHINE, MonitorSettings
from shared.acting.actor import Actor
from shared.acting.board import Board
from shared.clock import Clock, SystemClock
from shared.errors import FatalError, RedisUnavailableError
from shared.journal.events import EventLog
from shared.keys import Keys
from shared.life.faults import Faults
from shared.life.presence import Presence
from shared.lifecycle import run_service, stop_on_signals
from shared.logs import get_logger
from shared.redis.link import RedisLink
from shared.settings.models import ServiceSettings
from shared.texts import tamed

#: How far the monitor stands back for the services on a machine that they share: it gets a third of their share.
NICENESS = 5

_log = get_logger()
# No pretty exceptions: they show the values of local variables, and one may be a password.
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True)
def run(context: typer.Context) -> None:
    """Serve the state of the pipeline over HTTP, from Redis alone, until stopped.

    Settings come from the environment or .env (docs/settings.md): REDIS_URL, REDIS_NAMESPACE, MONITOR_HOST,
    MONITOR_PORT, MONITOR_API_TOKEN, BUFFER_MAX_SIZE, BUFFER_ALERT_THRESHOLD, LOG_LEVEL and others.
    The dashboard is at /monitoring/buffer, Prometheus reads /metrics; docs/api.md and /openapi.json list all paths.

    Example: REDIS_URL=redis://localhost:6379/0 MONITOR_PORT=8000 python -m services.monitor
    """
    if context.invoked_subcommand is None:
        run_service(MonitorSettings, _main)


@app.command("acknowledge")
def acknowledge_losses() -> None:
    """Say that what was lost up to now is known: health and alerts tell only of what is lost from now on.

    Losses are values that overflowed, rejected entries that were dropped, and what the ledger can't place. Their totals
    are kept in Redis; nothing of a counter is changed.
    """
    run_service(ServiceSettings, _acknowledge)


def _acknowledge(settings: ServiceSettings) -> None:
    for number in range(settings.partitions):
        typer.echo(_acknowledge_one(settings.in_partition(number), f"Partition {number}: " * (settings.partitions > 1)))


def _acknowledge_one(settings: ServiceSettings, where: str) -> str:
    link = RedisLink.of(settings, "tagpipe-acknowledge")
    try:
        keys = Keys(settings.namespace)
        return where + acknowledge(link, keys, EventLog(link, keys, "acknowledge"), _who())
    except RedisUnavailableError as error:
        raise FatalError(f"{where}Redis can't be reached, nothing was acknowledged: {error}") from error
    finally:
        link.close()


@app.command("notify")
def notify(
    *,
    test: Annotated[bool, typer.Option("--test", help="Send each of them a test notice, and say who took it")] = False,
) -> None:
    """Say who is told of alerts: ALERT_WEBHOOK_URL, ALERT_SMTP_HOST and the others that begin with ALERT_.

    Status 1: nobody is, or, with --test, one of them did not take the notice.
    """
    run_service(NoticeSettings, _try if test else _say_who)


def _try(settings: NoticeSettings) -> None:
    for line in try_all(settings, SystemClock()):
        typer.echo(line)


def _say_who(settings: NoticeSettings) -> None:
    kinds = ", ".join(receiver.kind for receiver in told_of(settings))
    typer.echo(f"Told of alerts from {settings.alert_severity} on: {kinds}; `--test` tries the way")


def _who() -> str:
    """Return who sits at the terminal."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        name = f"user {os.getuid()}"
    return tamed(f"{name} on {socket.gethostname()}")


def _main(settings: MonitorSettings) -> None:
    # Who shares a machine with the pipeline lets it go first, however many clients ask.
    os.nice(NICENESS)
    # The socket first: who can't listen must not show up among the services.
    listener = listen(settings)
    clock = SystemClock()
    partitions = [Newest(clock) for _ in range(settings.partitions)]
    whole, messengers = Whole(partitions), list[Messenger]()
    pieces = [
        # One says how notices fare: the monitor is one process, with a heartbeat in each partition.
        _partition(settings.in_partition(number), newest, clock, messengers if number == 0 else [])
        for number, newest in enumerate(partitions)
    ]
    messengers += _messengers(settings, whole, clock)
    loops = [loop for loop, *_ in pieces]
    _warn_if_open(settings)
    with stop_on_signals() as stop:
        threads = [*(loop.start(stop) for loop in loops), *(each.start(stop) for each in messengers)]
        for _, _, actor in pieces:
            threading.Thread(target=actor.run, args=[stop], name="actions", daemon=True).start()
        serve(create_app(whole, settings, [board for _, board, _ in pieces]), listener, stop)
        # A try that hangs must not take the time in which the others say goodbye.
        join_all(threads)
    for loop in loops:
        if loop.crash is not None:
            raise loop.crash
    _log.info("Shutdown complete")


def _messengers(settings: MonitorSettings, whole: Whole, clock: Clock) -> list[Messenger]:
    """Return what tells people of alerts; what was told stands in the first partition, whichever they are about."""
    first = settings.in_partition(0)
    keys, link = Keys(first.namespace), RedisLink.of(first, "tagpipe-notices")
    return messengers_of(settings, link, keys, lambda: whole.state, EventLog(link, keys, "monitor"), clock)


def _partition(
    settings: MonitorSettings, newest: Newest, clock: Clock, messengers: list[Messenger]
) -> tuple[Loop, Board, Actor]:
    """Return what reads one partition, with a heartbeat of its own there; where people ask, and what ends it there."""
    link, keys, events, heartbeat = Presence.of(settings, "monitor")
    loop = Loop(
        link=link,
        reader=RedisReader(link, keys, settings.source_zone),
        assessor=Assessor(settings, Commands.of(settings)),
        newest=newest,
        heartbeat=heartbeat,
        events=events,
        clock=clock,
        describe=lambda: status_of(messengers) if messengers else None,
    )
    duties = [forgets_services(link, keys), acknowledges_losses(link, keys, events)]
    board = Board(link, keys, events)
    faults = Faults(events, clock, "the monitor's actions", ends_the_process=False)
    return loop, board, Actor(board, heartbeat, "monitor", duties, clock=clock, faults=faults, gives_up=True)


def _warn_if_open(settings: MonitorSettings) -> None:
    if settings.monitor_api_token is None and settings.monitor_host not in THIS_MACHINE:
        _log.warning(f"Anyone who reaches {settings.monitor_host} can read the API: set MONITOR_API_TOKEN")


if __name__ == "__main__":
    app()
