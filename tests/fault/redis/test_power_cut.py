"""The power of Redis' machine is cut under load: the append-only file holds what was flushed, and nothing else.

Kind: what is acknowledged and not flushed is gone with the power, which `kill -9` alone does not show.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox.harness.feed import Load
from sandbox.harness.redis import EmbeddedRedis
from sandbox.harness.waiting import wait_until
from shared.counters import Counter
from tests.fault.ledger import drain, events
from tests.fault.power_cut import PowerCut
from tests.oracle_target import OracleTarget
from tests.pipeline import Pipeline

#: Values a second: those of the plant.
RATE = 3491


class PoweredRedis(EmbeddedRedis):
    """A server whose machine may lose its power; `appendfsync` is the default that everything here has."""

    def __init__(self, program: str, library: Path, directory: Path, appendfsync: str = "always") -> None:
        self._power_cut = PowerCut(library, directory)
        options = ["--appendfsync", appendfsync]
        super().__init__(0, directory, program, options, self._power_cut.environment)

    @contextmanager
    def after_a_power_cut(self, directory: Path) -> Iterator[None]:
        """Cut the power; lend a server that has this one's address and of its files what was flushed."""
        self.kill()
        self._power_cut.leave(directory)
        with EmbeddedRedis(self.port, directory, self._program):
            yield

    def rewrites(self) -> int:
        return self.log.read_text().count("Background AOF rewrite finished successfully")


@contextmanager
def at_work(
    redis: EmbeddedRedis, oracle: OracleTarget, table: str, namespace: str, directory: Path
) -> Iterator[tuple[Pipeline, Load]]:
    """A pipeline under load on a server, with its first rows in the table."""
    with Pipeline(redis.url, oracle, table, namespace, directory) as pipeline:
        pipeline.start_and_wait("consumer")
        pipeline.start_and_wait("writer")
        with Load(pipeline.queue, RATE) as load:
            wait_until(lambda: oracle.count(table) > RATE, what="rows in the table")
            yield pipeline, load


@pytest.mark.timeout(120)
@pytest.mark.req("FR-001", "FR-005")
@pytest.mark.parametrize("rewriting", [False, True], ids=["appending", "rewriting"])
def test_a_power_cut_loses_nothing_that_redis_acknowledged(
    oracle: OracleTarget,
    table: str,
    namespace: str,
    tmp_path: Path,
    redis_program: str,
    power_cut_library: Path,
    rewriting: bool,
) -> None:
    with (
        PoweredRedis(redis_program, power_cut_library, tmp_path / "redis") as redis,
        at_work(redis, oracle, table, namespace, tmp_path) as (pipeline, load),
    ):
        if rewriting:
            pipeline.link.command("BGREWRITEAOF")
            wait_until(lambda: redis.rewrites() == 1, what="the rewrite")
        with redis.after_a_power_cut(tmp_path / "after"):
            puts = load.puts
            wait_until(lambda: load.puts > puts + 10, what="puts after the cut")
            load.end()
            ledger = drain(pipeline)
            assert pipeline.table_rows() == load.rows
            assert ledger[Counter.WRITTEN] == len(load.rows)
            assert ledger[Counter.CONFLICTS] == ledger[Counter.REJECTED] == 0
            assert "redis_went_back" not in events(pipeline)


@pytest.mark.timeout(120)
def test_what_was_never_flushed_is_named(
    oracle: OracleTarget, table: str, namespace: str, tmp_path: Path, redis_program: str, power_cut_library: Path
) -> None:
    """The test above can fail: a server that does not flush has nothing left, and that is told."""
    with (
        PoweredRedis(redis_program, power_cut_library, tmp_path / "redis", appendfsync="no") as redis,
        at_work(redis, oracle, table, namespace, tmp_path) as (pipeline, load),
        redis.after_a_power_cut(tmp_path / "after"),
    ):
        puts = load.puts
        wait_until(lambda: load.puts > puts + 10, what="puts after the cut")
        load.end()
        drain(pipeline)
        wait_until(lambda: "redis_went_back" in events(pipeline), what="the loss to be named")
