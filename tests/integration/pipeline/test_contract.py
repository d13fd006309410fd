"""The commands of docs/contract.md as they stand there, with the rights that it names, against a pipeline that runs."""

import os
import re
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from sandbox.harness.redis import EmbeddedRedis
from sandbox.harness.waiting import wait_until
from shared.redis.link import RedisLink
from tests.oracle_target import OracleTarget
from tests.pipeline import Pipeline

PAGE = Path("docs/contract.md")


def commands(directory: Path) -> list[list[str]]:
    """Return what redis-cli is told by a shell that is given the page's blocks as they stand, command by command."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    (directory / "redis-cli").write_text(
        f"#!/bin/sh\nprintf '%s\\0' \"$@\" >> {directory}/told; printf '\\n\\0' >> {directory}/told\n"
    )
    (directory / "redis-cli").chmod(0o755)
    path = f"{directory}:{os.environ['PATH']}"
    subprocess.run(["sh", "-ec", "".join(blocks)], env={"PATH": path}, check=True, capture_output=True, timeout=30)
    told = (directory / "told").read_text("utf-8").split("\n\0")[:-1]
    return [command.split("\0")[:-1] for command in told]


@pytest.fixture
def producer(pipeline: Pipeline) -> Iterator[RedisLink]:
    """A link of a user with the rights that the page names."""
    rights = Path("deploy/redis/producer.acl").read_text("utf-8").split()[2:]
    pipeline.link.command("ACL", "SETUSER", "tagpipe-producer", *rights, ">secret")
    url = pipeline.environment["REDIS_URL"].replace("redis://", "redis://tagpipe-producer:secret@")
    link = RedisLink(url, client_name="foreign", namespace="tagpipe")
    yield link
    link.close()


@pytest.fixture
def pipeline(oracle: OracleTarget, table: str, tmp_path: Path) -> Iterator[Pipeline]:
    """A pipeline on a Redis of its own, with the namespace of the page."""
    with EmbeddedRedis() as redis, Pipeline(redis.url, oracle, table, "tagpipe", tmp_path) as pipeline:
        yield pipeline


def test_what_the_page_tells_redis_cli_does_what_it_says(
    pipeline: Pipeline, producer: RedisLink, tmp_path: Path
) -> None:
    """Kind: a document whose commands nobody has run, or a test that mends them: one went on in the next line."""
    put, put_where_there_is_room, *reads = commands(tmp_path)
    assert (put[0], put_where_there_is_room[0], len(reads)) == ("RPUSH", "EVAL", 4)
    assert producer.command(*put) == 1
    assert producer.command(*put_where_there_is_room) == 2
    full = [part if part != "10000" else "2" for part in put_where_there_is_room]
    assert producer.command(*full) == -1
    pipeline.start("consumer")
    pipeline.start("writer")
    first, second = datetime(2026, 1, 2, 3, 4, 5, 678901), datetime(2026, 1, 2, 3, 4, 6)
    wanted = {
        ("PLC01.D100", first): ("12.5", "GOOD"), ("PLC01.D101", first): ("1", "GOOD"),
        ("PLC01.D102", first): ("NULL", "BAD"), ("PLC01.D103", first): ("NULL", "BAD"),
        ("PLC01.D100", second): ("13", "GOOD"),
    }  # fmt: skip
    wait_until(lambda: pipeline.table_rows() == wanted, what="the rows of the page's messages")
    inserted, waiting, events, services = [pipeline.link.command(*read) for read in reads]
    assert (int(inserted), waiting) == (5, 0)
    assert {fields[b"kind"] for _, fields in events} >= {b"started"}
    assert {name.partition(b":")[0] for name in services} == {b"consumer", b"writer"}
