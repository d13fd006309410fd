"""What the consumer does with PollingData: decode, expand, encode, push."""

import time

from bench.figures import Section
from bench.stage import Stage, cpu_of, message
from shared.counters import Counter


def run(*, quick: bool) -> Section:
    """Let the consumer turn a full DataQueue into values, for messages of different sizes."""
    count, repetitions = (200_000, 1) if quick else (350_000, 3)
    section = Section(
        "consumer",
        "3. Consumer",
        f"The DataQueue holds messages with {count:,} values; the consumer puts them on the buffer, its cap raised.",
    )
    with Stage() as stage:
        for tags in (100, 349, 3491):
            found = [_expand_all(stage, tags, count // tags) for _ in range(repetitions)]
            section.add(f"messages of {tags:,} tags", [speed for speed, _ in found], "values/s", 0)
            section.add(f"messages of {tags:,} tags, CPU", [cpu for _, cpu in found], "s per million values")
    return section


def _expand_all(stage: Stage, tags: int, messages: int) -> tuple[float, float]:
    stage.clear()
    consumer = stage.start_and_wait("consumer", BUFFER_MAX_SIZE=10**9)
    stage.prepare_queue(message(number, tags) for number in range(messages))
    with cpu_of({"consumer": consumer.pid}) as used:
        began = time.perf_counter()
        stage.open_queue()
        stage.until(lambda: stage.snapshot()[Counter.INSERTED] >= messages * tags, "the DataQueue to be emptied")
        seconds = time.perf_counter() - began
    stage.stop(consumer)
    return messages * tags / seconds, used["consumer"] / (messages * tags) * 1e6
