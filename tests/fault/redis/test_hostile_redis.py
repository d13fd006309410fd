"""Who may write to Redis can lose and forge values; he can't end a service, nor have anything of his run."""

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from sandbox.harness.oracle import ROOT
from sandbox.harness.redis import EmbeddedRedis
from sandbox.harness.waiting import wait_until
from shared.errors import RedisUnavailableError
from shared.redis.link import RedisLink
from tests.fault.redis.hostile import GROUPS, look, names
from tests.oracle_target import OracleTarget
from tests.pipeline import Pipeline

#: Seconds for which a spoiled key stays: every loop of every service turns in that time.
EXPOSED_S = 0.2

HUGE = "9" * 4_000_000
DEEP = "[" * 100_000
#: What a shell, a template or an interpreter would take for an order to make the file `owned` where they run.
CODE = "$(touch owned); `touch owned`; {{7*7}}; __import__('os').system('touch owned') %s %n \x1b[2J\u2028"
TEXTS = (b"\xff\xfe\x00garbage", HUGE, DEEP, CODE, '{"v": 1e999}', "-1", "NaN", json.dumps([1] * 50_000), "")

Command = Sequence[str | bytes]


def spoils(key: str) -> Iterator[list[Command]]:
    """Yield commands that put something into a key that nobody expects there."""
    for text in TEXTS:
        yield [["SET", key, text]]
    yield [["RPUSH", key, *TEXTS]]
    yield [["SADD", key, *TEXTS, f"{key}:w:1", "{other}:list"]]
    yield [["ZADD", key, "-inf", "a", "1e300", CODE, "inf", f"writer:{CODE}", "5", HUGE]]
    yield [["HSET", key, *(part for text in TEXTS for part in (text[:5000], text))]]
    yield [["HSET", key, "written", HUGE, "inserted", "-5", "began_at_us", "x", "at", "1e300", "beat_at", "1e300"]]
    yield [["HSET", key, '["P","G"]', DEEP, "incarnation", CODE, "pid", "1" * 400, "state", HUGE[:70_000]]]
    yield [
        ["XADD", key, "*", *(part for text in TEXTS for part in (text[:3000], text))],
        ["XADD", key, "*", "kind", CODE],
    ]
    yield [["XADD", key, f"{2**63}-1", "kind", "started", "message", "a year that no calendar has"]]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_nothing_that_is_written_into_a_key_ends_a_service_or_is_run(
    oracle: OracleTarget, table: str, namespace: str, tmp_path: Path
) -> None:
    """Kind: what is read from a place that others may write is taken for what we wrote there."""
    (tmp_path / "groups.toml").write_text(GROUPS)
    with EmbeddedRedis() as redis, Pipeline(redis.url, oracle, table, namespace, tmp_path) as pipeline:
        settings = {"POLLER_CONFIG": str(tmp_path / "groups.toml"), "MONITOR_PORT": "0"}
        services = ("consumer", "writer", "monitor", "poller")
        processes = {name: pipeline.start_and_wait(name, **settings) for name in services}
        wait_until(lambda: "Monitor at http" in pipeline.log("monitor"), what="the monitor")
        address = pipeline.log("monitor").split("Monitor at ", 1)[1].split()[0]
        attacker, stop = RedisLink(redis.url), threading.Event()
        looks = threading.Thread(target=look, args=(address, stop), daemon=True)
        looks.start()
        for key in names(namespace):
            for commands in spoils(key):
                attacker.commands(("DEL", key), *commands)
                # Nothing tells that everybody has looked; who does not come through is found at the end as well.
                time.sleep(EXPOSED_S)
                ended = [name for name, process in processes.items() if process.poll() is not None]
                assert ended == [], f"{key}: {str(commands)[:300]}"
            attacker.command("DEL", key)
        stop.set()
        looks.join()
        # Then all goes on: whatever was lost with the keys, what comes from now on comes through.
        attacker.command("FLUSHALL")
        expected = pipeline.put(polls=3, tags=50, plc_code="AFTERWARDS")
        wait_until(lambda: expected.items() <= pipeline.table_rows().items(), 60, "rows once the keys are sound again")
        wait_until(lambda: httpx.get(f"{address}/api/ledger", timeout=10).status_code == 200, 60, "the monitor")
        attacker.close()
        for name, process in processes.items():
            assert process.poll() is None
            assert len(pipeline.log(name)) < 5_000_000
            # What gives a terminal an order is in no log.
            assert "\x1b[2J" not in pipeline.log(name)
        assert not list(tmp_path.rglob("owned"))


def test_a_producer_who_stops_redis_by_a_script_ends_no_service(
    oracle: OracleTarget, table: str, namespace: str, tmp_path: Path
) -> None:
    """Kind: a right that is wider than what is done: who puts may run scripts, and one of them need not end."""
    with EmbeddedRedis() as redis, Pipeline(redis.url, oracle, table, namespace, tmp_path) as pipeline:
        services = ("consumer", "writer", "monitor")
        processes = {name: pipeline.start_and_wait(name, MONITOR_PORT="0") for name in services}
        rights = (ROOT / "deploy/redis/producer.acl").read_text().replace("{tagpipe}", f"{{{namespace}}}").split()[2:]
        admin, producer = RedisLink(redis.url), RedisLink(redis.url.replace("redis://", "redis://producer:of-many@"))
        # So that Redis says soon what it says to everybody after 5 s.
        admin.commands(("ACL", "SETUSER", "producer", *rights, ">of-many"), ("CONFIG", "SET", "lua-time-limit", 100))
        expected = pipeline.put(polls=2, tags=20)

        def stop_redis() -> None:
            with suppress(RedisUnavailableError):
                producer.command("EVAL", "while true do end", 0)

        stopping = threading.Thread(target=stop_redis)
        stopping.start()
        wait_until(lambda: all("a script runs for too long" in pipeline.log(name) for name in services), what="BUSY")
        assert [process.poll() for process in processes.values()] == [None] * 3
        wait_until(lambda: admin.command("SCRIPT", "KILL") == b"OK", what="the script's end")
        stopping.join(20)
        expected |= pipeline.put(polls=2, tags=20, plc_code="AFTERWARDS")
        wait_until(lambda: expected.items() <= pipeline.table_rows().items(), 60, "all rows once Redis answers again")
        assert [process.poll() for process in processes.values()] == [None] * 3
        for link in (admin, producer):
            link.close()
