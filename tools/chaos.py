"""Random faults under load: `make chaos CHAOS_SECONDS=300 [CHAOS_SEED=n]`.

Everything that the other fault tests do one by one, in random order and overlapping: services killed, frozen, stopped
and restarted, Oracle cut, hanging, full, slow, gone, Redis killed and frozen, the backup directory gone. At the end the
faults are cured, what waits in files is recovered, and the table is compared with what was put, value by value.
The seed is printed; the same seed makes the same faults at the same times.
"""

import random
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from sandbox.oracle.process import OracleStandIn
from sandbox.redis import EmbeddedRedis
from shared.counters import Counter
from shared.errors import RedisUnavailableError
from shared.snapshot import take_snapshot
from tests.fault.load import Load
from tests.oracle_target import OracleTarget
from tests.pipeline import Pipeline
from tests.waiting import wait_until

#: How many processes of each service run.
SERVICES = {"consumer": 2, "writer": 2}


class Chaos:
    """The faults: each begins something and returns what ends it, or None."""

    def __init__(self, pipeline: Pipeline, redis: EmbeddedRedis, oracle: OracleStandIn, chance: random.Random) -> None:
        self._pipeline = pipeline
        self._redis = redis
        self._oracle = oracle.control
        self._chance = chance
        self.processes: dict[str, list[subprocess.Popen[bytes]]] = {
            service: [pipeline.start(service) for _ in range(count)] for service, count in SERVICES.items()
        }
        self.faults: list[Callable[[], Callable[[], None] | None]] = [
            self.kill, self.kill, self.terminate, self.freeze, self.redis_killed, self.redis_frozen,
            self.oracle_gone, self.oracle_gone, self.sessions_cut, self.reply_lost, self.cut_before, self.cut_in_call,
            self.oracle_slow, self.calls_hang, self.listener_hangs, self.tablespace_full, self.sessions_exhausted,
            self.backup_gone,
        ]  # fmt: skip

    def _pick(self) -> tuple[str, int]:
        service = self._chance.choice(list(SERVICES))
        return service, self._chance.randrange(SERVICES[service])

    def _replace(self, service: str, place: int) -> None:
        self.processes[service][place] = self._pipeline.start(service)

    def kill(self) -> None:
        """Kill -9 and start again."""
        service, place = self._pick()
        self._pipeline.kill(self.processes[service][place])
        self._replace(service, place)

    def terminate(self) -> None:
        """SIGTERM, as a deployment does, and start again."""
        service, place = self._pick()
        status = self._pipeline.stop(self.processes[service][place], 20)
        assert status == 0, f"{service} ended with {status}"
        self._replace(service, place)

    def freeze(self) -> Callable[[], None]:
        """SIGSTOP; sometimes for so long that it counts as dead."""
        service, place = self._pick()
        process = self.processes[service][place]
        process.send_signal(signal.SIGSTOP)
        if self._chance.random() < 0.5:
            for name in self._pipeline.services():
                if name.startswith(f"{service}:"):
                    self._pipeline.link.command("DEL", self._pipeline.keys.service(*name.split(":", 1)))
        return lambda: process.send_signal(signal.SIGCONT)

    def redis_killed(self) -> Callable[[], None]:
        """Kill -9 of Redis; it starts again from its append-only file."""
        self._redis.kill()
        return self._redis.start

    def redis_frozen(self) -> Callable[[], None]:
        """SIGSTOP of Redis."""
        self._redis.pause()
        return self._redis.resume

    def oracle_gone(self) -> Callable[[], None]:
        """Nobody listens, sessions are reset."""
        self._oracle.stop_listening(cut="rst")
        return self._oracle.listen

    def sessions_cut(self) -> None:
        """All sessions end at once."""
        self._oracle.cut_sessions(self._chance.choice(["rst", "fin"]))

    def reply_lost(self) -> None:
        """Committed, and the answer never comes."""
        self._oracle.lose_reply_after_commit(self._chance.randint(1, 5))

    def cut_before(self) -> None:
        """Cut before the statement runs."""
        self._oracle.cut_before_execute(self._chance.randint(1, 5))

    def cut_in_call(self) -> None:
        """Cut in the middle of a call."""
        self._oracle.cut_mid_call(self._chance.randint(1, 5))

    def oracle_slow(self) -> Callable[[], None]:
        """Every answer is late."""
        self._oracle.delay_ms(self._chance.choice([20, 200, 2000]))
        return lambda: self._oracle.delay_ms(0)

    def calls_hang(self) -> Callable[[], None]:
        """No call is answered."""
        self._oracle.hang_calls(self._chance.choice(["before", "after"]))
        return self._oracle.release

    def listener_hangs(self) -> Callable[[], None]:
        """Connections are accepted and nothing is said."""
        self._oracle.hang_new_connections()
        self._oracle.cut_sessions()
        return self._oracle.release

    def tablespace_full(self) -> Callable[[], None]:
        """Every insert fails for want of space."""
        self._oracle.fail_next(10**6, ora_code=1653, message="unable to extend table")
        return self._oracle.reset

    def sessions_exhausted(self) -> Callable[[], None]:
        """No session is left on the server."""
        self._oracle.cut_sessions()
        self._oracle.limit_sessions(0)
        return lambda: self._oracle.limit_sessions(None)

    def backup_gone(self) -> Callable[[], None]:
        """The backup directory is moved away under the writers, with a file in its place."""
        directory = self._pipeline.backup_dir
        directory.mkdir(exist_ok=True)
        aside = directory.with_name("aside")
        directory.rename(aside)
        directory.write_text("in the way")

        def back() -> None:
            directory.unlink()
            aside.rename(directory)

        return back


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
    """Cause faults for a while, cure them, and return what is wrong then."""
    chaos = Chaos(pipeline, redis, stand_in, chance)
    wait_until(lambda: len(pipeline.services()) == sum(SERVICES.values()), 60, "all services")
    with Load(pipeline, rate) as load:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            fault = chance.choice(chaos.faults)
            pause_s, lasts_s = chance.uniform(0.2, 2.0), chance.choice([0.5, 1.0, 3.0, 8.0])
            time.sleep(pause_s)
            print(f"  {fault.__name__} for {lasts_s} s", flush=True)
            cure = fault()
            if cure is not None:
                time.sleep(lasts_s)
                cure()
    stand_in.control.reset()
    restart_dead(chaos, pipeline)
    ledger = pipeline.wait_until_idle(120)
    for processes in chaos.processes.values():
        for process in processes:
            pipeline.stop(process, 20)
    recovered = pipeline.start("writer", "recover").wait(120)
    return verdict(pipeline, load, ledger[Counter.OVERFLOWED], recovered)


def restart_dead(chaos: Chaos, pipeline: Pipeline) -> None:
    """Start again what ended by itself, as any supervisor would; say so."""
    for service, processes in chaos.processes.items():
        for place, process in enumerate(processes):
            if process.poll() is not None:
                print(f"  a {service} had ended with status {process.returncode}")
                processes[place] = pipeline.start(service)


def verdict(pipeline: Pipeline, load: Load, overflowed: int, recovered: int) -> list[str]:
    """Compare the table with what was put, value by value; return what is wrong."""
    table = pipeline.table_rows()
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


if __name__ == "__main__":
    typer.run(main)
