"""What the fault tests ask of a pipeline: where every value is, what was told, what the writer says of itself."""

from sandbox.harness.oracle import Cells
from sandbox.harness.waiting import wait_until
from shared.counters import Counter
from shared.queues.snapshot import Snapshot
from tests.pipeline import Pipeline, in_csv


def assert_nothing_lost_nothing_twice(pipeline: Pipeline, expected: Cells) -> None:
    """Table and CSV files together hold exactly what was put, value by value.

    A writer killed between a file and the settling leaves rows there that are written, or saved, again: copies. And
    what is saved, and counted as such, may be in the table: Oracle's answer came too late for a machine under load.
    """
    table = pipeline.table_rows()
    saved = in_csv(pipeline.csv_rows())
    assert {**saved, **table} == expected
    assert len(saved.keys() - table.keys()) <= pipeline.snapshot()[Counter.BACKED_UP] <= len(saved)


def wait_for_state(pipeline: Pipeline, state: str) -> None:
    wait_until(lambda: writer_beat(pipeline).get("breaker") == state, what=f"the breaker to be {state}")


def writer_beat(pipeline: Pipeline) -> dict[str, str]:
    for name in pipeline.living():
        if name.startswith("writer:"):
            return pipeline.link.hash(pipeline.keys.service("writer", name.split(":", 1)[1]))
    return {}


def events(pipeline: Pipeline) -> list[str]:
    entries = pipeline.link.command("XRANGE", pipeline.keys.events, "-", "+")
    return [fields[b"kind"].decode() for _, fields in entries]


def drain(pipeline: Pipeline) -> Snapshot:
    ledger = pipeline.wait_until_idle(60)
    assert ledger[Counter.OVERFLOWED] == 0
    return ledger


def written_again(pipeline: Pipeline) -> Cells:
    """Put values until one of them is written, and return all."""
    rows: Cells = {}
    written = pipeline.snapshot()[Counter.WRITTEN]

    def is_written() -> bool:
        rows.update(pipeline.put(polls=1, tags=10))
        pipeline.wait_until_idle()
        return pipeline.snapshot()[Counter.WRITTEN] > written

    wait_until(is_written, what="values in the table")
    return rows
