"""A container's health check: healthy means that the loop of this host's own process writes its heartbeat."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from sandbox.harness.redis import EmbeddedRedis
from shared.events import EventLog
from shared.healthcheck import look
from shared.heartbeat import Heartbeat
from shared.keys import Keys
from shared.redis_link import RedisLink
from tests.pipeline import ROOT

HOST = socket.gethostname().replace(":", "-")


@pytest.fixture
def heartbeat(link: RedisLink, keys: Keys) -> Iterator[Heartbeat]:
    heartbeat = Heartbeat(link, keys, EventLog(link, keys, "writer"), "writer", "any-name")
    heartbeat.register()
    yield heartbeat
    heartbeat.close()


def check(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "shared.healthcheck", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def test_a_beating_process_is_healthy_under_whatever_name(
    redis_server: EmbeddedRedis, namespace: str, heartbeat: Heartbeat
) -> None:
    assert heartbeat.instance == "any-name"
    answer = check("writer", REDIS_URL=redis_server.url, REDIS_NAMESPACE=namespace)
    assert (answer.returncode, answer.stdout) == (0, "ok\n")


def test_the_url_may_be_in_a_file(
    redis_server: EmbeddedRedis, namespace: str, heartbeat: Heartbeat, tmp_path: Path
) -> None:
    assert heartbeat.instance
    secret = tmp_path / "redis_url"
    secret.write_text(f"{redis_server.url}\n")
    answer = check("writer", REDIS_URL_FILE=str(secret), REDIS_URL="redis://nowhere", REDIS_NAMESPACE=namespace)
    assert answer.returncode == 0


def test_what_the_service_reads_from_dotenv_is_read_here_too(
    redis_server: EmbeddedRedis, namespace: str, heartbeat: Heartbeat, tmp_path: Path
) -> None:
    """Kind: two readers of one setting. A service set up by `.env` alone was checked at localhost, and unhealthy."""
    assert heartbeat.instance
    (tmp_path / "url").write_text(redis_server.url)
    (tmp_path / ".env").write_text(f"REDIS_URL_FILE={tmp_path / 'url'}\nREDIS_NAMESPACE={namespace}\n")
    done = subprocess.run(
        [sys.executable, "-m", "shared.healthcheck", "writer"],
        env={"PYTHONPATH": str(ROOT)}, cwd=tmp_path, capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "ok\n")


def test_another_role_or_another_host_does_not_count(
    redis_server: EmbeddedRedis, namespace: str, heartbeat: Heartbeat
) -> None:
    assert look("writer", redis_server.url, namespace, HOST) == ""
    assert look("consumer", redis_server.url, namespace, HOST) == f"no heartbeat of a consumer on {HOST}"
    assert look("writer", redis_server.url, namespace, "elsewhere") == "no heartbeat of a writer on elsewhere"
    assert heartbeat.beat("running")


def test_an_expired_heartbeat_is_unhealthy(
    redis_server: EmbeddedRedis, namespace: str, link: RedisLink, keys: Keys, heartbeat: Heartbeat
) -> None:
    # What Redis does by itself when nobody beats.
    link.command("PEXPIRE", keys.service("writer", heartbeat.instance), 0)
    assert look("writer", redis_server.url, namespace, HOST) == f"no heartbeat of a writer on {HOST}"


def test_user_password_and_database_of_the_url_are_used(
    redis_server: EmbeddedRedis, namespace: str, link: RedisLink
) -> None:
    link.command("ACL", "SETUSER", namespace, "on", ">p@ss/word", "~*", "+@all")
    url = urlsplit(redis_server.url)
    own_url = f"redis://{namespace}:p%40ss%2Fword@{url.hostname}:{url.port}/3"
    third = RedisLink(own_url)
    try:
        heartbeat = Heartbeat(third, Keys(namespace), EventLog(third, Keys(namespace), "poller"), "poller")
        heartbeat.register()
        assert look("poller", own_url, namespace, HOST) == ""
        assert look("poller", redis_server.url, namespace, HOST) != ""
        heartbeat.close()
    finally:
        third.close()
        link.command("ACL", "DELUSER", namespace)


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1/0", "redis://127.0.0.1:port", "redis://:wrong@{address}/0"])
def test_redis_that_cannot_be_asked_is_one_line_and_status_1(redis_server: EmbeddedRedis, url: str) -> None:
    answer = check("writer", REDIS_URL=url.format(address=urlsplit(redis_server.url).netloc))
    assert answer.returncode == 1
    assert answer.stdout.startswith("Redis can't be asked: ")
    assert answer.stdout.count("\n") == 1
    assert answer.stderr == ""


def test_it_loads_no_client_library() -> None:
    code = "import sys, shared.healthcheck; print(sorted({'redis', 'pydantic', 'structlog', 'ssl'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout == "[]\n"
