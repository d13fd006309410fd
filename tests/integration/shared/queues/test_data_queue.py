"""The DataQueue as a polling engine meets it."""

import json
import os
import subprocess
import sys
import time
from contextlib import suppress

import pytest

from sandbox.harness.feed import poll
from sandbox.harness.redis import EmbeddedRedis
from shared.errors import QueueFullError, RedisUnavailableError, RejectedError
from shared.keys import Keys
from shared.queues.data_queue import DataQueue

READING = {
    "timestamp": "2025-11-02T14:30:52.123456", "group_id": 1, "group_name": "line 1", "plc_code": "PLC01",
    "mode": "FIXED", "tag_values": {"D100": 12.5}, "poll_time_ms": 3.1, "error_tags": {},
}  # fmt: skip


@pytest.mark.req("FR-001")
def test_put_queues_the_same_json_that_any_language_can_push(redis_server: EmbeddedRedis, namespace: str) -> None:
    queue = DataQueue.connect(redis_server.url, namespace)
    assert queue.put(READING) == 1
    assert queue.put(poll(0, 3)) == 2
    link = queue.link
    assert json.loads(link.command("LINDEX", Keys(namespace).data_queue, 0)) == READING
    assert json.loads(link.command("LINDEX", Keys(namespace).data_queue, 1))["tag_values"] == {
        "D0": 0.5, "D1": 1.5, "D2": 2.5,
    }  # fmt: skip
    queue.close()


def test_a_full_queue_refuses_after_the_time_asked_for(redis_server: EmbeddedRedis, namespace: str) -> None:
    queue = DataQueue.connect(redis_server.url, namespace, max_messages=2)
    queue.put(READING)
    queue.put(READING)
    began = time.monotonic()
    with pytest.raises(QueueFullError, match="maximum of 2 messages"):
        queue.put(READING, timeout=0.3)
    assert 0.2 < time.monotonic() - began < 3
    assert queue.depth() == 2
    queue.close()


@pytest.mark.req("FR-001")
@pytest.mark.parametrize("state", ["gone", "frozen"])
def test_put_never_blocks_for_longer_than_asked_when_redis_is_away(state: str) -> None:
    with EmbeddedRedis() as redis:
        queue = DataQueue.connect(redis.url)
        queue.put(READING)
        if state == "gone":
            redis.kill()
        else:
            redis.pause()
        for _ in range(3):
            began = time.monotonic()
            with pytest.raises(RedisUnavailableError):
                queue.put(READING, timeout=0.2)
            assert time.monotonic() - began < 1
        redis.resume()
        queue.close()


def test_what_is_put_as_a_program_ends_is_queued(redis_server: EmbeddedRedis, namespace: str) -> None:
    """Kind: a way that is closed before the last one took it. An engine that puts what it still has as it ends met
    "cannot schedule new futures after interpreter shutdown", and its last readings were nowhere.
    """
    program = (
        "import atexit, sys\n"
        "from sandbox.harness.feed import poll\n"
        "from shared.data_queue import DataQueue\n"
        "queue = DataQueue.connect(*sys.argv[1:])\n"
        "queue.put(poll(0, 1), timeout=5)\n"
        "atexit.register(lambda: queue.put(poll(1, 1), timeout=5))\n"
    )
    done = subprocess.run([sys.executable, "-c", program, redis_server.url, namespace], capture_output=True, check=True)
    assert done.stderr == b""
    assert DataQueue.connect(redis_server.url, namespace).depth() == 2


def test_a_process_that_was_forked_puts_as_its_parent_does(redis_server: EmbeddedRedis, namespace: str) -> None:
    """Kind: a thread that is not there any more is waited for. Servers of Python load an application, and fork: in each
    of their processes every put ended with "Redis did not answer", beside a Redis that did.
    """
    queue = DataQueue.connect(redis_server.url, namespace)
    assert queue.put(poll(0, 1), timeout=5) == 1
    children = []
    for child in range(1, 3):
        if (pid := os.fork()) == 0:
            with suppress(BaseException):
                queue.put(poll(child, 1), timeout=5)
                os._exit(0)
            os._exit(1)
        children.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0, 0]
    assert queue.put(poll(3, 1), timeout=5) == 4
    queue.close()


@pytest.mark.parametrize(
    ("reading", "reason"),
    [
        ({**READING, "timestamp": "soon"}, "Invalid isoformat"),
        ({**READING, "tag_values": [1]}, "tag_values"),
        ({"timestamp": "2026-01-01"}, "plc_code"),
        ({**READING, "plc_code": ""}, "plc_code"),
    ],
)
def test_what_the_consumer_would_not_understand_is_refused_at_once(
    redis_server: EmbeddedRedis, namespace: str, reading: dict[str, object], reason: str
) -> None:
    queue = DataQueue.connect(redis_server.url, namespace)
    with pytest.raises(RejectedError, match=reason):
        queue.put(reading)
    assert queue.depth() == 0
    queue.close()


def test_a_timeout_of_nothing_is_a_mistake(redis_server: EmbeddedRedis, namespace: str) -> None:
    queue = DataQueue.connect(redis_server.url, namespace)
    with pytest.raises(ValueError, match="more than 0 seconds"):
        queue.put(READING, timeout=0)
    queue.close()


def test_put_many_queues_all_in_one_step_and_in_order(redis_server: EmbeddedRedis, namespace: str) -> None:
    queue = DataQueue.connect(redis_server.url, namespace)
    # More than one RPUSH of the script takes.
    assert queue.put_many([poll(number, 1) for number in range(2500)]) == 2500
    raws = queue.link.command("LRANGE", Keys(namespace).data_queue, 0, -1)
    assert [json.loads(raw)["tag_values"]["D0"] for raw in raws] == [number * 1000 + 0.5 for number in range(2500)]
    assert queue.put_many([]) == 0
    queue.close()


def test_put_many_queues_as_many_as_fit_and_says_how_many(redis_server: EmbeddedRedis, namespace: str) -> None:
    queue = DataQueue.connect(redis_server.url, namespace, max_messages=5)
    assert queue.put_many([poll(number, 1) for number in range(3)]) == 3
    assert queue.put_many([poll(number, 1) for number in range(3, 9)]) == 2
    raws = queue.link.command("LRANGE", Keys(namespace).data_queue, 0, -1)
    assert [json.loads(raw)["tag_values"]["D0"] for raw in raws] == [number * 1000 + 0.5 for number in range(5)]
    with pytest.raises(QueueFullError, match="maximum of 5 messages"):
        queue.put_many([poll(9, 1)], timeout=0.1)
    assert queue.depth() == 5
    queue.close()


def test_put_many_queues_nothing_when_one_can_not_be_understood(redis_server: EmbeddedRedis, namespace: str) -> None:
    queue = DataQueue.connect(redis_server.url, namespace)
    with pytest.raises(RejectedError, match="tag_values"):
        queue.put_many([READING, {**READING, "tag_values": [1]}])
    assert queue.depth() == 0
    queue.close()


def test_an_empty_message_at_the_head_is_waited_for_like_any_other(redis_server: EmbeddedRedis, namespace: str) -> None:
    queue = DataQueue.connect(redis_server.url, namespace)
    queue.link.command("RPUSH", Keys(namespace).data_queue, b"")
    assert queue.wait(0.1)
    queue.close()
