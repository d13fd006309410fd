"""The producers of deploy/feeds as processes, in their own languages, against a pipeline that knows nothing of them."""

import fcntl
import json
import shutil
import subprocess
import sys
import termios
from datetime import timedelta
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

import pytest

from sandbox.harness.waiting import wait_until
from shared.counters import Counter
from tests.integration.feeds.feeds import BEYOND, FEEDS, NOON, VALUES, in_table, messages_of, rows, stored
from tests.integration.feeds.npm import installed
from tests.integration.feeds.producer import Producer
from tests.pipeline import Pipeline
from tests.relay import Relay

pytestmark = pytest.mark.e2e


#: Lines that are no rows; one has more bytes than a row may.
NO_ROWS = [b"no row", b"x" * 2_000_000, b"5", b'{"tag": "D1", "value": 1}']

#: A value with a byte that is no UTF-8.
LATIN = b'{"plc": "%s", "tag": "L", "time": "2026-01-02T12:00:00.000001Z", "value": "caf\xe9"}'


def row_of(plc: str) -> dict[str, str]:
    return {"plc": plc, "tag": "last", "time": f"{NOON.isoformat()}Z"}


def _unread(pipe: IO[bytes] | None) -> int:
    """Return the bytes of a pipe that its reader has not taken yet."""
    assert pipe is not None
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, b"\0" * 4), sys.byteorder)


def feed(pipeline: Pipeline, command: list[str], plcs: list[str], more: dict[str, str]) -> None:
    """Let a producer put rows, with the rights of one; each of its PLCs must need one message."""
    before = messages_of(pipeline)
    values = [*VALUES, *BEYOND]
    lines = [*NO_ROWS, LATIN % plcs[0].encode(), *(json.dumps(row).encode() for row in rows(plcs, values=values))]
    environment = {**pipeline.environment, "TAGPIPE_KEY": pipeline.keys.data_queue, "LANG": "C.UTF-8", **more}
    wanted = stored(plcs, values=values)
    latin = f"{plcs[0]}.L", NOON + timedelta(microseconds=1)
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(b"".join(line + b"\n" for line in lines))
        process.stdin.flush()
        # A feed that goes on for ever is never at its end, and a line that is no row costs no other.
        found = in_table(pipeline, wanted | {latin: ("caf\ufffd", "")})
        assert found.pop(latin)[0] == "caf\ufffd"
        assert found == wanted
        assert messages_of(pipeline) - before == len(plcs)
        # Rows are many for their bytes, too: a message that is larger than any may be would be lost whole.
        refused = pipeline.csv_rows("rejected")
        for number in range(300):
            long = {"plc": plcs[0], "tag": "T", "time": f"2026-01-03T00:00:00.{number:06d}Z", "value": "x" * 30_000}
            process.stdin.write(json.dumps(long).encode() + b"\n")
        process.stdin.flush()
        wait_until(lambda: len(pipeline.csv_rows("rejected")) == len(refused) + 300, 60, "texts that no column takes")
        # A stop in good order: what was read is put first.
        process.stdin.write(json.dumps({**row_of(plcs[0]), "value": "the last"}).encode() + b"\n")
        process.stdin.flush()
        wait_until(lambda: not _unread(process.stdin), what="the row to be read")
        process.terminate()
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert pipeline.snapshot()[Counter.MESSAGES_REJECTED] == 0
    last = {(f"{plcs[0]}.last", NOON): ("the last", "GOOD")}
    wait_until(lambda: last.items() <= pipeline.table_rows().items(), what="the last row")
    assert said.count(b"left out") == len(NO_ROWS)


def test_the_producer_in_python_feeds_the_table(pipeline: Pipeline, producer: Producer) -> None:
    # In the locale C alone Python lets bytes through that are no UTF-8; this is how it reads in any other.
    own = {"REDIS_URL": producer.url, "PYTHONIOENCODING": "utf-8"}
    feed(pipeline, [sys.executable, str(FEEDS / "python" / "put.py")], ["PY-1", "PY-2"], own)


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


@pytest.mark.parametrize("language", ["python", "node"])
def test_a_connection_that_a_firewall_forgot_holds_nothing_up(
    pipeline: Pipeline, producer: Producer, language: str
) -> None:
    """Kind: a connection that looks alive and is not. A put without a time limit waited for an answer for ever, and
    with it all that came; nothing was said.
    """
    plc = f"FORGOT-{language}"
    address = urlsplit(producer.url)
    with Relay(address.port or 0) as relay:
        url = address._replace(netloc=f"{address.netloc.rpartition(':')[0]}:{relay.port}").geturl()
        environment = {**pipeline.environment, "TAGPIPE_KEY": pipeline.keys.data_queue, "REDIS_URL": url}
        program = [sys.executable, str(FEEDS / "python" / "put.py")]
        if language == "node":
            environment["NODE_PATH"] = str(installed() / "node_modules")
            program = ["node", str(FEEDS / "node" / "put.js")]
        with subprocess.Popen(program, env=environment, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            for value in ("before", "after"):
                assert process.stdin is not None
                process.stdin.write(json.dumps({**row_of(f"{plc}-{value}"), "value": value}).encode() + b"\n")
                process.stdin.flush()
                in_table(pipeline, {(f"{plc}-{value}.last", NOON): (value, "GOOD")})
                relay.forget()
            process.terminate()
            process.communicate(timeout=60)
