"""A container's health check: healthy means that the loops of this machine's own process turn, whatever Redis does."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sandbox.harness.command import run_command
from sandbox.harness.oracle import ROOT
from sandbox.harness.redis import EmbeddedRedis
from sandbox.harness.waiting import wait_until
from shared.healthcheck import problem_of
from shared.life.sign import FRESH_S, LifeSign, life_sign_path
from tests.oracle_target import OracleTarget
from tests.pipeline import QUIET_GROUP, Pipeline


def check(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return run_command("shared.healthcheck", *arguments, environ=environment)


@pytest.mark.parametrize("service", ["consumer", "writer", "poller", "monitor"])
def test_a_service_is_alive_before_redis_is_there_and_ready_once_it_is(
    oracle: OracleTarget, table: str, namespace: str, tmp_path: Path, service: str
) -> None:
    """Kind: a check that hangs on Redis. A failover of some seconds would have restarted every pod."""
    (tmp_path / "groups.toml").write_text(QUIET_GROUP)
    settings = {"RUN_DIR": str(tmp_path), "MONITOR_PORT": "0", "POLLER_CONFIG": str(tmp_path / "groups.toml")}

    def is_(word: str, *arguments: str) -> bool:
        answer = check(service, *arguments, RUN_DIR=str(tmp_path), REDIS_NAMESPACE=namespace)
        assert answer.stderr == ""
        return (answer.returncode, answer.stdout) == ((0, "ok\n") if not word else (1, f"{word}\n"))

    redis = EmbeddedRedis()
    with Pipeline(redis.url, oracle, table, namespace, tmp_path) as pipeline:
        process = pipeline.start(service, **settings)
        wait_until(lambda: is_(""), what="a sign of life without Redis")
        assert is_(f"the {service} turns, and waits for Redis", "--ready")
        with redis:
            wait_until(lambda: is_("", "--ready"), what="readiness")
        wait_until(lambda: is_(f"the {service} turns, and waits for Redis", "--ready"), what="Redis' end to be seen")
        assert is_("")
        assert process.poll() is None


def test_a_loop_that_stands_still_gives_no_sign_of_life(pipeline: Pipeline, tmp_path: Path) -> None:
    process = pipeline.start_and_wait("consumer", RUN_DIR=str(tmp_path))
    path = life_sign_path(tmp_path, pipeline.keys.namespace, "consumer", None)
    settings = {"RUN_DIR": str(tmp_path), "REDIS_NAMESPACE": pipeline.keys.namespace}
    assert problem_of("consumer", settings) == ""
    process.send_signal(signal.SIGSTOP)
    # What the passing of time does by itself.
    os.utime(path, (time.time() - 2 * FRESH_S, time.time() - 2 * FRESH_S))
    assert "was touched 20 s ago" in problem_of("consumer", settings)
    process.send_signal(signal.SIGCONT)
    wait_until(lambda: problem_of("consumer", settings) == "", what="a sign of life")


def test_a_sign_is_held_back_while_a_loop_stands_still(tmp_path: Path) -> None:
    standing = [True]
    sign = LifeSign(tmp_path / "sign")
    with sign.shown(lambda: standing[0]):
        assert not (tmp_path / "sign").exists()
        standing[0] = False
        wait_until((tmp_path / "sign").exists, what="a sign of life")


@pytest.mark.parametrize("age_s", [FRESH_S + 1, -FRESH_S - 1])
def test_an_old_sign_and_one_of_the_future_are_none(tmp_path: Path, age_s: float) -> None:
    """Kind: a clock that is put back. A process that hangs must not look alive until that hour comes again."""
    path = life_sign_path(tmp_path, "tagpipe", "writer", None)
    LifeSign(path).touch()
    assert problem_of("writer", {"RUN_DIR": str(tmp_path)}) == ""
    os.utime(path, (time.time() - age_s, time.time() - age_s))
    assert "no sign of life" in problem_of("writer", {"RUN_DIR": str(tmp_path)})


def test_another_role_namespace_name_or_partition_does_not_count(tmp_path: Path) -> None:
    LifeSign(life_sign_path(tmp_path, "plant.1", "writer", "left")).touch()
    mine = {"RUN_DIR": str(tmp_path), "REDIS_NAMESPACE": "plant", "INSTANCE_NAME": "left"}
    mine |= {"PARTITION": "1", "PARTITIONS": "2"}
    assert problem_of("writer", mine) == ""
    assert problem_of("consumer", mine) != ""
    for name, other in {"REDIS_NAMESPACE": "tank", "INSTANCE_NAME": "right", "PARTITION": "0"}.items():
        assert "no sign of life" in problem_of("writer", mine | {name: other})
    assert "PARTITION" in problem_of("writer", mine | {"PARTITION": "x"})


def test_what_can_not_be_written_is_said_once_and_ends_nothing(tmp_path: Path) -> None:
    faults: list[OSError] = []
    target = tmp_path / "somebody's file"
    target.write_text("mine")
    (tmp_path / "link").symlink_to(target)
    for path in (tmp_path / "nowhere" / "sign", tmp_path / "link"):
        sign = LifeSign(path, faults.append)
        sign.touch()
        sign.touch()
    assert len(faults) == 2
    assert target.read_text() == "mine"


@pytest.mark.parametrize("own", ["", "REDIS_NAMESPACE=tank\n"], ids=["of all", "of writers alone"])
def test_what_the_service_reads_from_dotenv_is_read_here_too(tmp_path: Path, own: str) -> None:
    """Kind: two readers of one setting. A service set up by `.env` alone was checked elsewhere, and unhealthy."""
    (tmp_path / ".env").write_text(f"RUN_DIR={tmp_path}\nREDIS_NAMESPACE=plant\n")
    (tmp_path / ".env.writer").write_text(own)
    LifeSign(life_sign_path(tmp_path, "tank" if own else "plant", "writer", None)).touch()
    done = subprocess.run(
        [sys.executable, "-m", "shared.healthcheck", "writer"],
        env={"PYTHONPATH": str(ROOT)}, cwd=tmp_path, capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "ok\n")


@pytest.mark.parametrize("arguments", [[], ["writer", "monitor"], ["wirter"]])
def test_a_wrong_call_is_one_line_and_status_2(arguments: list[str]) -> None:
    answer = check(*arguments)
    assert (answer.returncode, answer.stdout, answer.stderr.count("\n")) == (2, "", 1)


def test_it_loads_nothing_that_costs() -> None:
    heavy = {"redis", "hiredis", "pydantic", "structlog", "ssl", "msgspec"}
    code = f"import sys, shared.healthcheck; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout == "[]\n"
