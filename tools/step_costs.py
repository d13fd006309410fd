"""Where the time goes: CPU of each step of a batch in the writer and of a message in the consumer.

    make profile

The steps run in this process, one thread, against a real Redis and the Oracle stand-in; around each of them the
thread's CPU time is read. Deeper steps are part of those above them. For single lines: `py-spy record -p PID`.
"""

import tempfile
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import oracledb

import services.writer.deliver.worker
import shared.queues.buffer
from oracle_stand_in.process import OracleStandIn
from sandbox.harness.feed import START, poll
from sandbox.harness.redis import EmbeddedRedis
from services.consumer.expand import expand
from services.consumer.report.last_values import LastValues
from services.writer.composition import compose
from services.writer.deliver.delivery import Delivery
from services.writer.deliver.worker import Worker
from services.writer.oracle.layout import RowBinder
from services.writer.oracle.oracle_sink import OracleSink
from services.writer.settings import WriterSettings
from shared.clock import SystemClock
from shared.keys import Keys
from shared.lifecycle import StopFlag
from shared.messages import encode_polling_data, read_message
from shared.models import TagValue, encode_values
from shared.redis.connections import Connections
from shared.redis.link import RedisLink

BATCHES, BATCH, TAGS = 600, 500, 3491

_SQL = Path(__file__).parent.parent / "deploy" / "oracle" / "02_tag_data.sql"

#: Owner, name, and what it is; indented as they contain each other.
WRITER_STEPS: tuple[tuple[Any, str, str], ...] = (
    (Worker, "run_once", "a batch"),
    (shared.queues.buffer, "decode_values", "  decode the values"),
    (Delivery, "deliver", "  deliver"),
    (RowBinder, "rows", "    make rows"),
    (OracleSink, "_insert", "    insert: connection, cursor"),
    (oracledb.Cursor, "executemany", "      the driver's executemany"),
    (services.writer.deliver.worker, "observations", "  ages and latency"),
    (Connections, "exchange", "  Redis: send, wait, read"),
)


def main() -> None:
    """Measure and print."""
    print(f"writer: microseconds of CPU for a batch of {BATCH}, and for a value")
    for what, micros in writer_steps():
        print(f"  {what:32}{micros:8.0f}{micros / BATCH:8.2f}")
    print(f"consumer: microseconds of CPU for a message of {TAGS}, and for a value")
    for what, micros in consumer_steps():
        print(f"  {what:32}{micros:8.0f}{micros / TAGS:8.2f}")


def writer_steps() -> list[tuple[str, float]]:
    """Return the steps of a batch with their CPU in microseconds."""
    spent: Counter[str] = Counter()
    originals = [(owner, name, getattr(owner, name)) for owner, name, _ in WRITER_STEPS]
    with EmbeddedRedis() as redis, OracleStandIn(init_sql=_SQL) as oracle, tempfile.TemporaryDirectory() as directory:
        settings = WriterSettings.model_validate(
            {
                "redis_url": redis.url, "oracle_dsn": oracle.dsn, "oracle_user": oracle.user,
                "oracle_password": oracle.password, "writer_concurrency": 1, "backup_dir": directory,
            }
        )  # fmt: skip
        writer = compose(settings)
        writer.heartbeat.register()
        writer.sink.probe()
        _fill(writer.link, writer.keys.buffer, writer.keys.full_token)
        try:
            for owner, name, original in originals:
                setattr(owner, name, _timed(original, name, spent))
            for _ in range(BATCHES):
                writer.workers[0].run_once(1, StopFlag())
        finally:
            for owner, name, original in originals:
                setattr(owner, name, original)
        writer.sink.close()
        writer.link.close()
    return [(what, spent[name] / BATCHES * 1e6) for _, name, what in WRITER_STEPS]


def consumer_steps() -> list[tuple[str, float]]:
    """Return the steps of a message with their CPU in microseconds; the push is Redis' business."""
    raw = encode_polling_data(poll(0, TAGS))
    data = read_message(raw)[0]
    values = expand(data)
    with EmbeddedRedis() as redis:
        link = RedisLink(redis.url)
        last_values = _last_values(link)

        def save() -> None:
            # A new one saves at once.
            fresh = _last_values(link)
            fresh.see(data, raw)
            fresh.save()

        steps = [
            ("decode the message", _cpu_us(lambda: read_message(raw)[0])),
            ("expand to values", _cpu_us(lambda: expand(data))),
            ("encode the values", _cpu_us(lambda: encode_values(values))),
            ("keep it for the last values", _cpu_us(lambda: last_values.see(data, raw))),
            ("save these, every 5 to 75 s", _cpu_us(save)),
        ]
        link.close()
    return steps


def _last_values(link: RedisLink) -> LastValues:
    return LastValues(link, Keys("profile"), ".", SystemClock(), is_on=True)


def _fill(link: RedisLink, buffer: str, token: str) -> None:
    for number in range(BATCHES):
        moment = START + timedelta(seconds=number)
        values = [TagValue(moment, "PLC01", f"D{tag}", str(tag * 1.5), "GOOD") for tag in range(BATCH)]
        link.command("RPUSH", buffer, *encode_values(values))
    link.command("RPUSH", token, 1)


def _timed(call: Callable[..., Any], name: str, spent: Counter[str]) -> Callable[..., Any]:
    def timed(*args: Any, **kwargs: Any) -> Any:
        began = time.thread_time()
        try:
            return call(*args, **kwargs)
        finally:
            spent[name] += time.thread_time() - began  # type: ignore[assignment]

    return timed


def _cpu_us(call: Callable[[], object], repetitions: int = 100) -> float:
    call()
    began = time.thread_time()
    for _ in range(repetitions):
        call()
    return (time.thread_time() - began) / repetitions * 1e6


if __name__ == "__main__":
    main()
