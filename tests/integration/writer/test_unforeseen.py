"""The writer meets what no line of it names: it gives the batch back and goes on; nothing is lost, nothing is twice.

Kind: an exception that nobody foresaw ended the service (`ValueError: list.remove(x)` out of the driver's clean-up).
"""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox.harness.redis import EmbeddedRedis
from sandbox.harness.waiting import wait_until
from services.writer.composition import compose
from services.writer.oracle.errors import oracle_error
from services.writer.service import WriterService
from services.writer.settings import WriterSettings
from services.writer.sink import BatchOutcome
from shared.counters import Counter
from shared.errors import FatalError
from shared.keys import Keys
from shared.lifecycle import StopFlag
from shared.models import TagValue, encode_value
from shared.queues.snapshot import Snapshot, take_snapshot
from shared.records.events import Event
from shared.redis.link import RedisLink
from tests.fakes import tag_values
from tests.oracle_target import OracleTarget


@pytest.fixture
def writer(
    redis_server: EmbeddedRedis, oracle: OracleTarget, table: str, namespace: str, tmp_path: Path
) -> Iterator[WriterService]:
    settings = WriterSettings.model_validate(
        {
            "redis_url": redis_server.url, "redis_namespace": namespace, "oracle_dsn": oracle.dsn,
            "oracle_user": oracle.user, "oracle_password": oracle.password, "oracle_table": table,
            "writer_concurrency": 2, "backup_dir": tmp_path, "backup_min_free_bytes": 0, "buffer_batch_size_max": 100,
            "buffer_batch_threshold": 100, "buffer_write_interval_sec": 0.05,
        }
    )  # fmt: skip
    service = compose(settings)
    service.heartbeat.register()
    yield service
    service.sink.close()


@contextmanager
def at_work(writer: WriterService) -> Iterator[list[BaseException]]:
    """Run the writer; yield what ended it, which is nothing yet."""
    stop, ended = StopFlag(), list[BaseException]()

    def run() -> None:
        try:
            writer.run(stop)
        except FatalError as error:
            ended.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield ended
    finally:
        stop.set()
        thread.join(10)
        assert not thread.is_alive()


def fails_when(
    writer: WriterService, monkeypatch: pytest.MonkeyPatch, is_hit: Callable[[Sequence[TagValue]], bool]
) -> None:
    """Let the driver's clean-up, as it did, raise from under a write."""
    write = writer.sink.write

    def broken(values: Sequence[TagValue]) -> BatchOutcome:
        if is_hit(values):
            raise ValueError("list.remove(x): x not in list")
        return write(values)

    monkeypatch.setattr(writer.sink, "write", broken)


def fill(link: RedisLink, keys: Keys, count: int) -> None:
    values = [encode_value(value) for value in tag_values(count)]
    link.commands(
        ("RPUSH", keys.buffer, *values), ("HINCRBY", keys.counters, Counter.INSERTED, count),
        ("RPUSH", keys.ready_token, 1),
    )  # fmt: skip


def settled(link: RedisLink, keys: Keys, count: int) -> Snapshot:
    def done() -> Snapshot | None:
        now = take_snapshot(link, keys)
        assert now.balances
        return now if now[Counter.WRITTEN] + now[Counter.BACKED_UP] + now[Counter.DUPLICATES] == count else None

    return wait_until(done, 20, f"{count} values to have their outcome")


def faults_told(link: RedisLink, keys: Keys) -> int:
    entries = link.command("XRANGE", keys.events, "-", "+")
    return sum(fields[b"kind"].decode() == Event.FAULT for _, fields in entries)


def test_one_fault_costs_nothing(
    writer: WriterService,
    link: RedisLink,
    keys: Keys,
    oracle: OracleTarget,
    table: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    left = [1]
    fails_when(writer, monkeypatch, lambda _: bool(left) and left.pop() == 1)
    fill(link, keys, 1000)
    with at_work(writer) as ended:
        ledger = settled(link, keys, 1000)
        assert not ended
    assert ledger[Counter.WRITTEN] == oracle.count(table) == 1000
    assert faults_told(link, keys) == 1


def test_values_that_nobody_foresaw_go_to_the_backup_and_hold_up_nobody(
    writer: WriterService,
    link: RedisLink,
    keys: Keys,
    oracle: OracleTarget,
    table: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fails_when(writer, monkeypatch, lambda values: any(value.tag_address in {"D50", "D450"} for value in values))
    fill(link, keys, 1000)
    with at_work(writer) as ended:
        ledger = settled(link, keys, 1000)
        assert not ended
    assert (ledger[Counter.WRITTEN], ledger[Counter.BACKED_UP]) == (800, 200)
    assert oracle.count(table) == 800


def test_a_fault_that_repeats_ends_the_process_with_everything_in_redis(
    writer: WriterService, link: RedisLink, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    def raises(*_arguments: object) -> None:
        raise ValueError("list.remove(x): x not in list")

    fails_when(writer, monkeypatch, lambda _: True)
    monkeypatch.setattr(writer.backup, "append", raises)
    fill(link, keys, 1000)
    with at_work(writer) as ended:
        wait_until(lambda: ended, 30, "the end")
    now = take_snapshot(link, keys)
    assert now.balances
    assert now.in_buffer + now.in_flight == 1000
    assert faults_told(link, keys) >= 1


def test_the_heartbeat_says_what_the_last_probe_said(writer: WriterService) -> None:
    """Kind: the reason shown is the one with which it began, long after it changed."""
    writer.breaker.failed(oracle_error("ORA-01017", "refused 1 of 3 times"), 0.0, last=True)
    writer.report.tick()
    writer.breaker.probe_failed(oracle_error("ORA-28000", "the account is locked"), 1.0)
    assert (writer.describe().last_error or "").endswith("on every writer (the account is locked)")
