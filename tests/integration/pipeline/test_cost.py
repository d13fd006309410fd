"""What a batch costs, counted and not timed: round trips, commits, Redis commands."""

import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

import pytest

from oracle_stand_in.faults.control import OracleControl, Status
from sandbox.harness.redis import EmbeddedRedis
from services.writer.composition import compose
from services.writer.oracle.connections.pool import IDLE_S
from services.writer.oracle.oracle_sink import OracleSink
from services.writer.service import WriterService
from services.writer.settings import WriterSettings
from services.writer.sink import BatchOutcome, SinkError
from shared.counters import Counter as Total
from shared.keys import Keys
from shared.lifecycle import StopFlag
from shared.models import encode_value
from shared.queues.snapshot import take_snapshot
from shared.redis.link import RedisLink
from shared.redis.scripts import Call
from tests.fakes import tag_values
from tests.oracle_target import OracleTarget

BATCHES = 10


@pytest.fixture
def writer(
    redis_server: EmbeddedRedis,
    oracle: OracleTarget,
    table: str,
    namespace: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[WriterService]:
    settings = WriterSettings.model_validate(
        {
            "redis_url": redis_server.url, "redis_namespace": namespace, "oracle_dsn": oracle.dsn,
            "oracle_user": oracle.user, "oracle_password": oracle.password, "oracle_table": table,
            # One connection: a second one, opened meanwhile, would be counted too.
            "oracle_pool_min": 1, "writer_concurrency": 1, "backup_dir": tmp_path_factory.mktemp("backup"),
        }
    )  # fmt: skip
    service = compose(settings)
    service.heartbeat.register()
    service.sink.probe()
    yield service
    service.sink.close()
    service.link.close()


def fill(link: RedisLink, keys: Keys, values: int) -> None:
    link.command("RPUSH", keys.buffer, *map(encode_value, tag_values(values)))
    link.command("HSET", keys.counters, "inserted", values)
    link.commands(("RPUSH", keys.ready_token, 1), ("RPUSH", keys.full_token, 1))


def commands(link: RedisLink) -> Counter[str]:
    """Return how often each command ran so far, those inside scripts included."""
    stats = link.command("INFO", "commandstats")
    return Counter({name.removeprefix("cmdstat_"): figures["calls"] for name, figures in stats.items()})


def executed(before: Status, after: Status) -> tuple[int, int, int, int]:
    return (
        after.round_trips - before.round_trips,
        after.executions - before.executions,
        after.commits - before.commits,
        after.logons - before.logons,
    )


@pytest.mark.req("FR-006", "FR-008")
def test_a_batch_costs_one_round_trip_to_oracle_and_one_to_redis(
    writer: WriterService, faults: OracleControl, keys: Keys, link: RedisLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    trips: list[tuple[str, ...]] = []
    run_all, command = RedisLink.run_all, RedisLink.command
    fill(link, keys, 500 * BATCHES)
    worker, stop = writer.workers[0], StopFlag()
    assert worker.run_once(1, stop), "the first batch, for which it waits in Redis"

    def counted_scripts(self: RedisLink, *calls: Call, then: Sequence[str | int] = ()) -> list[Any]:
        trips.append((*(call.script for call in calls), *map(str, then[:1])))
        return run_all(self, *calls, then=then)

    def counted_command(self: RedisLink, *arguments: object) -> object:
        trips.append(("command",))
        return command(self, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(RedisLink, "run_all", counted_scripts)
    monkeypatch.setattr(RedisLink, "command", counted_command)
    before = faults.status()
    for _ in range(BATCHES - 2):
        assert worker.run_once(1, stop)
    assert executed(before, faults.status()) == (BATCHES - 2, BATCHES - 2, BATCHES - 2, 0)
    assert trips == [("settle", "claim", "LRANGE")] * (BATCHES - 2)
    assert worker.run_once(1, stop)
    assert trips[-1] == ("settle",), "nothing is left to claim"
    monkeypatch.undo()
    ledger = take_snapshot(link, keys)
    assert ledger.balances
    assert ledger[Total.WRITTEN] == 500 * BATCHES


def test_a_batch_of_500_runs_as_many_redis_commands_as_one_of_5(
    writer: WriterService, keys: Keys, link: RedisLink
) -> None:
    ran, buffer = [], writer.workers[0].batches.buffer
    for values in (5, 500):
        fill(link, keys, values)
        before = commands(link)
        batch = buffer.claim(writer.claims, 500)
        assert batch is not None
        assert len(batch) == values
        buffer.settle(batch, {Total.WRITTEN: values}, {"lag:100": values})
        ran.append({name: calls - before[name] for name, calls in commands(link).items() if calls != before[name]})
        # One more where the window begins a new bucket, and now and then Redis' clock.
        for name in ("hset", "time"):
            ran[-1].pop(name, 0)
    assert ran[0] == ran[1]
    assert (ran[0]["copy"], ran[0]["ltrim"]) == (1, 2)


def test_a_connection_that_died_while_it_rested_costs_no_try(
    writer: WriterService, faults: OracleControl, keys: Keys, link: RedisLink
) -> None:
    fill(link, keys, 1000)
    worker, stop = writer.workers[0], StopFlag()
    assert worker.run_once(1, stop)
    pings = faults.status().pings
    assert worker.run_once(1, stop)
    assert faults.status().pings == pings, "under load nobody asks"
    assert not worker.run_once(2 * IDLE_S, stop), "nothing comes"
    faults.cut_sessions("rst")
    fill(link, keys, 500)
    assert worker.run_once(1, stop)
    assert take_snapshot(link, keys)[Total.RETRIES] == 0


@pytest.mark.req("EC-2")
def test_threads_share_the_connections_there_are(oracle: OracleTarget, table: str) -> None:
    settings = WriterSettings.model_validate(
        {
            "oracle_dsn": oracle.dsn, "oracle_user": oracle.user, "oracle_password": oracle.password,
            "oracle_table": table, "oracle_pool_min": 1, "oracle_pool_max": 1, "oracle_pool_timeout": 5,
        }
    )  # fmt: skip
    sink, outcomes = OracleSink(settings), list[BatchOutcome]()
    threads = [threading.Thread(target=lambda: outcomes.append(sink.write(tag_values(5)))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert [outcome.written + len(outcome.duplicates) for outcome in outcomes] == [5] * 4
    assert sink.connections == (1, 0)
    sink.close()


def test_a_cut_costs_at_most_one_try_however_many_connections_there_are(
    oracle: OracleTarget, faults: OracleControl, table: str
) -> None:
    settings = WriterSettings.model_validate(
        {
            "oracle_dsn": oracle.dsn, "oracle_user": oracle.user, "oracle_password": oracle.password,
            "oracle_table": table, "oracle_pool_timeout": 5,
        }
    )  # fmt: skip
    sink = OracleSink(settings)
    sink.probe()
    faults.delay_ms(300)
    threads = [threading.Thread(target=lambda: sink.write(tag_values(5))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    faults.reset()
    assert sink.connections[0] > 1, "there are others that the cut concerns"

    faults.cut_sessions("rst")
    with suppress(SinkError):
        sink.write(tag_values(5))
    for _ in range(3):
        assert len(sink.write(tag_values(5)).duplicates) == 5
    sink.close()
