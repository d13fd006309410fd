"""What the operator, the kernel and Redis can do to the services. Nothing is lost and nothing is stored twice."""

import random
import signal
import time
from pathlib import Path

import pytest

from sandbox.harness.feed import Load
from sandbox.harness.redis import EmbeddedRedis
from sandbox.harness.waiting import wait_until
from shared.counters import Counter
from tests.fault.ledger import assert_nothing_lost_nothing_twice, drain, events
from tests.fault.processes.loads import put_until
from tests.oracle_target import OracleTarget
from tests.pipeline import Pipeline
from tests.redis_servers import REDIS_SERVERS


@pytest.mark.req("EC-3")
@pytest.mark.parametrize("service", ["writer", "consumer"])
@pytest.mark.parametrize(
    "kills",
    [
        pytest.param(6, id="6 times"),
        pytest.param(200, id="200 times", marks=[pytest.mark.slow, pytest.mark.timeout(900)]),
    ],
)
def test_kill_9_at_random_instants(pipeline: Pipeline, service: str, kills: int) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    other = "consumer" if service == "writer" else "writer"
    pipeline.start_and_wait(other)
    process = pipeline.start_and_wait(service)
    with Load(pipeline.queue, 5000) as load:
        for _ in range(kills):
            before = pipeline.snapshot()[Counter.WRITTEN]
            wait_until(lambda before=before: pipeline.snapshot()[Counter.WRITTEN] > before, 30, "values moving")  # type: ignore[misc]
            time.sleep(chance.uniform(0, 0.15))
            pipeline.kill(process)
            process = pipeline.start(service)
    drain(pipeline)
    assert_nothing_lost_nothing_twice(pipeline, load.rows)


@pytest.mark.req("EC-7", "OPS-3", "FR-023")
def test_sigterm_under_load_is_over_in_5_seconds_and_leaves_the_rest_to_the_next(pipeline: Pipeline) -> None:
    pipeline.start_and_wait("consumer")
    writer = pipeline.start_and_wait("writer")
    with Load(pipeline.queue, 5000) as load:
        put_until(load, 5000)
        began = time.monotonic()
        assert pipeline.stop(writer) == 0
        assert time.monotonic() - began < 5
        log = pipeline.log("writer")
        assert "Final metrics: written " in log
        assert "Shutdown complete" in log
        assert "stopped" in events(pipeline)
        pipeline.start_and_wait("writer")
        put_until(load, load.values + 3000)
    drain(pipeline)
    assert_nothing_lost_nothing_twice(pipeline, load.rows)


@pytest.mark.req("EC-7", "FR-009")
def test_what_is_buffered_at_a_stop_is_written_before_the_end(pipeline: Pipeline) -> None:
    pipeline.start_and_wait("consumer")
    writer = pipeline.start_and_wait("writer", BUFFER_WRITE_INTERVAL_SEC="50")
    expected = pipeline.put(polls=1, tags=247)
    wait_until(lambda: pipeline.snapshot().in_buffer == 247, what="values in the buffer")
    assert pipeline.stop(writer) == 0
    assert "Final batch written: 247 rows" in pipeline.log("writer")
    assert pipeline.table_rows() == expected


@pytest.mark.req("OPS-3", "EC-7")
@pytest.mark.parametrize("fault", ["hang_calls", "hang_new_connections", "stop_listening"])
def test_sigterm_during_an_outage_is_over_in_5_seconds(pipeline: Pipeline, oracle: OracleTarget, fault: str) -> None:
    if oracle.stand_in is None:
        pytest.skip("a real Oracle has no switch for faults")
    pipeline.start_and_wait("consumer")
    # Timeouts longer than the stop may take
    writer = pipeline.start_and_wait(
        "writer", ORACLE_CALL_TIMEOUT="60", ORACLE_POOL_TIMEOUT="60", ORACLE_RETRY_BASE_DELAY="20"
    )
    expected = pipeline.put(polls=1, tags=10)
    pipeline.wait_until_idle()
    getattr(oracle.control, fault)()
    if fault != "hang_calls":
        oracle.control.cut_sessions()
    expected |= pipeline.put(polls=3, tags=500)
    wait_until(lambda: pipeline.snapshot().in_flight > 0, what="a batch in flight")
    began = time.monotonic()
    assert pipeline.stop(writer) == 0
    assert time.monotonic() - began < 5
    oracle.control.reset()
    pipeline.start_and_wait("writer")
    drain(pipeline)
    assert_nothing_lost_nothing_twice(pipeline, expected)


def test_a_killed_writer_finds_its_unfinished_batch_at_once(pipeline: Pipeline, oracle: OracleTarget) -> None:
    if oracle.stand_in is None:
        pytest.skip("a real Oracle has no switch for faults")
    pipeline.start_and_wait("consumer")
    writer = pipeline.start_and_wait("writer", ORACLE_CALL_TIMEOUT="60")
    oracle.control.hang_calls()
    expected = pipeline.put(polls=1, tags=500)
    wait_until(lambda: pipeline.snapshot().in_flight == 500, what="the batch in flight")
    pipeline.kill(writer)
    oracle.control.reset()
    pipeline.start("writer")
    # Well under the heartbeat's expiry: it took its old name.
    pipeline.wait_until_idle(8)
    assert pipeline.table_rows() == expected
    assert "Took over a batch of 500" in pipeline.log("writer")
    assert len(pipeline.living()) == 2


@pytest.mark.timeout(90)
def test_another_writer_takes_over_what_a_dead_one_left_within_15_seconds(
    pipeline: Pipeline, oracle: OracleTarget
) -> None:
    if oracle.stand_in is None:
        pytest.skip("a real Oracle has no switch for faults")
    pipeline.start_and_wait("consumer")
    first = pipeline.start_and_wait("writer", ORACLE_CALL_TIMEOUT="60", INSTANCE_NAME="first")
    oracle.control.hang_calls()
    expected = pipeline.put(polls=1, tags=500)
    wait_until(lambda: pipeline.snapshot().in_flight == 500, what="the batch in flight")
    pipeline.start_and_wait("writer", INSTANCE_NAME="second")
    pipeline.kill(first)
    killed_at = time.monotonic()
    oracle.control.reset()
    pipeline.wait_until_idle(20)
    assert time.monotonic() - killed_at < 15
    assert pipeline.table_rows() == expected


@pytest.mark.timeout(120)
def test_a_frozen_writer_that_comes_back_does_no_harm(pipeline: Pipeline) -> None:
    pipeline.start_and_wait("consumer")
    frozen = pipeline.start_and_wait("writer", INSTANCE_NAME="w")
    with Load(pipeline.queue, 3491) as load:
        put_until(load, 2000)
        frozen.send_signal(signal.SIGSTOP)
        # Without its heartbeat it counts as dead; its name goes to the next.
        pipeline.link.command("DEL", pipeline.keys.service("writer", "w"))
        pipeline.start_and_wait("writer", INSTANCE_NAME="w")
        put_until(load, load.values + 5000)
        frozen.send_signal(signal.SIGCONT)
        put_until(load, load.values + 5000)
    drain(pipeline)
    assert_nothing_lost_nothing_twice(pipeline, load.rows)
    assert frozen.poll() is None
    wait_until(lambda: {"writer:w", "writer:w-2"} <= set(pipeline.living()), what="two names")


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize("service", ["writer", "consumer"])
def test_a_service_frozen_for_30_seconds_does_no_harm(pipeline: Pipeline, service: str) -> None:
    pipeline.start_and_wait("consumer")
    pipeline.start_and_wait("writer")
    frozen = pipeline.start_and_wait(service)
    with Load(pipeline.queue, 3491) as load:
        put_until(load, 2000)
        frozen.send_signal(signal.SIGSTOP)
        time.sleep(30)
        frozen.send_signal(signal.SIGCONT)
        put_until(load, load.values + 10_000)
    drain(pipeline)
    assert_nothing_lost_nothing_twice(pipeline, load.rows)


def test_one_of_two_writers_killed(pipeline: Pipeline) -> None:
    pipeline.start_and_wait("consumer")
    pipeline.start_and_wait("writer")
    second = pipeline.start_and_wait("writer")
    with Load(pipeline.queue, 5000) as load:
        put_until(load, 5000)
        pipeline.kill(second)
        put_until(load, load.values + 5000)
        pipeline.start_and_wait("writer")
    drain(pipeline)
    assert_nothing_lost_nothing_twice(pipeline, load.rows)


@pytest.mark.parametrize("server", [name for name, path in REDIS_SERVERS.items() if path])
@pytest.mark.parametrize("times", [3, pytest.param(25, marks=[pytest.mark.slow, pytest.mark.timeout(400)])])
def test_redis_killed_and_restarted(
    oracle: OracleTarget, table: str, namespace: str, tmp_path: Path, server: str, times: int
) -> None:
    with (
        EmbeddedRedis(directory=tmp_path / "redis", program=REDIS_SERVERS[server]) as redis,
        Pipeline(redis.url, oracle, table, namespace, tmp_path) as pipeline,
    ):
        pipeline.start_and_wait("consumer")
        pipeline.start_and_wait("writer")
        with Load(pipeline.queue, 3491) as load:
            for _ in range(times):
                put_until(load, load.values + 2500)
                redis.kill()
                time.sleep(0.2)
                redis.start()
            put_until(load, load.values + 2500)
        drain(pipeline)
        assert_nothing_lost_nothing_twice(pipeline, load.rows)
        for service in ("consumer", "writer"):
            assert "is back after" in pipeline.log(service)
            assert "Traceback" not in pipeline.log(service)
        assert "redis_back" in events(pipeline)


def test_redis_frozen_for_longer_than_every_timeout(
    oracle: OracleTarget, table: str, namespace: str, tmp_path: Path
) -> None:
    with EmbeddedRedis() as redis, Pipeline(redis.url, oracle, table, namespace, tmp_path) as pipeline:
        pipeline.start_and_wait("consumer")
        pipeline.start_and_wait("writer")
        with Load(pipeline.queue, 3491) as load:
            put_until(load, 3000)
            redis.pause()
            time.sleep(12)
            redis.resume()
            put_until(load, load.values + 3000)
        drain(pipeline)
        # What was put twice by the engine, whose answer was lost, is in the table once.
        assert_nothing_lost_nothing_twice(pipeline, load.rows)


@pytest.mark.req("FR-003")
def test_redis_at_its_memory_limit(oracle: OracleTarget, table: str, namespace: str, tmp_path: Path) -> None:
    with EmbeddedRedis() as redis, Pipeline(redis.url, oracle, table, namespace, tmp_path) as pipeline:
        # Given: a full buffer, and a Redis that takes no more
        pipeline.start_and_wait("consumer")
        expected = pipeline.put(polls=10, tags=500)
        wait_until(lambda: pipeline.snapshot().in_buffer == 5000, what="a filled buffer")
        expected |= pipeline.put(polls=0, tags=0)
        used = pipeline.link.command("INFO", "memory")["used_memory"]
        pipeline.link.command("CONFIG", "SET", "maxmemory", used - 100_000)
        # If: a writer starts now; expect: it drains the buffer
        pipeline.start("writer")
        wait_until(lambda: pipeline.oracle.count(table) == 5000, what="the buffer drained at the limit")
        # And: when there is room again, all goes on by itself
        pipeline.link.command("CONFIG", "SET", "maxmemory", 0)
        expected |= pipeline.put(polls=10, tags=500)
        drain(pipeline)
        assert_nothing_lost_nothing_twice(pipeline, expected)
