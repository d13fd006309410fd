"""Random faults under load: `make chaos CHAOS_SECONDS=300 [CHAOS_SEED=n]`.

Everything that the other fault tests do one by one, in random order and overlapping: services killed, frozen, stopped
and restarted, their logs stuck or going nowhere, Oracle cut, forgotten by a firewall, hanging, full, slow, read-only,
without a partition, gone, Redis killed, frozen and demoted, the backup directory gone, a backup file deleted under its
writer, two tags of one name. At the end the faults are mended, what waits in files is recovered, and the table is
compared with what was put, value by value. The seed is printed; the same seed makes the same faults at the same times.
"""

import random
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from oracle_stand_in.process import OracleStandIn
from sandbox.harness.feed import Load
from sandbox.harness.redis import EmbeddedRedis
from sandbox.harness.waiting import wait_until
from shared.counters import Counter
from shared.errors import RedisUnavailableError
from shared.queues.snapshot import take_snapshot
from tests.oracle_target import OracleTarget
from tests.pipeline import Pipeline
from tools.chaos_faults import CLASHING, SERVICES, Chaos


def main(
    seconds: Annotated[float, typer.Option(help="How long faults go on.", envvar="CHAOS_SECONDS")] = 60.0,
    seed: Annotated[int, typer.Option(help="0: a random one.", envvar="CHAOS_SEED")] = 0,
    rate: Annotated[float, typer.Option(help="Values a second.", envvar="CHAOS_RATE")] = 3491.0,
) -> None:
    """Break everything at random under load, then look whether a value is missing or changed."""
    seed = seed or random.randrange(1, 10**6)
    print(f"chaos for {seconds:g} s at {rate:g} values/s, seed {seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="tagpipe-chaos-") as name:
        directory = Path(name)
        with EmbeddedRedis(directory=directory / "redis") as redis, OracleStandIn() as stand_in:
            oracle = OracleTarget(stand_in.dsn, stand_in.user, stand_in.password, stand_in)
            with oracle.table() as table, Pipeline(redis.url, oracle, table, "chaos", directory) as pipeline:
                problems = run(pipeline, redis, stand_in, random.Random(seed), seconds, rate)
                if problems:
                    for service in SERVICES:
                        print(f"----- {service}.log\n{pipeline.log(service)[-8000:]}")
    print("\n".join(problems) or "nothing lost, nothing twice", flush=True)
    raise SystemExit(1 if problems else 0)


def run(
    pipeline: Pipeline,
    redis: EmbeddedRedis,
    stand_in: OracleStandIn,
    chance: random.Random,
    seconds: float,
    rate: float,
) -> list[str]:
    """Cause faults for a while, mend them, and return what is wrong then."""
    chaos = Chaos(pipeline, redis, stand_in, chance)
    wait_until(lambda: len(pipeline.living()) == sum(SERVICES.values()), 60, "all services")
    with Load(pipeline.queue, rate) as load:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            fault = chance.choice(chaos.faults)
            pause_s, lasts_s = chance.uniform(0.2, 2.0), chance.choice([0.5, 1.0, 3.0, 8.0])
            time.sleep(pause_s)
            print(f"  {fault.__name__} for {lasts_s} s", flush=True)
            remedy = fault()
            if remedy is not None:
                time.sleep(lasts_s)
                remedy()
    stand_in.control.reset()
    restart_dead(chaos, pipeline)
    ledger = pipeline.wait_until_idle(120)
    for processes in chaos.processes.values():
        for process in processes:
            pipeline.stop(process, timeout_s=20)
    chaos.close()
    recovered = pipeline.start("writer", "recover").wait(120)
    return verdict(pipeline, load, ledger[Counter.OVERFLOWED], recovered) + clash_verdict(pipeline, chaos.clashes)


def restart_dead(chaos: Chaos, pipeline: Pipeline) -> None:
    """Start again what ended by itself, as any supervisor would; say so."""
    for service, processes in chaos.processes.items():
        for place, process in enumerate(processes):
            if process.poll() is not None:
                print(f"  a {service} had ended with status {process.returncode}")
                processes[place] = pipeline.start(service)


def verdict(pipeline: Pipeline, load: Load, overflowed: int, recovered: int) -> list[str]:
    """Compare the table with what was put, value by value; return what is wrong."""
    table = {key: row for key, row in pipeline.table_rows().items() if key[0] != CLASHING}
    missing = [key for key in load.rows if key not in table]
    changed = [key for key, row in load.rows.items() if key in table and table[key] != row]
    strange = [key for key in table if key not in load.rows]
    try:
        ledger = take_snapshot(pipeline.link, pipeline.keys)
    except RedisUnavailableError as error:
        return [f"Redis is away at the end: {error}"]
    print(f"  put {len(load.rows)}, in the table {len(table)}; {ledger.counters}")
    problems = {
        f"{len(missing)} values are missing, first {missing[:3]}": missing,
        f"{len(changed)} values differ, first {changed[:3]}": changed,
        f"{len(strange)} rows were never put, first {strange[:3]}": strange,
        f"{overflowed} values overflowed": overflowed,
        f"recover ended with status {recovered}": recovered,
        f"the ledger does not balance: {ledger}": not ledger.balances,
    }
    return [text for text, wrong in problems.items() if wrong]


def clash_verdict(pipeline: Pipeline, clashes: dict[tuple[str, datetime], set[str]]) -> list[str]:
    """Of two values under one key one must be in the table and the other kept as a conflict; return what is wrong."""
    table = pipeline.table_rows()
    kept: dict[tuple[str, datetime], set[str]] = {}
    for row in pipeline.csv_rows("rejected"):
        if row["error_code"] == "CONFLICT":
            key = row["tag_name"], datetime.fromisoformat(row["timestamp"])
            kept.setdefault(key, set()).add(row["tag_value"])
    print(f"  {len(clashes)} clashes of names, {len(kept)} conflicts kept")
    lost = [key for key, texts in clashes.items() if {str(table.get(key, ("",))[0]), *kept.get(key, ())} != texts]
    return [f"{len(lost)} values of clashing names are lost, first {lost[:3]}"] if lost else []


if __name__ == "__main__":
    typer.run(main)
