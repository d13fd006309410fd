"""The producers of deploy/feeds as processes, in their own languages, against a pipeline that knows nothing of them."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.feeds.feeds import FEEDS, in_table, messages_of, rows, stored
from tests.integration.feeds.npm import installed
from tests.integration.feeds.producer import Producer
from tests.pipeline import Pipeline

pytestmark = pytest.mark.e2e


def feed(pipeline: Pipeline, command: list[str], plcs: list[str], more: dict[str, str]) -> None:
    """Let a producer put rows, with the rights of one; each of its PLCs must need one message."""
    before = messages_of(pipeline)
    lines = "".join(f"{json.dumps(row)}\n" for row in rows(plcs))
    environment = {**pipeline.environment, "TAGPIPE_KEY": pipeline.keys.data_queue, **more}
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        process.stdin.write(f"no row\n{lines}")
        process.stdin.flush()
        # A feed that goes on for ever is never at its end, and a line that is no row costs no other.
        assert in_table(pipeline, stored(plcs)) == stored(plcs)
        assert messages_of(pipeline) - before == len(plcs)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert said.count("left out") == 1


def test_the_producer_in_python_feeds_the_table(pipeline: Pipeline, producer: Producer) -> None:
    feed(pipeline, [sys.executable, str(FEEDS / "python" / "put.py")], ["PY-1", "PY-2"], {"REDIS_URL": producer.url})


def test_the_producer_in_node_feeds_the_table(pipeline: Pipeline, producer: Producer) -> None:
    own = {"NODE_PATH": str(installed() / "node_modules"), "REDIS_URL": producer.url}
    feed(pipeline, ["node", str(FEEDS / "node" / "put.js")], ["JS-1", "JS-2"], own)


def test_the_producer_in_go_feeds_the_table(pipeline: Pipeline, producer: Producer, tmp_path: Path) -> None:
    if shutil.which("go") is None:
        pytest.skip("no Go on PATH")
    program = tmp_path / "put"
    cache = Path.home() / ".cache" / "go-build"
    go = {**pipeline.environment, "GOCACHE": str(cache), "GOPATH": str(tmp_path), "GOFLAGS": "-mod=mod"}
    for command in (["go", "vet", "."], ["go", "build", "-o", str(program), "."]):
        subprocess.run(command, cwd=FEEDS / "go", env=go, check=True, timeout=110)
    address = pipeline.environment["REDIS_URL"].removeprefix("redis://").partition("/")[0]
    feed(
        pipeline,
        [str(program)],
        ["GO-1", "GO-2"],
        {"REDIS_ADDR": address, "REDIS_AUTH": f"{producer.name} {producer.password}"},
    )
