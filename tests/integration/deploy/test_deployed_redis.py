"""The Redis that deploy/ brings along, by its own command and a real server: one user a service, and nobody else."""

import os
import shutil
import socket
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

NAMESPACE = "plant-1"


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


def in_compose(directory: Path, made: dict[str, str], password: str) -> tuple[list[str], dict[str, str]]:
    """Return the command and the environment that the Compose stack gives its Redis, with what it mounts in place."""
    service: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["redis"]
    for name in service["secrets"]:
        put(directory / "run/secrets" / name, made[name])
    assert "./deploy/redis:/etc/tagpipe/redis:ro" in service["volumes"]
    for file in (ROOT / "deploy/redis").iterdir():
        put(directory / "etc/tagpipe/redis" / file.name, file.read_text())
    given = {"REDIS_PASSWORD": password, "REDIS_NAMESPACE": NAMESPACE, "REDIS_MAXMEMORY": "64mb"}
    return service["entrypoint"], given


def in_kubernetes(directory: Path, made: dict[str, str], password: str) -> tuple[list[str], dict[str, str]]:
    """Return the same for the pod of deploy/kubernetes/overlays/single."""
    documents = yaml.safe_load_all((ROOT / "deploy/kubernetes/overlays/single/redis.yaml").read_text())
    pod = next(each for each in documents if each["kind"] == "StatefulSet")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    mounts = {each["name"]: directory / each["mountPath"].lstrip("/") for each in container["volumeMounts"]}
    # Of each secret that the README has made, the only file; what is left out is optional.
    # What an editor wrote ends with a line break, and `kubectl create secret --from-file` takes it over.
    secrets = {f"tagpipe-redis-{user}": f"{made[f'redis_{user}']}\r\n" for user in ("admin", *USERS)}
    secrets |= {"tagpipe-redis": f"{password}\n"} if password else {}
    for volume in pod["volumes"]:
        for source in volume.get("projected", {}).get("sources", ()):
            secret, (item,) = source["secret"], source["secret"]["items"]
            if secret["name"] in secrets or not secret.get("optional"):
                put(mounts[volume["name"]] / item["path"], secrets[secret["name"]])
        if "configMap" in volume:
            (generated,) = yaml.safe_load((ROOT / "deploy/redis/kustomization.yaml").read_text())["configMapGenerator"]
            assert generated["name"] == volume["configMap"]["name"]
            for name in generated["files"]:
                put(mounts[volume["name"]] / name, (ROOT / "deploy/redis" / name).read_text())
    given = {each["name"]: each.get("value", NAMESPACE) for each in container["env"]}
    assert set(given) == {"SECRETS", "REDIS_NAMESPACE"}
    return container["command"], given


def put(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


class DeployedRedis:
    """The server that a deployment's command starts, with the container's paths below a directory."""

    def __init__(self, directory: Path, deployment: str, password: str, program: str) -> None:
        self.directory = directory
        self.port = free_port()
        self.secrets = secrets(directory / "secrets")
        deploy = {"compose": in_compose, "kubernetes": in_kubernetes}[deployment]
        command, given = deploy(directory, self.secrets, password)
        self._command = [part.replace("/etc/", f"{directory}/etc/") for part in command]
        server = directory / "redis-server"
        server.write_text(f'#!/bin/sh\nexec {program} "$@" --port {self.port} --bind 127.0.0.1\n')
        server.chmod(0o755)
        self._environ = {
            **given, "PATH": f"{directory}:{os.environ['PATH']}", "REDIS_DIR": str(directory),
            "SECRETS": f"{directory}{given.get('SECRETS', '/run/secrets')}",
        }  # fmt: skip

    def rename(self, namespace: str) -> None:
        """Let it be that of another namespace."""
        self._environ["REDIS_NAMESPACE"] = namespace

    def start(self) -> None:
        """Start it, with the file that it left, and wait until it answers."""
        self.begin()
        with closing(self.link("admin")) as admin:
            wait_until(lambda: is_reached(admin), what="the server")

    def begin(self) -> None:
        with (self.directory / "log").open("ab") as log:
            self.process = Process(self._command, log, self._environ, directory=self.directory)

    def probe(self) -> int:
        """Return the exit status of the stack's health check, and of the pod's readiness probe."""
        asked = self.directory / "etc/tagpipe/redis/ping.sh"
        client = self.directory / "redis-cli"
        client.write_text(f'#!/bin/sh\nexec {shutil.which("redis-cli")} -p {self.port} "$@"\n')
        client.chmod(0o755)
        return subprocess.run(
            ["/bin/sh", asked], env=self._environ, capture_output=True, check=False, timeout=20
        ).returncode

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)

    def link(self, user: str) -> RedisLink:
        """Return a link of one of its users, by the URL that `make secrets` made."""
        return RedisLink(self.secrets[f"redis_{user}"].replace("@redis:6379", f"@127.0.0.1:{self.port}"))


@pytest.fixture(params=["compose", "kubernetes"])
def deployment(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["", "of-an-old-engine"], ids=["users alone", "a password without a name"])
def password(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=[name for name, path in REDIS_SERVERS.items() if path])
def redis(request: pytest.FixtureRequest, tmp_path: Path, deployment: str, password: str) -> Iterator[DeployedRedis]:
    program = str(REDIS_SERVERS[request.param])
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True, timeout=20).stdout
    if " v=7.0" in version or " v=6" in version:
        pytest.skip("it does not know all commands that the rights name: those want Redis 7.2, the stack has 8")
    redis = DeployedRedis(tmp_path, deployment, password, program)
    redis.start()
    yield redis
    redis.kill()


def test_a_restart_loses_nothing_though_everybody_has_few_rights(redis: DeployedRedis) -> None:
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


def test_one_value_can_not_have_the_memory_of_the_whole_server(redis: DeployedRedis) -> None:
    """Kind: a bound of all that is kept, and none of what one who writes sends at once."""
    with closing(redis.link("admin")) as admin, socket.create_connection(("127.0.0.1", redis.port), 20) as stranger:
        assert admin.command("CONFIG", "GET", "proto-max-bulk-len") == {b"proto-max-bulk-len": b"268435456"}
        user, _, password = redis.secrets["redis_admin"].partition("//")[2].partition("@")[0].partition(":")
        stranger.sendall(f"AUTH {user} {password}\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$300000000\r\n".encode())
        said = b""
        while part := stranger.recv(1000):
            said += part
        # Before a byte of it has come.
        assert b"invalid bulk length" in said
        assert admin.command("EXISTS", "k") == 0


def test_everybody_has_a_user_and_who_gives_no_name_has_none(redis: DeployedRedis, password: str) -> None:
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


@pytest.mark.skipif(
    shutil.which("redis-cli") is None, reason="redis-cli is not installed: nothing asks as the probes do"
)
def test_the_probes_ask_as_somebody_who_may(redis: DeployedRedis) -> None:
    """Kind: rights for all but those who watch: no pod became ready, and the server was killed for it."""
    assert redis.probe() == 0
    for file in redis.directory.glob("run/secrets/**/redis_monitor"):
        file.write_text(redis.secrets["redis_producer"])
    assert redis.probe() == 1
    redis.kill()
    assert redis.probe() == 1
    redis.start()


@pytest.mark.parametrize(
    "namespace", ["plant 1", "a ~* +@all", "a/b", "a&b", "a\nuser x on nopass ~* +@all", "{a}", "*"]
)
def test_a_namespace_that_is_no_name_stops_the_start(tmp_path: Path, deployment: str, namespace: str) -> None:
    """Kind: a name that is a word of the language that it is put into: here of the rules who may do what."""
    redis = DeployedRedis(tmp_path, deployment, "", "/bin/true")
    redis.rename(namespace)
    redis.begin()
    assert redis.process.wait(20) == 2
    (line,) = (tmp_path / "log").read_text().splitlines()
    assert line == "error: REDIS_NAMESPACE has other letters than A-Z, a-z, 0-9, _, . and -"


@pytest.mark.parametrize(
    "spoiled", ["", "\n", "redis://tagpipe-admin:@redis:6379/0", "redis://tagpipe-admin:a%40b@redis:6379/0"]
)
def test_a_secret_that_gives_no_password_stops_the_start(tmp_path: Path, deployment: str, spoiled: str) -> None:
    """Kind: what could not be read taken for an empty one: who gave the administrator's name was he."""
    redis = DeployedRedis(tmp_path, deployment, "", "/bin/false")
    for file in tmp_path.glob("run/secrets/**/redis_admin"):
        file.write_text(spoiled)
    redis.begin()
    assert redis.process.wait(20) == 2
    assert "tagpipe-admin" in (tmp_path / "log").read_text()


def test_a_secret_that_is_not_there_stops_the_start(tmp_path: Path, deployment: str) -> None:
    redis = DeployedRedis(tmp_path, deployment, "", "/bin/false")
    for file in tmp_path.glob("run/secrets/**/redis_writer"):
        file.unlink()
    redis.begin()
    assert redis.process.wait(20) == 2
    assert "tagpipe-writer" in (tmp_path / "log").read_text()
