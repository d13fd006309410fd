"""What the durable outbox costs: CPU of a message and of a value, beside the outbox in memory.

    python -m tools.outbox_costs [DIRECTORY]

Messages as a plant's poll of 3,491 tags makes them. *confirmed*: the DataQueue takes each at once. *away*: it takes
none until all have come, then all; *one by one*: each in a transaction of its own, as a poll a second makes them. CPU
is the process's, its threads included. Name a directory on the disk in question: the seconds are mostly its flushes.
"""

import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from sandbox.harness.feed import poll
from services.poller.news import nobody
from services.poller.outbox.durable import DurableOutbox
from services.poller.outbox.message import Message
from services.poller.outbox.outbox import Outbox
from services.poller.outbox.sender import MAX_IN_HAND
from services.poller.outbox.spool import Spool, file_name
from services.poller.outbox.waiting import Bounds
from shared.clock import SystemClock
from shared.messages import encode_polling_data

TAGS = 3491

_BOUNDS = Bounds(1_000_000, 1_000_000_000, 1_000_000_000)


def main() -> None:
    """Measure and print."""
    raw = encode_polling_data(poll(0, TAGS))
    print(f"messages of {TAGS} values, {len(raw)} bytes each")
    with tempfile.TemporaryDirectory(dir=sys.argv[1] if len(sys.argv) > 1 else None) as directory:
        for case, count in (("confirmed", 2000), ("away", 2000), ("one by one", 300)):
            for kind in ("memory", "durable"):
                outbox = _outbox(kind, Path(directory) / case)
                micros, seconds = asyncio.run(_measure(outbox, [Message(raw, TAGS, datetime.now(UTC))] * count, case))
                print(
                    f"  {case:12}{kind:8} CPU {micros:7.0f} us a message {micros / TAGS:7.3f} us a value,"
                    f" {count / seconds:7.0f} messages/s"
                )


def _outbox(kind: str, directory: Path) -> Outbox:
    if kind == "memory":
        return Outbox(_BOUNDS)
    return DurableOutbox(
        _BOUNDS, Spool(directory / file_name(), 10_000_000_000, SystemClock(), nobody), sleep=_no_grace
    )


async def _no_grace(_seconds: float) -> None:
    await asyncio.sleep(0)


async def _measure(outbox: Outbox, messages: Sequence[Message], case: str) -> tuple[float, float]:
    await outbox.open()
    cpu, began = time.process_time(), time.monotonic()
    if case == "confirmed":
        running = asyncio.create_task(outbox.run())
        for message in messages:
            await outbox.add(message)
            await _send(outbox)
        running.cancel()
    else:
        for message in messages:
            await outbox.add(message)
            if case == "one by one":
                await _save(outbox)
        await _save(outbox)
        while outbox.depth:
            await _send(outbox)
    spent = time.process_time() - cpu, time.monotonic() - began
    await outbox.close()
    return spent[0] / len(messages) * 1e6, spent[1]


async def _save(outbox: Outbox) -> None:
    if isinstance(outbox, DurableOutbox):
        await outbox.save()


async def _send(outbox: Outbox) -> None:
    await outbox.settle(len(await outbox.claim(MAX_IN_HAND)))


if __name__ == "__main__":
    main()
