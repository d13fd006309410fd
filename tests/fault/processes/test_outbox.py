"""The durable outbox with the whole pipeline behind it, at the plant's rate, when Redis and the poller both fail."""

import itertools
import signal
import sqlite3
from collections import Counter as Tally
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from sandbox.harness.redis import EmbeddedRedis
from sandbox.harness.waiting import wait_until
from services.poller.outbox.spool import file_name
from shared.counters import Counter
from shared.messages import read_message
from shared.models import stored_timestamp
from tests.fault.disks import mounted
from tests.fault.power_cut import PowerCut
from tests.oracle_target import OracleTarget
from tests.pipeline import Pipeline

#: Tags read each second, as in the plant.
TAGS = 3491

GROUPS = f"""
[[group]]
name = "plant"
plc_code = "PLC01"
interval_ms = 1000
[group.source]
type = "simulator"
tags = {TAGS}
"""


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[EmbeddedRedis]:
    """A server that the test may break, and that has what it acknowledged when it comes back."""
    with EmbeddedRedis(directory=tmp_path / "redis") as server:
        yield server


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.req("FR-001", "FR-005")
def test_at_the_plants_rate_redis_is_away_and_the_poller_killed_in_it(
    own_redis: EmbeddedRedis, oracle: OracleTarget, table: str, namespace: str, tmp_path: Path
) -> None:
    """Nothing that was read is missing but what the dead poller had not written; nothing is stored twice."""
    outbox = tmp_path / "outbox"
    (tmp_path / "groups.toml").write_text(GROUPS)
    settings = {
        "POLLER_CONFIG": str(tmp_path / "groups.toml"), "POLLER_OUTBOX_DIR": str(outbox), "INSTANCE_NAME": "poller-1",
        "BUFFER_MAX_SIZE": "1000000",
    }  # fmt: skip
    with Pipeline(own_redis.url, oracle, table, namespace, tmp_path) as pipeline:
        pipeline.start_and_wait("consumer", **settings)
        pipeline.start_and_wait("writer", **settings)
        poller = pipeline.start("poller", **settings)
        wait_until(lambda: len(pipeline.table_rows()) >= 3 * TAGS, 60, "three polls in the table")
        own_redis.kill()
        log = outbox / f"{file_name()}-wal"
        wait_until(lambda: log.exists() and log.stat().st_size > 12 * 80_000, 60, "some twelve polls on the disk")
        poller.send_signal(signal.SIGKILL)
        poller.wait()
        confirmed = stored_times(outbox)
        assert len(confirmed) > 5
        poller = pipeline.start("poller", **settings)
        wait_until(lambda: "wait since before" in pipeline.log("poller"), 60, "the second life")
        wait_until(lambda: log.stat().st_size > 18 * 80_000, 60, "polls of the second life on the disk")
        own_redis.start()
        wait_until(lambda: "is back" in pipeline.log("poller"), 60, "Redis back for the poller")
        wait_until(lambda: is_empty(pipeline), 90, "the outbox to be sent")
        assert pipeline.stop(poller) == 0
        ledger = pipeline.wait_until_idle(60)
        rows = pipeline.table_rows()
    polls = Tally(time for _, time in rows)
    # Nothing missing: every poll is whole, and every one that was on the disk is there.
    assert set(polls.values()) == {TAGS}
    assert set(polls) >= set[object](confirmed)
    # Nothing twice: copies were told by the table's key, as what they are.
    assert ledger[Counter.WRITTEN] == len(rows)
    assert ledger[Counter.REJECTED] == ledger[Counter.CONFLICTS] == ledger[Counter.OVERFLOWED] == 0
    assert ledger[Counter.INSERTED] == len(rows) + ledger[Counter.DUPLICATES]
    # One gap, where the second process began; a poll that a busy machine skips makes one of two intervals.
    times = sorted(time for time in polls if isinstance(time, datetime))
    gaps = [(after - before).total_seconds() for before, after in itertools.pairwise(times)]
    assert len([gap for gap in gaps if gap > 2.5]) <= 1, gaps
    assert "discarded 0 messages with 0 values; 0 messages not sent" in pipeline.log("poller")


def stored_times(outbox: Path) -> set[datetime]:
    """Return the times of the messages in the file of a poller that lives no more."""
    connection = sqlite3.connect(outbox / file_name())
    times = {stored_timestamp(text) for (text,) in connection.execute("SELECT timestamp FROM messages")}
    connection.close()
    return set(times)


def is_empty(pipeline: Pipeline) -> bool:
    said = pipeline.link.hash(pipeline.keys.service("poller", "poller-1"))
    return said.get("ring") == "0" and said.get("outbox_messages") == "0"


def test_a_power_cut_costs_no_reading_that_was_written(
    own_redis: EmbeddedRedis, oracle: OracleTarget, table: str, namespace: str, tmp_path: Path, power_cut_library: Path
) -> None:
    """Kind: what is committed and not flushed is gone with the power, which `kill -9` alone does not show."""
    outbox, left = tmp_path / "outbox", tmp_path / "left"
    (tmp_path / "groups.toml").write_text(GROUPS.replace("1000", "100").replace(str(TAGS), "50"))
    settings = {"POLLER_CONFIG": str(tmp_path / "groups.toml"), "POLLER_OUTBOX_DIR": str(outbox)}
    cut = PowerCut(power_cut_library, outbox)
    own_redis.kill()
    with Pipeline(own_redis.url, oracle, table, namespace, tmp_path) as pipeline:
        poller = pipeline.start("poller", **settings, **cut.environment)
        log = outbox / f"{file_name()}-wal"
        wait_until(lambda: log.exists() and log.stat().st_size > 300_000, 60, "many polls on the disk")
        poller.send_signal(signal.SIGKILL)
        poller.wait()
        cut.leave(left)
        written, survived = stored_times(outbox), stored_times(left)
        assert len(survived) > 20
        # The transaction that was under way may be written and not flushed: nobody was told that it was.
        assert survived == set(sorted(written)[: len(survived)])
        assert len(written) - len(survived) <= 5
        own_redis.start()
        poller = pipeline.start("poller", **{**settings, "POLLER_OUTBOX_DIR": str(left), "INSTANCE_NAME": "after"})
        queued = pipeline.keys.data_queue
        wait_until(lambda: pipeline.link.command("LLEN", queued) > len(survived), 30, "all of it to be sent")
        sent = [read_message(raw)[0].timestamp for raw in pipeline.link.command("LRANGE", queued, 0, -1)]
        assert sent[: len(survived)] == sorted(survived)
        assert pipeline.stop(poller) == 0


def test_a_disk_that_fills_while_redis_is_away_costs_no_reading(
    own_redis: EmbeddedRedis, oracle: OracleTarget, table: str, namespace: str, tmp_path: Path
) -> None:
    """Kind: what is to bridge one failure fails with the next. What no longer fits waits in memory, behind the rest."""
    outbox = tmp_path / "outbox"
    (tmp_path / "groups.toml").write_text(GROUPS.replace("1000", "100").replace(str(TAGS), "2000"))
    settings = {
        "POLLER_CONFIG": str(tmp_path / "groups.toml"), "POLLER_OUTBOX_DIR": str(outbox), "INSTANCE_NAME": "poller-1",
    }  # fmt: skip
    own_redis.kill()
    with mounted(outbox, "1m"), Pipeline(own_redis.url, oracle, table, namespace, tmp_path) as pipeline:
        poller = pipeline.start("poller", **settings)
        wait_until(lambda: "can't be written: database or disk is full" in pipeline.log("poller"), 60, "the full disk")
        own_redis.start()
        wait_until(lambda: is_empty(pipeline), 60, "the outbox to be sent")
        wait_until(lambda: "is written again" in pipeline.log("poller"), 60, "the disk to have room again")
        assert pipeline.stop(poller) == 0
        raws = pipeline.link.command("LRANGE", pipeline.keys.data_queue, 0, -1)
        times = [read_message(raw)[0].timestamp for raw in raws]
    emitted = f"Emitted {len(raws)} messages with {2000 * len(raws)} values; discarded 0 messages with 0 values; 0 "
    assert emitted in pipeline.log("poller")
    assert times == sorted(set(times))
