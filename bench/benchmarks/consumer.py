"""What the consumer does with PollingData: decode, expand, encode, push."""

import time
from datetime import datetime, timedelta

from bench.figures import Section
from bench.stage import Stage, cpu_of
from shared.counters import Counter
from shared.messages import encode_polling_data
from shared.models import PollingData

_START = datetime(2026, 1, 1)  # noqa: DTZ001 - as many polling engines write it


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
    aside = f"{stage.keys.data_queue}:aside"
    for number in range(messages):
        stage.link.command("RPUSH", aside, _message(number, tags))
    with cpu_of({"consumer": consumer.pid}) as used:
        began = time.perf_counter()
        stage.link.command("RENAME", aside, stage.keys.data_queue)
        stage.until(lambda: stage.snapshot()[Counter.INSERTED] >= messages * tags, "the DataQueue to be emptied")
        seconds = time.perf_counter() - began
    stage.stop(consumer)
    return messages * tags / seconds, used["consumer"] / (messages * tags) * 1e6


def _message(number: int, tags: int) -> bytes:
    return encode_polling_data(
        PollingData(
            timestamp=_START + timedelta(milliseconds=number),
            group_id=1,
            group_name="line 1",
            plc_code="PLC01",
            tag_values={f"D{tag}": number + tag * 1.5 for tag in range(tags)},
        )
    )
