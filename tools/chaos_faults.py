"""The faults of `make chaos`: each begins something and returns what ends it, or None where it ends by itself."""

import contextlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import redis

from oracle_stand_in.process import OracleStandIn
from sandbox.harness.feed import START
from sandbox.harness.redis import EmbeddedRedis, free_port
from services.writer.backup.directory import backup_files
from shared.errors import TransientError
from shared.models import PollingData
from tests.pipeline import Pipeline

#: How many processes of each service run.
SERVICES = {"consumer": 2, "writer": 2}

#: The tag name that two tags share.
CLASHING = "A.B.C"


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
            self.backup_gone, self.log_stuck, self.log_gone, self.sessions_forgotten, self.redis_demoted,
            self.file_deleted, self.name_clash, self.no_partition, self.read_only,
        ]  # fmt: skip
        #: Tag name and time that two tags share -> the two texts that came for it.
        self.clashes: dict[tuple[str, datetime], set[str]] = {}
        self._pipes: list[int] = []

    def _pick(self) -> tuple[str, int]:
        service = self._chance.choice(list(SERVICES))
        return service, self._chance.randrange(SERVICES[service])

    def _replace(self, service: str, place: int) -> None:
        self.processes[service][place] = self._pipeline.start(service)

    def _stop(self, service: str, place: int) -> None:
        status = self._pipeline.stop(self.processes[service][place], timeout_s=20)
        # One that has only just been started does not know of signals yet.
        assert status in (0, -signal.SIGTERM), f"{service} ended with {status}"

    def kill(self) -> None:
        """Kill -9 and start again."""
        service, place = self._pick()
        self._pipeline.kill(self.processes[service][place])
        self._replace(service, place)

    def terminate(self) -> None:
        """SIGTERM, as a deployment does, and start again."""
        service, place = self._pick()
        self._stop(service, place)
        self._replace(service, place)

    def freeze(self) -> Callable[[], None]:
        """SIGSTOP; sometimes for so long that it counts as dead."""
        service, place = self._pick()
        process = self.processes[service][place]
        process.send_signal(signal.SIGSTOP)
        if self._chance.random() < 0.5:
            for name in self._pipeline.living():
                if name.startswith(f"{service}:"):
                    self._pipeline.link.command("DEL", self._pipeline.keys.service(*name.split(":", 1)))
        return lambda: process.send_signal(signal.SIGCONT)

    def log_stuck(self) -> Callable[[], None]:
        """A service whose log goes into a pipe that nobody reads."""
        reader, writer = os.pipe()
        self._pipes.append(reader)
        return self._logging_to(writer)

    def log_gone(self) -> Callable[[], None]:
        """A service whose log goes into a pipe whose reader is gone."""
        reader, writer = os.pipe()
        os.close(reader)
        return self._logging_to(writer)

    def _logging_to(self, descriptor: int) -> Callable[[], None]:
        service, place = self._pick()
        self._stop(service, place)
        self._pipeline.stderr = descriptor
        self._replace(service, place)
        self._pipeline.stderr = None
        os.close(descriptor)

        def back() -> None:
            self._stop(service, place)
            self._replace(service, place)

        return back

    def redis_demoted(self) -> Callable[[], None]:
        """Redis is made a replica of nobody: it answers, and refuses writes with READONLY."""
        self._redis_command("REPLICAOF", "127.0.0.1", str(free_port()))
        return lambda: self._redis_command("REPLICAOF", "NO", "ONE")

    def _redis_command(self, *command: str) -> None:
        # Not by a link of ours: that talks to no replica.
        with redis.Redis.from_url(self._redis.url) as client:
            client.execute_command(*command)

    def sessions_forgotten(self) -> None:
        """A firewall forgets every session: what is sent on them vanishes."""
        self._oracle.forget_sessions()

    def no_partition(self) -> Callable[[], None]:
        """The table has no partition for any row: each is refused with one and the same code."""
        self._oracle.fail_next(10**6, ora_code=14400, verb="INSERT")
        return self._oracle.reset

    def read_only(self) -> Callable[[], None]:
        """The database became a standby: it answers queries and refuses inserts."""
        self._oracle.fail_next(10**6, ora_code=16000, verb="INSERT")
        return self._oracle.reset

    def file_deleted(self) -> None:
        """Somebody deletes the newest backup file while a writer has it open; one that no writer holds stays."""
        files = [path for path in backup_files(self._pipeline.backup_dir) if path.name.startswith("backup_")]
        if not files:
            return
        path, aside = files[-1], self._pipeline.directory / "deleted.csv"
        with contextlib.suppress(OSError):
            os.link(path, aside)
            path.unlink()
            if not self._is_held(aside):
                os.link(aside, path)
            aside.unlink()

    def _is_held(self, path: Path) -> bool:
        """Tell whether a writer has a file open."""
        inode = path.stat().st_ino
        for process in self.processes["writer"]:
            for entry in Path(f"/proc/{process.pid}/fd").glob("*"):
                with contextlib.suppress(OSError):
                    if entry.stat().st_ino == inode:
                        return True
        return False

    def name_clash(self) -> None:
        """Two tags of two PLCs make one tag name, at one time, with two values: one is stored, one is a conflict."""
        number = len(self.clashes)
        moment = START + timedelta(days=1, microseconds=number)
        for plc_code, address, value in (("A.B", "C", "first"), ("A", "B.C", "second")):
            data = PollingData(
                timestamp=moment, group_id=2, group_name="clash", plc_code=plc_code,
                tag_values={address: f"{value} {number}"},
            )  # fmt: skip
            while True:
                try:
                    self._pipeline.queue.put(data, timeout=5)
                    break
                except TransientError:
                    time.sleep(0.05)
        self.clashes[CLASHING, moment] = {f"first {number}", f"second {number}"}

    def close(self) -> None:
        """Close what the faults opened."""
        for descriptor in self._pipes:
            os.close(descriptor)

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
