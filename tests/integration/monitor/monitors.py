"""What the monitor's tests share: a monitor to ask, and a consumer and writer by hand."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from sandbox.harness.oracle import ROOT
from sandbox.harness.process import Process
from sandbox.harness.redis import free_port
from sandbox.harness.supervisor import python
from sandbox.harness.waiting import wait_until
from services.monitor.api.state import Newest
from services.monitor.api.whole import Whole
from services.monitor.assess.assessment import Assessor
from services.monitor.assess.commands import Commands
from services.monitor.http.app import create_app
from services.monitor.http.server import listen, serve, url_of
from services.monitor.loop import Loop, join_all
from services.monitor.notify.office import messengers_of, status_of
from services.monitor.read.reader import RedisReader
from services.monitor.settings import MonitorSettings
from shared.clock import SystemClock
from shared.counters import Counter
from shared.journal.events import EventLog
from shared.keys import Keys
from shared.life.heartbeat import Heartbeat
from shared.lifecycle import StopFlag
from shared.models import Lines, TagValue
from shared.queues.buffer import PushOutcome, TagBuffer
from shared.queues.claims import Claims
from shared.queues.data_queue import DataQueue
from shared.records.heartbeats import WriterStatus
from shared.redis.link import RedisLink
from shared.settings.models import BufferSettings


@dataclass
class Monitor:
    """A monitor that serves at an address."""

    url: str

    def get(self, path: str, **headers: str) -> httpx.Response:
        return httpx.get(self.url + path, headers=headers, timeout=20)

    def shows(self, path: str, expected: dict[str, Any]) -> dict[str, Any]:
        """Return the answer once it holds what is expected."""

        def look() -> dict[str, Any]:
            answer: dict[str, Any] = self.get(path).json()
            return answer if {name: answer.get(name) for name in expected} == expected else {}

        return wait_until(look, what=f"{expected} at {path}")


@dataclass
class MonitorProcess(Monitor):
    """A monitor in a process of its own."""

    process: Process

    def end(self) -> str:
        """End it by SIGTERM; return what it logged."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.communicate(timeout=10)[1].decode()


@contextmanager
def monitor_in_a_thread(redis_url: str, namespace: str, **settings: Any) -> Iterator[Monitor]:
    """Serve from a thread of the tests' own process: as the service does, without the second that a start costs."""
    chosen = MonitorSettings.model_validate({"monitor_port": 0, **settings})
    link, keys, clock, stop = RedisLink(redis_url), Keys(namespace), SystemClock(), StopFlag()
    events = EventLog(link, keys, "monitor")
    newest = Newest(clock)
    messengers = messengers_of(chosen, link, keys, lambda: newest.state, events, clock)
    loop = Loop(
        link=link,
        reader=RedisReader(link, keys),
        assessor=Assessor(chosen, Commands.of(chosen)),
        newest=newest,
        heartbeat=Heartbeat(link, keys, events, "monitor"),
        events=events,
        clock=clock,
        describe=lambda: status_of(messengers),
    )
    listener = listen(chosen)
    monitor = Monitor(url_of(listener))
    serving = threading.Thread(target=serve, args=[create_app(Whole([newest]), chosen), listener, stop])
    threads = [loop.start(stop), *(each.start(stop) for each in messengers)]
    serving.start()
    try:
        yield monitor
    finally:
        stop.set()
        serving.join()
        join_all(threads)
        link.close()
    assert loop.crash is None


def environment(redis_url: str, namespace: str, **settings: str) -> dict[str, str]:
    """Return the environment for a monitor process."""
    return {**os.environ, "REDIS_URL": redis_url, "REDIS_NAMESPACE": namespace, **settings}


def start_process(redis_url: str, namespace: str, **settings: str) -> MonitorProcess:
    """Return a monitor process that answers; the caller ends it."""
    port = free_port()
    env = environment(redis_url, namespace, MONITOR_PORT=str(port), **settings)
    process = Process(python("services.monitor"), subprocess.DEVNULL, env, directory=ROOT, errors=subprocess.PIPE)
    monitor = MonitorProcess(f"http://127.0.0.1:{port}", process)
    wait_until(lambda: _lives(monitor), what="an answer from the monitor")
    return monitor


def _lives(monitor: MonitorProcess) -> bool:
    assert monitor.process.poll() is None, "the monitor ended"
    try:
        return monitor.get("/livez").status_code == 200
    except httpx.TransportError:
        return False


class Pipeline:
    """Consumer and writer by hand: moves values with the same scripts."""

    def __init__(self, link: RedisLink, keys: Keys, max_size: int = 10_000) -> None:
        self.events = EventLog(link, keys, "writer")
        self.writer = Heartbeat(link, keys, self.events, "writer", "plant-1")
        self.consumer = Heartbeat(link, keys, EventLog(link, keys, "consumer"), "consumer", "plant-1")
        self.writer.register()
        self.consumer.register()
        self._queue = DataQueue(link, keys)
        self._buffer = TagBuffer(link, keys, BufferSettings.model_validate({"buffer_max_size": max_size}))

        def claims(role: str, index_key: str, list_key: Callable[[str, str], str]) -> Claims:
            return Claims(link, keys, self.writer, self.events, role=role, index_key=index_key, list_key=list_key)

        self._messages = claims("consumer", keys.claimed, keys.claimed_list)
        self._batches = claims("writer", keys.inflight, keys.inflight_list)

    def push(self, count: int) -> None:
        """Queue one message of so many values and push them."""
        names = [f"D{number}" for number in range(count)]
        self._queue.put(
            {
                "timestamp": "2026-01-01T00:00:00",
                "plc_code": "PLC01",
                "group_id": 1,
                "group_name": "line 1",
                "tag_values": dict.fromkeys(names, 1),
            }
        )
        batch = self._queue.claim(self._messages, 10, 1_000_000)
        assert batch is not None
        values = [TagValue(datetime(2026, 1, 1), "PLC01", name, "1", "GOOD") for name in names]
        assert self._buffer.push(batch, Lines.of(values)).outcome is PushOutcome.PUSHED

    def claim(self, count: int) -> None:
        """Take values in flight and leave them there."""
        assert self._buffer.claim(self._batches, count) is not None

    def write(self, count: int) -> None:
        """Claim and settle a batch as written, after 12 ms, the values 300 ms old at most."""
        batch = self._buffer.claim(self._batches, count)
        assert batch is not None
        counts: dict[Counter, int] = {Counter.WRITTEN: count, Counter.BATCHES_WRITTEN: 1}
        assert self._buffer.settle(batch, counts, {"latency_sum_ms": 12, "latency:15": 1, "lag:300": count})
        self.writer.beat("running", WriterStatus(breaker="closed", oracle="ok", backup="ok", last_write_at=time.time()))

    def close(self) -> None:
        """End the sender's thread."""
        self._queue.close()
