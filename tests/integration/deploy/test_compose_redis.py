"""The Redis of the Compose stack, by its own command and a real server: one user a service, and nobody else."""

import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from sandbox.harness.process import Process
from sandbox.harness.redis import free_port, wheel_server
from sandbox.harness.waiting import wait_until
from shared.errors import RedisUnavailableError
from shared.redis.link import RedisLink
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

    def __init__(self, directory: Path, password: str) -> None:
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
        server.write_text(f'#!/bin/sh\nexec {wheel_server()} "$@" --port {self.port} --bind 127.0.0.1\n')
        server.chmod(0o755)
        environ = {
            "PATH": f"{directory}:{os.environ['PATH']}", "REDIS_PASSWORD": password, "REDIS_NAMESPACE": "plant-1",
            "REDIS_MAXMEMORY": "64mb", "REDIS_APPENDFSYNC": "always",
        }  # fmt: skip
        with (directory / "log").open("wb") as log:
            self.process = Process([*service["entrypoint"], script], log, environ, directory=directory)

    def link(self, user: str) -> RedisLink:
        """Return a link of one of its users, by the URL that `make secrets` made."""
        return RedisLink(self.secrets[f"redis_{user}"].replace("@redis:6379", f"@127.0.0.1:{self.port}"))


@pytest.fixture(params=["", "of-an-old-engine"], ids=["users alone", "a password without a name"])
def redis(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ComposeRedis]:
    redis = ComposeRedis(tmp_path, request.param)
    admin = redis.link("admin")

    def answers() -> bool:
        try:
            admin.ping()
        except RedisUnavailableError:
            return False
        return True

    wait_until(answers, what="the server")
    yield redis
    admin.close()
    redis.process.kill()
    redis.process.wait(10)


def test_everybody_has_a_user_and_who_gives_no_name_has_none(
    redis: ComposeRedis, request: pytest.FixtureRequest
) -> None:
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
    has_password = "without a name" in request.node.name
    nobody = RedisLink(f"redis://{':of-an-old-engine@' if has_password else ''}127.0.0.1:{redis.port}/0")
    if has_password:
        assert nobody.command("RPUSH", queue, "another") == 2
        with pytest.raises(RedisUnavailableError, match="NOPERM"):
            nobody.command("LPOP", queue)
    else:
        with pytest.raises(RedisUnavailableError, match="Authentication required"):
            nobody.command("PING")
    for link in (monitor, producer, nobody):
        link.close()
    assert redis.process.poll() is None
