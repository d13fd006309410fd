"""What a put costs by what Redis promises for it: `python -m tools.put_costs`.

Two servers of their own on this machine, one the other's replica; `appendfsync` always and everysec, with and without a
replica's confirmation. Prints the time of one put of 3,491 values, and how many values a second one producer puts.
"""

from statistics import median
from time import perf_counter

import redis

from sandbox.harness.feed import poll
from sandbox.harness.redis import EmbeddedRedis
from sandbox.harness.waiting import wait_until
from shared.messages import encode_polling_data
from shared.queues.data_queue import DataQueue

#: Puts that are timed, values of each; messages of one step and values of each, at the highest rate; seconds of that.
PUTS, VALUES = 150, 3_491
STEP, STEP_VALUES, RATE_S = 50, 349, 3.0


def main() -> None:
    """Measure all four."""
    for appendfsync in ("always", "everysec"):
        options = ["--appendfsync", appendfsync, "--repl-diskless-sync-delay", "0"]
        with (
            EmbeddedRedis(options=options) as primary,
            EmbeddedRedis(options=[*options, "--replicaof", f"127.0.0.1 {primary.port}"]),
            redis.Redis(port=primary.port) as client,
        ):
            wait_until(lambda client=client: client.set("x", 1) and client.wait(1, 100), 30)  # type: ignore[misc]
            for replicas in (0, 1):
                queue = DataQueue.connect(primary.url, max_messages=1_000_000, replicas=replicas)
                print(f"{appendfsync:8}  {replicas} replicas confirm: {measured(queue)}")
                queue.close()
                client.flushall()


def measured(queue: DataQueue) -> str:
    """Return the time of one put, and the highest rate."""
    times = []
    for number in range(PUTS):
        message = [encode_polling_data(poll(number, VALUES))]
        began = perf_counter()
        queue.put_encoded(message, timeout=5)
        times.append((perf_counter() - began) * 1000)
    step = [encode_polling_data(poll(number, STEP_VALUES)) for number in range(STEP)]
    began, done = perf_counter(), 0
    while perf_counter() - began < RATE_S:
        done += queue.put_encoded(step, timeout=5)
    rate = done * STEP_VALUES / (perf_counter() - began)
    times.sort()
    slow = times[int(0.95 * PUTS)]
    return f"{median(times):.1f} ms in the median, {slow:.1f} ms at 95 %; {rate:,.0f} values/s at most"


if __name__ == "__main__":
    main()
