"""Names across pid namespaces: two containers with one host name, and with one pid, are two processes.

Kind: a process id or a host name taken for an identity. Real namespaces, made by unshare(1), stand for containers.
"""

import shutil
import subprocess
from collections.abc import Iterator

import pytest

from sandbox.harness.process import Process
from sandbox.harness.supervisor import python
from sandbox.harness.waiting import wait_until
from tests.oracle_target import OracleTarget
from tests.pipeline import Pipeline

UNSHARE = ["unshare", "--pid", "--fork", "--mount-proc", "--uts", "--kill-child"]


@pytest.fixture(scope="module", autouse=True)
def namespaces() -> None:
    """Skip where no namespace can be made."""
    if not shutil.which("unshare") or subprocess.run([*UNSHARE, "true"], check=False, capture_output=True).returncode:
        pytest.skip("no pid namespace can be made here: it takes root")


class Container:
    """A service as process 1 of a pid namespace of its own, on a host called `plant`."""

    def __init__(self, pipeline: Pipeline, service: str, name: str, **settings: str) -> None:
        self.log = pipeline.directory / f"{name}.log"
        with self.log.open("ab") as log:
            inside = ["sh", "-c", 'hostname plant; exec "$0" "$@"', *python(f"services.{service}")]
            environ = pipeline.environment | settings
            self.process = Process([*UNSHARE, *inside], log, environ, directory=pipeline.directory)

    def kill(self) -> None:
        """End it without warning, as `docker kill` does."""
        self.process.kill()
        self.process.wait(5)


@pytest.fixture
def containers() -> Iterator[list[Container]]:
    """Containers that are ended with the test."""
    started: list[Container] = []
    yield started
    for container in started:
        container.kill()
        print(f"----- {container.log.name}\n{container.log.read_text()[-3000:]}")


def test_two_containers_of_one_host_name_keep_their_names_and_write(
    pipeline: Pipeline, oracle: OracleTarget, containers: list[Container]
) -> None:
    """Seen in the field: they took the name from each other every second; with a slow Oracle nothing was written."""
    if oracle.stand_in is None:
        pytest.skip("a real Oracle has no switch for faults")
    slow = {"ORACLE_CALL_TIMEOUT": "30", "ORACLE_POOL_TIMEOUT": "30", "BACKUP_DIR": str(pipeline.directory / "b")}
    pipeline.start_and_wait("consumer")
    containers += [Container(pipeline, "writer", name, **slow) for name in ("a", "b")]
    wait_until(lambda: {"writer:plant", "writer:plant-2"} <= set(pipeline.living()), what="two names")
    holders = [pipeline.link.hash(pipeline.keys.service("writer", name)) for name in ("plant", "plant-2")]
    assert [holder["pid"] for holder in holders] == ["1", "1"]
    # An insert takes longer than two beats and one sweep.
    oracle.control.delay_ms(4000)
    expected = pipeline.put(polls=4, tags=500)
    pipeline.wait_until_idle(60)
    oracle.control.delay_ms(0)
    assert pipeline.table_rows() == expected
    for name, holder in zip(("plant", "plant-2"), holders, strict=True):
        assert pipeline.link.hash(pipeline.keys.service("writer", name))["incarnation"] == holder["incarnation"]
    for container in containers:
        assert "went to another process" not in container.log.read_text()
        assert "Took over" not in container.log.read_text()


def test_a_container_that_was_killed_comes_back_under_another_name_and_its_batch_is_taken_over(
    pipeline: Pipeline, oracle: OracleTarget, containers: list[Container]
) -> None:
    if oracle.stand_in is None:
        pytest.skip("a real Oracle has no switch for faults")
    pipeline.start_and_wait("consumer")
    containers.append(Container(pipeline, "writer", "a", ORACLE_CALL_TIMEOUT="60"))
    wait_until(lambda: "writer:plant" in pipeline.living(), what="the first")
    oracle.control.hang_calls()
    expected = pipeline.put(polls=1, tags=500)
    wait_until(lambda: pipeline.snapshot().in_flight == 500, what="the batch in flight")
    containers[0].kill()
    oracle.control.reset()
    containers.append(Container(pipeline, "writer", "b"))
    wait_until(lambda: {"writer:plant", "writer:plant-2"} <= set(pipeline.living()), what="another name for the second")
    # Nobody can know that the other is dead before its heartbeat has expired.
    assert pipeline.snapshot().in_flight == 500
    pipeline.link.command("DEL", pipeline.keys.service("writer", "plant"))
    pipeline.wait_until_idle()
    assert pipeline.table_rows() == expected
    assert "Took over a batch of 500" in containers[1].log.read_text()


#: Sends a service SIGTERM while it imports its modules.
STOPPED_AT_ONCE = """
import os, signal, sys, threading, time
def stop():
    while "services" not in sys.modules:
        time.sleep(0.001)
    time.sleep(0.02)
    os.kill(1, signal.SIGTERM)
threading.Thread(target=stop, daemon=True).start()
"""


def test_a_container_that_is_stopped_while_it_starts_ends(pipeline: Pipeline, containers: list[Container]) -> None:
    """Kind: a signal before there is somebody to hear it: to the first process of a container it does nothing then."""
    (pipeline.directory / "sitecustomize.py").write_text(STOPPED_AT_ONCE)
    path = f"{pipeline.directory}:{pipeline.environment['PYTHONPATH']}"
    containers.append(Container(pipeline, "consumer", "early", PYTHONPATH=path))
    assert containers[0].process.wait(30) == 0
    assert "takes from" not in containers[0].log.read_text()
