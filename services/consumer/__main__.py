"""`python -m services.consumer`: from the DataQueue to the buffer."""

import typer

from services.consumer.report import Report
from services.consumer.settings import ConsumerSettings
from services.consumer.worker import Consumer
from shared import __version__
from shared.buffer import TagBuffer
from shared.claims import Claims
from shared.clock import SystemClock
from shared.data_queue import DataQueue
from shared.errors import RedisUnavailableError
from shared.events import Event, EventLog
from shared.heartbeat import Heartbeat
from shared.keys import Keys
from shared.lifecycle import STOP_LIMIT_S, run_service, stop_on_signals
from shared.logs import get_logger
from shared.redis_link import RedisLink

_log = get_logger()
app = typer.Typer(add_completion=False)


@app.command()
def run() -> None:
    """Take PollingData from the DataQueue and put one value for each tag on the buffer, until stopped.

    Settings come from the environment or .env (docs/settings.md): REDIS_URL, REDIS_NAMESPACE, BUFFER_MAX_SIZE,
    BUFFER_ALERT_THRESHOLD, LOG_LEVEL and others. Any number of consumers may run at once.

    Example: REDIS_URL=redis://localhost:6379/0 python -m services.consumer
    """
    run_service(ConsumerSettings, _main)


def _main(settings: ConsumerSettings) -> None:
    clock = SystemClock()
    keys = Keys(settings.redis_namespace)
    link = RedisLink(settings.redis_url.get_secret_value(), client_name="tagpipe-consumer")
    events = EventLog(link, keys, "consumer")
    heartbeat = Heartbeat(link, keys, events, "consumer", settings.instance_name)
    link.when_back(lambda away_s: events.add(Event.REDIS_BACK, f"Redis is back after {away_s:.1f} s", away_s=away_s))
    queue = DataQueue(link, keys)
    claims = Claims(link, keys, heartbeat, events, role="consumer", index_key=keys.claimed, list_key=keys.claimed_list)
    report = Report(link, keys, events, settings, clock, heartbeat.incarnation)
    consumer = Consumer(link, queue, TagBuffer(link, keys, settings), claims, heartbeat, report, settings, clock)
    with stop_on_signals(STOP_LIMIT_S) as stop:
        if heartbeat.register_when_there(stop):
            _log.info(f"Consumer {heartbeat.instance} {__version__} takes from {keys.data_queue} at {link.address}")
            events.add(Event.STARTED, f"Consumer {heartbeat.instance} {__version__} started")
            consumer.run(stop)
        _say_goodbye(heartbeat, queue, events)


def _say_goodbye(heartbeat: Heartbeat, queue: DataQueue, events: EventLog) -> None:
    try:
        pending = queue.depth()
        events.add(Event.STOPPED, f"Consumer {heartbeat.instance} stopped, {pending} messages left", pending=pending)
        heartbeat.close()
        _log.info(f"Shutdown complete, {pending} messages left in the DataQueue")
    except RedisUnavailableError as error:
        _log.warning(f"Shutdown complete, Redis is away ({error}): what is left is there for the next consumer")
    queue.close()


if __name__ == "__main__":
    app()
