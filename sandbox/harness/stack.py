"""The whole pipeline, all of one run's own: a Redis, an Oracle stand-in, and the services over them."""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from oracle_stand_in.process import OracleStandIn
from sandbox.harness.oracle import SCHEMAS, Oracle
from sandbox.harness.redis import EmbeddedRedis, free_port
from sandbox.harness.services import Services
from shared.redis.link import RedisLink

#: Seconds that services get to stop in order before their edges go.
_GRACE_S, _EDGES_S = 5.0, 2.0


class Stack(Services):
    """A context manager: the edges run inside of it; services when they are started.

    Args: ports: those of `redis` and `oracle`, where they must be certain ones. is_durable: what is committed outlives
    a kill of Oracle. Others: see Services.
    """

    def __init__(
        self,
        directory: Path,
        namespace: str = "tagpipe",
        *,
        base: Mapping[str, str] | None = None,
        settings: Mapping[str, object],
        ports: Mapping[str, int] | None = None,
        link: RedisLink | None = None,
        is_durable: bool = False,
    ) -> None:
        ports = ports or {}
        self.redis = EmbeddedRedis(port=ports.get("redis", 0), directory=directory / "redis")
        self.stand_in = OracleStandIn(
            port=ports.get("oracle", 0) or free_port(),
            control_port=free_port(),
            init_sql=list(SCHEMAS.values()),
            data=directory / "oracle.data" if is_durable else None,
            log=directory / "oracle.log",
        )
        oracle = Oracle(self.stand_in.dsn, self.stand_in.user, self.stand_in.password)
        super().__init__(directory, self.redis.url, oracle, namespace, base=base, settings=settings, link=link)

    def start_redis(self) -> None:
        """Start Redis, with what it held before. Raises: RuntimeError."""
        try:
            self.redis.start()
        finally:
            # One that started and never answered must be ended, too.
            if self.redis.process is not None:
                self.supervisor.adopt("redis", self.redis.process, self.redis.log)

    def start_oracle(self) -> None:
        """Start Oracle, with what was committed before. Raises: RuntimeError."""
        self.stand_in.start()
        if self.stand_in.process is not None:
            self.supervisor.adopt("oracle", self.stand_in.process, self.directory / "oracle.log")

    def kill_oracle(self) -> None:
        """End Oracle as a crash does (SIGKILL)."""
        self.stand_in.kill()
        self.supervisor.stop(["oracle"], 0.0)

    def __enter__(self) -> Self:
        try:
            self.start_redis()
            self.start_oracle()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.supervisor.stop(("poller", "consumer", "writer", "monitor"), _GRACE_S)
        self.stand_in.stop(_EDGES_S)
        self.redis.stop()
        super().__exit__(kind, error, trace)
