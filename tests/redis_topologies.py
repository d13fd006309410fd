"""Redis as it stands in a plant that has more than one: sentinels with what they watch, and a cluster.

All of it from the one server of the tests, which is a sentinel or a node as it is told. Servers are asked by a plain
client here: our own links would ask who is primary.
"""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import redis
from redis.crc import key_slot

from sandbox.harness.process import Process
from sandbox.harness.redis import EmbeddedRedis, free_port, wheel_server
from sandbox.harness.waiting import wait_until
from shared.errors import RedisUnavailableError
from shared.redis.link import RedisLink

#: Slots of a cluster.
SLOTS = 16_384


def ask(port: int, *command: str | int) -> str:
    """Return what one server answers, whatever its role; an error too, as text."""
    with redis.Redis(port=port, socket_timeout=5, protocol=2, decode_responses=True) as client:
        try:
            return str(client.execute_command(*command))
        except redis.exceptions.RedisError as error:
            return f"{type(error).__name__} {error}"


class SentinelTrio:
    """A primary, its replicas and three sentinels, as a context manager."""

    service = "plant"

    def __init__(
        self,
        directory: Path,
        replicas: int = 1,
        options: Sequence[str] = (),
        password: str = "",
        program: str | None = None,
    ) -> None:
        ports = [free_port() for _ in range(1 + replicas)]
        self.servers = [
            EmbeddedRedis(
                port, directory / f"server-{port}", program,
                options=[*(["--replicaof", f"127.0.0.1 {ports[0]}"] if number else []), "--repl-diskless-sync-delay",
                         "0", *options],
            )
            for number, port in enumerate(ports)
        ]  # fmt: skip
        self.sentinel_ports = [free_port() for _ in range(3)]
        self._password = password
        self._program = program or wheel_server()
        self._directory = directory
        self._stack = ExitStack()

    @property
    def url(self) -> str:
        """The address for REDIS_URL."""
        places = ",".join(f"127.0.0.1:{port}" for port in self.sentinel_ports)
        return f"redis+sentinel://{places}/{self.service}"

    def primary_port(self) -> int:
        """Return the port of whom the first sentinel takes for the primary."""
        return int(ask_sentinel(self.sentinel_ports[0], self._password, "GET-MASTER-ADDR-BY-NAME", self.service)[1])

    def server(self, port: int) -> EmbeddedRedis:
        """Return the server of a port."""
        return next(server for server in self.servers if server.port == port)

    def kill_primary(self) -> EmbeddedRedis:
        """End the primary without warning, wait until another one is; return the dead one."""
        port = self.primary_port()
        server = self.server(port)
        server.kill()
        wait_until(lambda: self.primary_port() != port, what="a failover")
        return server

    def fail_over(self) -> None:
        """Let the sentinels make a replica the primary though nothing is wrong."""
        before = self.primary_port()
        wait_until(
            lambda: ask_sentinel(self.sentinel_ports[0], self._password, "FAILOVER", self.service) == "OK",
            what="sentinels that are ready",
        )
        wait_until(lambda: self.primary_port() != before, what="a failover")

    def wait_for_replicas(self, count: int | None = None) -> None:
        """Wait until the primary has so many replicas that are up to date, and the sentinels know them."""
        wanted = len(self.servers) - 1 if count is None else count
        wait_until(
            lambda: (
                ask(self.primary_port(), "INFO", "replication").count("state=online") >= wanted
                or ask(self.primary_port(), "INFO", "replication").count("'state': 'online'") >= wanted
            ),
            what="replicas",
        )
        for port in self.sentinel_ports:
            wait_until(
                lambda port=port: f"slaves={wanted},sentinels=3" in raw_info(port, self._password),  # type: ignore[misc]
                what="sentinels that know each other",
            )

    def __enter__(self) -> Self:
        for server in self.servers:
            self._stack.enter_context(server)
        for port in self.sentinel_ports:
            file = self._directory / f"sentinel-{port}.conf"
            file.write_text(
                f"port {port}\nbind 127.0.0.1\ndir {self._directory}\n"
                f"sentinel monitor {self.service} 127.0.0.1 {self.servers[0].port} 2\n"
                f"sentinel down-after-milliseconds {self.service} 1000\n"
                f"sentinel failover-timeout {self.service} 3000\n"
                + (f"requirepass {self._password}\nsentinel sentinel-pass {self._password}\n" if self._password else "")
            )
            with (self._directory / f"sentinel-{port}.log").open("ab") as log:
                sentinel = Process([self._program, str(file), "--sentinel"], log, os.environ)
            self._stack.enter_context(sentinel)
        self.wait_for_replicas()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


def ask_sentinel(port: int, password: str, *command: str) -> Sequence[str]:
    """Return a sentinel's answer; an empty one while it has none."""
    with redis.Redis(port=port, password=password or None, socket_timeout=5, decode_responses=True) as client:
        try:
            answer = client.execute_command(*["SENTINEL", *command])
        except redis.exceptions.RedisError:
            return ["", "0"]
    return "OK" if answer is True else answer


def raw_info(port: int, password: str) -> str:
    """Return what a sentinel says of what it watches."""
    with redis.Redis(port=port, password=password or None, socket_timeout=5) as client:
        try:
            found = client.execute_command("INFO", "sentinel")
        except redis.exceptions.RedisError:
            return ""
    return ",".join(f"{name}={value}" for name, value in found.get("master0", {}).items())


class RedisCluster:
    """A cluster of so many owners, each with a replica if wanted, as a context manager."""

    def __init__(self, directory: Path, owners: int = 2, replicas: int = 0, program: str | None = None) -> None:
        count = owners * (1 + replicas)
        self._buses = [free_port() for _ in range(count)]
        self.nodes = [
            EmbeddedRedis(
                directory=directory / f"node-{number}", program=program,
                options=["--cluster-enabled", "yes", "--cluster-port", str(bus), "--cluster-node-timeout", "1000",
                         "--cluster-require-full-coverage", "no", "--repl-diskless-sync-delay", "0"],
            )
            for number, bus in enumerate(self._buses)
        ]  # fmt: skip
        self._owners = owners
        self._stack = ExitStack()

    @property
    def url(self) -> str:
        """The address for REDIS_URL."""
        return f"redis+cluster://{','.join(f'127.0.0.1:{node.port}' for node in self.nodes)}"

    def owner(self, key: str) -> EmbeddedRedis:
        """Return the node that holds a key's slot, as the nodes that live see it."""
        slot = key_slot(key.encode())
        for node in self.nodes:
            with redis.Redis(port=node.port, socket_timeout=5, protocol=2) as client:
                try:
                    slots = client.execute_command("CLUSTER", "SLOTS")
                except redis.exceptions.RedisError:
                    continue
            for first, last, (_, port, *_), *_ in slots:
                if first <= slot <= last and ask(port, "PING") == "True":
                    return next(each for each in self.nodes if each.port == port)
        raise AssertionError(f"nobody holds slot {slot}")

    def move_slot(self, slot: int, target: EmbeddedRedis, source: EmbeddedRedis, *, batch: int = 10) -> None:
        """Move a slot with all it holds while others work on it, as `redis-cli --cluster reshard` does."""
        ids = {port: ask(port, "CLUSTER", "MYID") for port in (source.port, target.port)}
        assert ask(target.port, "CLUSTER", "SETSLOT", slot, "IMPORTING", ids[source.port]) in {"True", "OK"}
        assert ask(source.port, "CLUSTER", "SETSLOT", slot, "MIGRATING", ids[target.port]) in {"True", "OK"}
        while self._move_some(slot, source, target, batch):
            pass
        # The target first, or its own tables may send clients back.
        for port in (target.port, source.port):
            ask(port, "CLUSTER", "SETSLOT", slot, "NODE", ids[target.port])

    def _move_some(self, slot: int, source: EmbeddedRedis, target: EmbeddedRedis, batch: int) -> bool:
        with redis.Redis(port=source.port, socket_timeout=10, protocol=2) as client:
            keys = client.execute_command("CLUSTER", "GETKEYSINSLOT", slot, batch)
            if keys:
                client.execute_command("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *keys)
        return bool(keys)

    def __enter__(self) -> Self:
        for node in self.nodes:
            self._stack.enter_context(node)
        first = self.nodes[0]
        for node, bus in zip(self.nodes[1:], self._buses[1:], strict=True):
            ask(first.port, "CLUSTER", "MEET", "127.0.0.1", node.port, bus)
        for node in self.nodes:
            wait_until(
                lambda node=node: self._known(node) == len(self.nodes),  # type: ignore[misc]
                what="nodes that know each other",
            )
        share = SLOTS // self._owners
        for number, node in enumerate(self.nodes[: self._owners]):
            last = SLOTS - 1 if number == self._owners - 1 else (number + 1) * share - 1
            ask(node.port, "CLUSTER", "ADDSLOTSRANGE", number * share, last)
        for number, node in enumerate(self.nodes[self._owners :]):
            owner = ask(self.nodes[number % self._owners].port, "CLUSTER", "MYID")
            wait_until(
                lambda node=node, owner=owner: ask(node.port, "CLUSTER", "REPLICATE", owner) in {"True", "OK"},  # type: ignore[misc]
                what="a replica",
            )
        for node in self.nodes:
            wait_until(lambda node=node: "cluster_state:ok" in self._info(node), what="all slots")  # type: ignore[misc]
        return self

    def _known(self, node: EmbeddedRedis) -> int:
        return int(self._info(node).split("cluster_known_nodes:")[1].split()[0])

    def _info(self, node: EmbeddedRedis) -> str:
        with redis.Redis(port=node.port, socket_timeout=5, protocol=2) as client:
            found = client.execute_command("CLUSTER", "INFO")
        if isinstance(found, bytes):
            return found.decode()
        return "\n".join(f"{name}:{value}" for name, value in found.items())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


@contextmanager
def trio(**options: object) -> Iterator[SentinelTrio]:
    """Yield a trio in a directory of its own."""
    with (
        tempfile.TemporaryDirectory(prefix="tagpipe-trio-") as directory,
        SentinelTrio(Path(directory), **options) as trio,  # type: ignore[arg-type]
    ):
        yield trio


@contextmanager
def cluster(**options: object) -> Iterator[RedisCluster]:
    """Yield a cluster in a directory of its own."""
    with (
        tempfile.TemporaryDirectory(prefix="tagpipe-cluster-") as directory,
        RedisCluster(Path(directory), **options) as cluster,  # type: ignore[arg-type]
    ):
        yield cluster


def is_reached(link: RedisLink) -> bool:
    """Tell whether a link reaches a primary now."""
    try:
        link.ping()
    except RedisUnavailableError:
        return False
    return True
