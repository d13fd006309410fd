"""An outbox on a disk that is full or refuses, in files that are damaged, taken away or another version's."""

import asyncio
import os
import sqlite3
import tempfile
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from services.poller.outbox.spool import CHECK_S, RETRY_S, file_name
from services.poller.outbox.waiting import Bounds
from shared.records.events import Event
from tests.unit.poller.outbox.lives import ALL, FullDisk, begun, damaged_in, run


@pytest.mark.parametrize("content", [b"this is no database, but it is long enough" * 200, b"SQLite format 3\0" * 500])
def test_a_damaged_file_is_set_aside_and_a_new_one_begun(tmp_path: Path, content: bytes) -> None:
    async def test() -> None:
        (tmp_path / file_name()).write_bytes(content)
        life = await begun(tmp_path)
        (kind, text), *_ = life.told
        assert kind == Event.OUTBOX_SET_ASIDE
        (aside,) = damaged_in(tmp_path)
        assert aside.name in text
        assert aside.read_bytes() == content
        await life.add(1)
        await life.save()
        assert life.spool.damaged == [aside.name]
        await life.kill()
        assert await (await begun(tmp_path)).claim() == [1]
        aside.unlink()
        life.clock.seconds += CHECK_S
        await life.spool.open()
        assert life.spool.damaged == []

    asyncio.run(test())


@run
async def test_a_file_that_is_damaged_while_it_is_open_costs_what_was_on_it_and_says_so(tmp_path: Path) -> None:
    life = await begun(tmp_path)
    await life.add(*range(40), size_bytes=5000)
    await life.save()
    assert life.spool._disk is not None
    life.spool._disk._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    life.spool._disk._connection.execute("PRAGMA shrink_memory")
    with (tmp_path / file_name()).open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 300_000)
    await life.add(99)
    found = await life.claim()
    assert found == [99]
    assert [kind for kind, _ in life.told] == [Event.OUTBOX_SET_ASIDE]
    assert "with 40 messages" in life.told[0][1]


def test_a_directory_in_memory_is_said_to_be_one() -> None:
    """Kind: a place that goes with who writes there. POLLER_OUTBOX_DIR lay in /run, or on no volume: what the DataQueue
    had not taken was gone with the restart, and nobody had said so.
    """
    memory = Path("/dev/shm")  # noqa: S108 - that it is in memory is the point
    if not memory.is_dir() or not os.access(memory, os.W_OK):
        pytest.skip("no file system in memory here")

    async def test(directory: Path) -> None:
        life = await begun(directory)
        await life.add(1)
        await life.save()
        assert (await life.claim(), life.spool.trouble) == ([1], None)
        await life.kill()

    with tempfile.TemporaryDirectory(dir=memory) as name, capture_logs() as logs:
        asyncio.run(test(Path(name)))
    said = [log["event"] for log in logs if log["log_level"] == "warning"]
    assert len(said) == 1
    assert "does not last: it is in memory: gone with the machine's next start" in said[0]


@run
async def test_a_file_of_another_version_is_set_aside(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / file_name())
    other.execute("PRAGMA user_version=99")
    other.close()
    life = await begun(tmp_path)
    assert [kind for kind, _ in life.told] == [Event.OUTBOX_SET_ASIDE]
    assert "version 99" in life.told[0][1]


@run
async def test_a_file_that_somebody_took_away_is_noticed_and_a_new_one_begun(tmp_path: Path) -> None:
    """Kind: what is written to a file that has no name any more is gone with the process."""
    life = await begun(tmp_path)
    await life.add(1)
    await life.save()
    (tmp_path / file_name()).rename(tmp_path / "elsewhere")
    await life.add(2)
    await life.fail_to_save()
    assert [kind for kind, _ in life.told] == [Event.OUTBOX_FAILED]
    life.clock.seconds += RETRY_S
    await life.save()
    assert life.told[-1][0] == Event.OUTBOX_WORKS
    await life.kill()
    assert await (await begun(tmp_path)).claim() == [2]


@run
async def test_a_full_disk_costs_no_message_and_its_end_is_said(tmp_path: Path) -> None:
    life = await begun(tmp_path)
    await life.add(1, 2)
    await life.save()
    with FullDisk(life):
        await life.add(3, 4, size_bytes=50_000)
        await life.fail_to_save()
        assert "full" in (life.spool.trouble or "")
        # What is on the disk still goes first, then what is in memory.
        assert await life.claim() == [1, 2]
        await life.outbox.settle(ALL)
        assert await life.claim(1) == [3]
        await life.outbox.settle(ALL)
    await life.save()
    assert life.spool.trouble is None
    assert [kind for kind, _ in life.told] == [Event.OUTBOX_FAILED, Event.OUTBOX_WORKS]
    await life.kill()
    assert await (await begun(tmp_path)).claim() == [4]


@run
async def test_a_disk_that_works_again_is_said_so_although_nothing_is_to_be_written(tmp_path: Path) -> None:
    life = await begun(tmp_path)
    with FullDisk(life):
        await life.add(1, size_bytes=50_000)
        await life.fail_to_save()
        assert await life.claim() == [1]
        await life.outbox.settle(ALL)
    life.clock.seconds += CHECK_S
    await life.spool.open()
    assert life.spool.trouble is None
    assert [kind for kind, _ in life.told] == [Event.OUTBOX_FAILED, Event.OUTBOX_WORKS]


@run
async def test_in_memory_the_bounds_hold_while_the_disk_is_full(tmp_path: Path) -> None:
    life = await begun(tmp_path, bounds=Bounds(5, 1000, 100_000_000))
    with FullDisk(life):
        for number in range(12):
            await life.add(number, size_bytes=20_000)
            await life.fail_to_save()
    assert life.outbox.overflow.messages == 7
    assert await life.claim() == [*range(7, 12)]


@run
async def test_a_disk_that_refuses_to_strike_off_sends_nothing_twice_in_this_life(tmp_path: Path) -> None:
    life = await begun(tmp_path)
    await life.add(1, 2, 3)
    await life.save()
    assert life.spool._disk is not None
    life.spool._disk._connection.execute("PRAGMA query_only=1")
    assert await life.claim(2) == [1, 2]
    await life.outbox.settle(ALL)
    assert life.spool.trouble is not None
    assert await life.claim() == [3]
    await life.outbox.settle(0)
    assert life.outbox.depth == 1
    life.spool._disk._connection.execute("PRAGMA query_only=0")
    assert await life.claim() == [3]
    await life.outbox.settle(ALL)
    await life.kill()
    assert (await begun(tmp_path)).outbox.depth == 0
