"""What the tests of feeds share: rows as a plant has them, and what the table must hold of them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sandbox.harness.oracle import Cells
from sandbox.harness.waiting import wait_until
from tests.pipeline import Pipeline

FEEDS = Path(__file__).parents[3] / "deploy" / "feeds"

NOON = datetime(2026, 1, 2, 12)

#: Values as JSON writes them, and what is stored of each.
VALUES: list[tuple[Any, str, str]] = [
    (12.5, "12.5", "GOOD"), (True, "1", "GOOD"), (None, "NULL", "BAD"), ("열림", "열림", "GOOD"), (7, "7", "GOOD"),
    (-3e-9, "-3e-09", "GOOD"), (9007199254740991, "9007199254740991", "GOOD"),
]  # fmt: skip

#: Integers that JavaScript has no number for.
BEYOND: list[tuple[Any, str, str]] = [
    (number, str(number), "GOOD") for number in (2**53 + 1, 2**64 - 1, -(2**63), 12_345_678_901_234_567_890_123)
]


def rows(plcs: list[str], count: int = 3, values: Sequence[tuple[Any, str, str]] = VALUES) -> list[dict[str, Any]]:
    """Return rows of several times of each tag of each PLC."""
    return [
        {"plc": plc, "tag": f"D{tag}", "time": f"{(NOON + timedelta(seconds=n)).isoformat()}.000001Z", "value": value}
        for plc in plcs
        for n in range(count)
        for tag, (value, _, _) in enumerate(values)
    ]


def stored(plcs: list[str], count: int = 3, values: Sequence[tuple[Any, str, str]] = VALUES) -> Cells:
    """Return what the table must hold of those rows."""
    return {
        (f"{plc}.D{tag}", NOON + timedelta(seconds=n, microseconds=1)): (text, quality)
        for plc in plcs
        for n in range(count)
        for tag, (_, text, quality) in enumerate(values)
    }


def in_table(pipeline: Pipeline, wanted: Cells) -> Cells:
    """Wait until the table holds as many rows of the same PLCs; return them."""
    plcs = {name.partition(".")[0] for name, _ in wanted}

    def found() -> Cells:
        return {key: cells for key, cells in pipeline.table_rows().items() if key[0].partition(".")[0] in plcs}

    wait_until(lambda: len(found()) >= len(wanted), 60, f"{len(wanted)} rows of {plcs}")
    return found()


def messages_of(pipeline: Pipeline) -> int:
    """Return how many messages the consumer has understood."""
    return int(pipeline.link.hash(pipeline.keys.counters).get("messages", 0))
