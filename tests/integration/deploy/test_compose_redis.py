"""The Redis of the Compose stack, by its own command and a real server: one user a service, and nobody else."""

import os
import stat
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from sandbox.harness.process import Process
from sandbox.harness.redis import free_port
from sandbox.harness.waiting import wait_until
from shared.errors import RedisUnavailableError
from shared.redis.link import RedisLink
from tests.redis_servers import REDIS_SERVERS
from tests.redis_topologies import is_reached
from tools.redis_rights import USERS

ROOT = Path(__file__).parents[3]


def secrets(directory: Path, **environ: str) -> dict[str, str]:
    """Make them as `make secrets` does; return what the files hold."""
    subprocess.run(
        ["/bin/sh", str(ROOT / "deploy/compose/secrets.sh")],
        env={"PATH": os.environ["PATH"], "SECRETS_DIR": str(directory), **environ},
        cwd=directory.parent, check=True, capture_output=True, timeout=20,
    )  # fmt: skip
    return {path.name: path.read_text() for path in directory.iterdir()}


def test_secrets_are_made_once_each_of_them_other_and_fit_what_was_given(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text('ORACLE_PASSWORD="of-the-volume"\n')
    made = secrets(tmp_path / "secrets", GRAFANA_PASSWORD="of-the-shell")
    assert made["oracle_password"] == "of-the-volume"
    assert made["grafana_password"] == "of-the-shell"
    assert len(set(made.values())) == len(made)
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    # Every file that the stack asks for.
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    wanted = {Path(each["file"]).name for each in loaded["secrets"].values() if "SECRETS_DIR" in each["file"]}
    assert set(made) == wanted
    assert secrets(tmp_path / "secrets") == made


class ComposeRedis:
    """The server that the stack's command starts, with the container's paths on this machine."""

    def __init__(self, directory: Path, password: str, program: str) -> None:
        self._directory = directory
        self.port = free_port()
        self.secrets = secrets(directory / "secrets")
        loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
        service = loaded["services"]["redis"]
        (script,) = service["command"]
        for inside, outside in (
            ("$$", "$"), ("/run/secrets", str(directory / "secrets")), ("dir /data", f"dir {directory}"),
            ("/etc/tagpipe/redis", str(ROOT / "deploy/redis")),
        ):  # fmt: skip
            script = script.replace(inside, outside)
        server = directory / "redis-server"
        server.write_text(f'#!/bin/sh\nexec {program} "$@" --port {self.port} --bind 127.0.0.1\n')
        server.chmod(0o755)
        self._command = [*service["entrypoint"], script]
        self._environ = {
            "PATH": f"{directory}:{os.environ['PATH']}", "REDIS_PASSWORD": password, "REDIS_NAMESPACE": "plant-1",
            "REDIS_MAXMEMORY": "64mb", "REDIS_APPENDFSYNC": "always",
        }  # fmt: skip
        self.start()

    def start(self) -> None:
        """Start it, with the file that it left, and wait until it answers."""
        with (self._directory / "log").open("ab") as log:
            self.process = Process(self._command, log, self._environ, directory=self._directory)
        with closing(self.link("admin")) as admin:
            wait_until(lambda: is_reached(admin), what="the server")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def link(self, user: str) -> RedisLink:
        """Return a link of one of its users, by the URL that `make secrets` made."""
        return RedisLink(self.secrets[f"redis_{user}"].replace("@redis:6379", f"@127.0.0.1:{self.port}"))


@pytest.fixture(params=["", "of-an-old-engine"], ids=["users alone", "a password without a name"])
def password(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[name for name, path in REDIS_SERVERS.items() if path])
def redis(request: pytest.FixtureRequest, tmp_path: Path, password: str) -> Iterator[ComposeRedis]:
    program = str(REDIS_SERVERS[request.param])
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True, timeout=20).stdout
    if " v=7.0" in version or " v=6" in version:
        pytest.skip("it does not know all commands that the rights name: those want Redis 7.2, the stack has 8")
    redis = ComposeRedis(tmp_path, password, program)
    yield redis
    redis.kill()


def test_a_restart_loses_nothing_though_everybody_has_few_rights(redis: ComposeRedis) -> None:
    """Kind: replayed by somebody who may not do it. Redis (not Valkey) replays its file as the user `default`.

    Where he is restricted, every script and transaction that changed two keys is left out: all that services do.
    """
    with closing(redis.link("admin")) as admin:
        (default,) = [line for line in admin.command("ACL", "LIST") if line.startswith(b"user default ")]
        assert default.endswith(b" ~* &* +@all")
        script = "redis.call('SET', KEYS[1], 1) redis.call('SET', KEYS[2], 2)"
        admin.command("EVAL", script, 2, "{plant-1}:one", "{plant-1}:two")
    redis.kill()
    redis.start()
    with closing(redis.link("admin")) as admin:
        assert admin.command("MGET", "{plant-1}:one", "{plant-1}:two") == [b"1", b"2"]


def test_everybody_has_a_user_and_who_gives_no_name_has_none(redis: ComposeRedis, password: str) -> None:
    """Kind: one password for all, which is `tagpipe` wherever nobody chose another."""
    queue, buffer = "{plant-1}:data_queue", "{plant-1}:buffer"
    for user in USERS:
        link = redis.link(user)
        link.ping()
        for forbidden in (["FLUSHALL"], ["CONFIG", "SET", "maxmemory", "1"], ["RPUSH", "{other}:data_queue", "x"]):
            with pytest.raises(RedisUnavailableError, match="NOPERM"):
                link.command(*forbidden)
        link.close()
    monitor, producer = redis.link("monitor"), redis.link("producer")
    assert producer.command("RPUSH", queue, "a reading") == 1
    assert monitor.command("LLEN", queue) == 1
    for link, forbidden in (
        (monitor, ["DEL", queue]),
        (producer, ["RPUSH", buffer, "x"]),
        (producer, ["LLEN", buffer]),
    ):
        with pytest.raises(RedisUnavailableError, match="NOPERM"):
            link.command(*forbidden)
    nobody = RedisLink(f"redis://{f':{password}@' if password else ''}127.0.0.1:{redis.port}/0")
    if password:
        assert nobody.command("RPUSH", queue, "another") == 2
    else:
        with pytest.raises(RedisUnavailableError, match="Authentication required"):
            nobody.command("PING")
    for link in (monitor, producer, nobody):
        link.close()
    assert redis.process.poll() is None
