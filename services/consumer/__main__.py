"""`python -m services.consumer`: from the DataQueue to the buffer."""

import threading
from typing import Annotated

import typer

from services.consumer.rejected.command import rejected as show_rejected
from services.consumer.rejected.entries import Rejections
from services.consumer.rejected.requested import clears_rejected
from services.consumer.report.forget import forgets_groups
from services.consumer.report.redis_memory import RedisMemory
from services.consumer.report.report import Report
from services.consumer.settings import ConsumerSettings
from services.consumer.unpack import Unpacker
from services.consumer.worker import Consumer
from shared import __version__
from shared.acting.actor import Actor
from shared.acting.board import Board
from shared.acting.pausing import Pause
from shared.clock import SystemClock
from shared.errors import RedisUnavailableError
from shared.journal.events import EventLog
from shared.life.beating import Beating
from shared.life.faults import Faults
from shared.life.heartbeat import Heartbeat
from shared.life.presence import Presence
from shared.lifecycle import STOP_LIMIT_S, run_service, stop_on_signals
from shared.logs import get_logger
from shared.queues.buffer import TagBuffer
from shared.queues.claims import Claims
from shared.queues.data_queue import DataQueue
from shared.records.events import Event, Pending

#: Seconds that the end waits for actions that are under way.
_ACTIONS_END_S = 2.5

_log = get_logger()
# No pretty exceptions: they show the values of local variables, and one may be a password.
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True)
def run(context: typer.Context) -> None:
    """Take PollingData from the DataQueue and put one value for each tag on the buffer, until stopped.

    Settings come from the environment or .env (docs/settings.md): REDIS_URL, REDIS_NAMESPACE, BUFFER_MAX_SIZE,
    BUFFER_ALERT_THRESHOLD, LOG_LEVEL and others. Any number of consumers may run at once.

    Example: REDIS_URL=redis://localhost:6379/0 python -m services.consumer
    """
    if context.invoked_subcommand is None:
        run_service(ConsumerSettings, _main)


@app.command("rejected")
def list_rejected(
    retry: Annotated[
        bool, typer.Option("--retry", help="Put all back on the DataQueue, behind what is there.")
    ] = False,
    drop: Annotated[bool, typer.Option("--drop", help="Remove all; they are counted as dropped.")] = False,
) -> None:
    """Show what could not be understood, by reason: whole messages, and tags that can't be values.

    With --retry, once the cause is mended, all that is kept whole goes back on the DataQueue, a few entries in one
    step: an interruption loses and doubles nothing, run it again. What is still not understood comes back to the list.
    Of messages too large to be kept only the beginning is there: those stay until --drop.

    Exit status: 0 done, 1 some stay or Redis is away, 2 a setting is wrong.
    """
    if retry and drop:
        raise typer.BadParameter("--retry or --drop, not both")
    run_service(ConsumerSettings, lambda settings: show_rejected(settings, retry=retry, drop=drop))


def _main(settings: ConsumerSettings) -> None:
    clock = SystemClock()
    link, keys, events, heartbeat = Presence.of(settings, "consumer")
    queue = DataQueue(link, keys)
    claims = Claims(
        link, keys, heartbeat, events, role="consumer", index_key=keys.claimed, list_key=keys.claimed_list, apart=True
    )
    report = Report(link, keys, events, settings, clock=clock, incarnation=heartbeat.incarnation)
    unpacker = Unpacker(report, Rejections(heartbeat, clock), settings)
    memory = RedisMemory(link, keys, clock)
    buffer = TagBuffer(link, keys, settings, heartbeat.history)
    pause = Pause(link, keys, heartbeat, "consumer")
    beating = Beating(heartbeat, events, clock, lambda: report.status(memory, pause.said), state=lambda: pause.state)
    turn = beating.watch("the consumer")
    consumer = Consumer(
        link=link, queue=queue, buffer=buffer, claims=claims, report=report, unpacker=unpacker,
        memory=memory, settings=settings, clock=clock, events=events, turn=turn, pause=pause,
    )  # fmt: skip
    duties = [
        *pause.duties(lambda: claims.active_count > 0),
        forgets_groups(link, keys),
        *clears_rejected(link, keys, report.examples),
    ]
    actor = Actor(
        Board(link, keys, events), heartbeat, "consumer", duties, clock=clock,
        faults=Faults(events, clock, "actions", ends_the_process=False),
    )  # fmt: skip
    with stop_on_signals(STOP_LIMIT_S) as stop:
        if heartbeat.register_when_there(stop):
            _log.info(f"Consumer {heartbeat.instance} {__version__} takes from {keys.data_queue} at {link.address}")
            events.add(Event.STARTED, f"Consumer {heartbeat.instance} {__version__} started")
            pause.recall(stop)
            acting = threading.Thread(target=actor.run, args=[stop], name="actions", daemon=True)
            acting.start()
            with beating.go_on():
                consumer.run(stop)
            acting.join(_ACTIONS_END_S)
        _say_goodbye(heartbeat, queue, events)


def _say_goodbye(heartbeat: Heartbeat, queue: DataQueue, events: EventLog) -> None:
    try:
        pending = queue.depth()
        events.add(
            Event.STOPPED, f"Consumer {heartbeat.instance} stopped, {pending} messages left", Pending(pending=pending)
        )
        heartbeat.close()
        _log.info(f"Shutdown complete, {pending} messages left in the DataQueue")
    except RedisUnavailableError as error:
        _log.warning(f"Shutdown complete, Redis is away ({error}): what is left is there for the next consumer")
    queue.close()


if __name__ == "__main__":
    app()
