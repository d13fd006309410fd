"""An outbox on the disk in the lives of one process after the other, for its tests."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from services.poller.outbox.durable import DurableOutbox
from services.poller.outbox.message import Message
from services.poller.outbox.spool import Spool, file_name
from services.poller.outbox.waiting import Bounds
from shared.records.events import Event
from tests.fakes import FakeClock

BOUNDS = Bounds(100, 1000, 100_000_000)


START = datetime(2025, 1, 1, tzinfo=UTC)


ALL = 1_000_000


def message(number: int, *, size_bytes: int = 1, lossless: bool = False) -> Message:
    raw = str(number).encode().rjust(size_bytes)
    return Message(raw, 2, START + timedelta(seconds=number), lossless=lossless)


class Life:
    """One life of an outbox in a directory, whose saving goes on in the background as it does in a poller."""

    def __init__(self, directory: Path, max_bytes: int = 100_000_000, bounds: Bounds = BOUNDS) -> None:
        self.clock = FakeClock()
        self.told: list[tuple[Event, str]] = []
        self.spool = Spool(
            directory / file_name(), max_bytes, self.clock, lambda kind, text: self.told.append((kind, text))
        )
        self.outbox = DurableOutbox(bounds, self.spool, self._sleep)
        #: Times that it began to write.
        self.tries = 0

    async def add(self, *numbers: int, **how: Any) -> None:
        for number in numbers:
            await self.outbox.add(message(number, **how))

    async def save(self) -> None:
        """Let pass what makes everything that waits be written."""
        await self._save_until(lambda: not self.outbox._unsaved(ALL))

    async def fail_to_save(self) -> None:
        """Let pass what makes one try, on a disk that refuses it."""
        tries = self.tries
        # The second begins when the first is over.
        await self._save_until(lambda: self.tries > tries + 1)

    async def _save_until(self, is_over: Callable[[], bool]) -> None:
        saving = asyncio.create_task(self.outbox.run())
        async with asyncio.timeout(30):
            while not is_over():  # noqa: ASYNC110 - what happens is in threads, and has no event
                await asyncio.sleep(0.001)
        saving.cancel()
        with suppress(asyncio.CancelledError):
            await saving

    async def _sleep(self, seconds: float) -> None:
        self.tries += 1
        await self.clock.sleep(seconds)

    async def claim(self, count: int = 1000) -> list[int]:
        return [int(message.raw) for message in await self.outbox.claim(count)]

    async def kill(self) -> None:
        """What the kernel does for a process that is killed: its files are closed, its memory is gone."""
        if self.spool._disk is not None:
            self.spool._disk._connection.close()


async def begun(directory: Path, **settings: Any) -> Life:
    life = Life(directory, **settings)
    await life.outbox.open()
    return life


def damaged_in(directory: Path) -> list[Path]:
    return [*directory.glob("*.damaged-*")]


def files_in(directory: Path) -> list[Path]:
    return [*directory.iterdir()]


def run(test: Callable[[Path], Coroutine[Any, Any, None]]) -> Callable[[Path], None]:
    """Make a test of a coroutine that takes a directory."""

    def in_loop(tmp_path: Path) -> None:
        asyncio.run(test(tmp_path))

    in_loop.__doc__ = test.__doc__
    return in_loop


class FullDisk:
    """Makes SQLite say that the disk is full, as it does when it is: its own limit on the file's size."""

    def __init__(self, life: Life) -> None:
        assert life.spool._disk is not None
        self._connection = life.spool._disk._connection

    def __enter__(self) -> None:
        (pages,) = self._connection.execute("PRAGMA page_count").fetchone()
        self._connection.execute(f"PRAGMA max_page_count={pages}")

    def __exit__(self, *_: object) -> None:
        self._connection.execute("PRAGMA max_page_count=1000000000")
