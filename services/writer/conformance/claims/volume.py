"""Claims about many rows: that a redelivery of all of them is told, and what it costs."""

import time
from collections.abc import Callable, Sequence
from itertools import islice

from services.writer.conformance.claim import Claims, NotTriedError, expect
from services.writer.conformance.place import Place, values
from services.writer.sink import BatchOutcome
from shared.models import TagValue

#: Seconds that the first delivery may take.
_MOST_S = 90.0


CLAIMS = Claims[Place]()


@CLAIMS.relied_on_by("services.writer.oracle.statements.lookup")
def redelivery(place: Place) -> str:
    """Many thousand rows that come again are all told as duplicates, at a bearable price."""
    table = place.table()
    rows, size = values(place.many_rows), place.settings.buffer_batch_size_max
    batches = [rows[begin : begin + size] for begin in range(0, len(rows), size)]
    with place.sink(table) as sink:
        first, took_s = _timed(sink.write, batches)
        again, again_s = _timed(sink.write, islice(batches, len(first)))
    written, duplicates = sum(o.written for o in first), sum(len(o.duplicates) for o in again)
    expect(written == duplicates == sum(o.size for o in first), f"{written} stored, then {duplicates} duplicates")
    if len(first) < len(batches):
        raise NotTriedError(f"{written} rows took {took_s:.0f} s, and all of them came again as duplicates")
    price = f"{again_s / took_s:.1f} times as long"
    return f"{written:,} stored in {took_s:.1f} s; told as duplicates in {again_s:.1f} s, {price}"


def _timed(
    write: Callable[[Sequence[TagValue]], BatchOutcome],
    batches: "Sequence[Sequence[TagValue]] | islice[list[TagValue]]",
) -> tuple[list[BatchOutcome], float]:
    began = time.monotonic()
    outcomes = []
    for batch in batches:
        outcomes.append(write(batch))
        if time.monotonic() - began > _MOST_S:
            break
    return outcomes, time.monotonic() - began
