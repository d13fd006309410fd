"""The durable outbox over real files: what outlives a process, in which order, and what a failing disk costs."""

import asyncio
import os
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.poller.outbox.disk import Disk
from services.poller.outbox.message import OVERHEAD_BYTES
from services.poller.outbox.outbox import MAX_BYTES_IN_HAND
from services.poller.outbox.spool import RETRY_S, file_name
from services.poller.outbox.waiting import Bounds
from shared.records.events import Event
from tests.unit.poller.outbox.lives import ALL, START, begun, files_in, message, run


@run
async def test_what_waited_outlives_the_process_and_goes_first_in_order(tmp_path: Path) -> None:
    first = await begun(tmp_path)
    await first.add(1, 2, 3)
    await first.save()
    await first.kill()
    second = await begun(tmp_path)
    assert second.outbox.depth == 3
    await second.add(4)
    assert await second.claim(2) == [1, 2]
    await second.outbox.settle(ALL)
    await second.add(5)
    assert await second.claim() == [3]
    await second.outbox.settle(ALL)
    assert await second.claim() == [4, 5]
    await second.outbox.settle(ALL)
    assert second.outbox.depth == 0
    await second.kill()
    third = await begun(tmp_path)
    assert third.outbox.depth == 0


@run
async def test_what_is_in_the_senders_hands_is_written_too(tmp_path: Path) -> None:
    """Kind: the message that was being sent when the process died was in no place at all."""
    life = await begun(tmp_path)
    await life.add(1, 2, 3)
    assert await life.claim(2) == [1, 2]
    await life.save()
    await life.kill()
    assert await (await begun(tmp_path)).claim() == [1, 2, 3]


@run
async def test_nothing_is_written_while_the_data_queue_confirms(tmp_path: Path) -> None:
    life = await begun(tmp_path)
    for number in range(20):
        await life.add(number)
        assert await life.claim() == [number]
        await life.outbox.settle(ALL)
    await life.save()
    assert life.spool.size_bytes == 0
    assert life.clock.slept == []


@run
async def test_what_did_not_go_is_on_the_disk_alone_and_goes_before_what_came_later(tmp_path: Path) -> None:
    life = await begun(tmp_path)
    await life.add(1, 2, 3)
    assert await life.claim(3) == [1, 2, 3]
    await life.save()
    await life.outbox.settle(1)
    assert life.outbox.depth == 2
    assert life.outbox.size_bytes == 0
    await life.add(4)
    assert await life.claim() == [2, 3]
    await life.outbox.settle(ALL)
    assert await life.claim() == [4]


@run
async def test_what_left_while_it_was_written_is_struck_off(tmp_path: Path) -> None:
    """Kind: written and confirmed at the same time, and sent again at the next start."""
    life = await begun(tmp_path)
    await life.add(1, 2)
    assert await life.claim(1) == [1]
    async with life.spool._turn:
        saving = asyncio.create_task(life.outbox.close())
        await asyncio.sleep(0)
        await life.outbox.settle(ALL)
    await saving
    assert await (await begun(tmp_path)).claim() == [2]


@run
async def test_beyond_its_bound_the_oldest_on_the_disk_go_and_are_counted(tmp_path: Path) -> None:
    life = await begun(tmp_path, max_bytes=10 * (1000 + OVERHEAD_BYTES))
    for number in range(25):
        await life.add(number, size_bytes=1000)
        await life.save()
    assert life.spool.count == 10
    lost = life.outbox.overflow
    assert (lost.messages, lost.values, lost.first, lost.last) == (15, 30, START, START + timedelta(seconds=14))
    assert life.spool.size_bytes <= 10 * (1000 + OVERHEAD_BYTES)
    assert await life.claim() == [*range(15, 25)]


@run
async def test_what_is_in_the_senders_hands_is_not_discarded(tmp_path: Path) -> None:
    life = await begun(tmp_path, max_bytes=3 * (1000 + OVERHEAD_BYTES))
    await life.add(0, 1, 2, size_bytes=1000)
    await life.save()
    assert await life.claim(1) == [0]
    await life.add(3, 4, size_bytes=1000)
    await life.save()
    await life.outbox.settle(0)
    assert await life.claim() == [0, 3, 4]
    assert life.outbox.overflow.messages == 2


@run
async def test_lossless_messages_stay_in_memory_their_source_has_them(tmp_path: Path) -> None:
    life = await begun(tmp_path)
    await life.add(1, lossless=True)
    await life.add(2)
    await life.save()
    await life.kill()
    assert await (await begun(tmp_path)).claim() == [2]


@run
async def test_a_stop_writes_everything_at_once(tmp_path: Path) -> None:
    life = await begun(tmp_path)
    await life.add(*range(50))
    await life.outbox.close()
    assert (await begun(tmp_path)).outbox.depth == 50


@run
async def test_a_directory_that_another_process_has_is_waited_for_in_memory(tmp_path: Path) -> None:
    """Kind: two pollers on one directory, each of which deletes what the other one has not sent."""
    first, second = await begun(tmp_path), await begun(tmp_path)
    assert [kind for kind, _ in second.told] == [Event.OUTBOX_FAILED]
    assert "another process has it" in (second.spool.trouble or "")
    await first.add(1)
    await first.save()
    await second.add(2)
    assert await second.claim() == [2]
    await second.outbox.settle(0)
    await first.kill()
    second.clock.seconds += RETRY_S
    await second.save()
    assert second.spool.trouble is None
    assert [kind for kind, _ in second.told] == [Event.OUTBOX_FAILED, Event.OUTBOX_WORKS]
    # The other one's came first.
    assert await second.claim() == [1, 2]


@run
async def test_the_files_are_bounded_too_however_often_they_fill_and_empty(tmp_path: Path) -> None:
    """Kind: a log that is never folded back because somebody still reads, or that no one counts."""
    life = await begun(tmp_path, max_bytes=5_000_000, bounds=Bounds(10_000, 100_000, 100_000_000))
    sizes = []
    for _ in range(4):
        for number in range(300):
            await life.add(number, size_bytes=40_000)
            if number % 20 == 0:
                await life.outbox.save()
        await life.outbox.save()
        while life.outbox.depth:
            await life.claim(50)
            await life.outbox.settle(ALL)
        sizes.append({path.name: path.stat().st_size for path in files_in(tmp_path)})
    assert max(sum(size.values()) for size in sizes) < 5_000_000 * 1.2 + 2 * MAX_BYTES_IN_HAND
    assert sizes[-1][file_name()] <= sizes[0][file_name()] * 1.1


def test_each_commit_is_flushed_to_the_disk(tmp_path: Path) -> None:
    """What NORMAL leaves to the next checkpoint a power cut takes with it. 2 is FULL."""
    disk = Disk(tmp_path / file_name(), 1_000_000)
    assert disk._connection.execute("PRAGMA synchronous").fetchone() == (2,)
    assert disk._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


STEPS = st.lists(st.sampled_from(["add", "save", "send", "fail", "kill"]), max_size=40)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(steps=STEPS)
def test_whatever_happens_what_was_written_is_sent_in_order(
    steps: list[str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The model: a list. Only what was never written, nor sent, may be missing after a kill; nothing is sent twice."""

    async def test() -> None:
        directory = tmp_path_factory.mktemp("outbox")
        life = await begun(directory)
        written, fresh, sent = list[int](), list[int](), list[int]()
        for number, step in enumerate(steps):
            if step == "add":
                await life.add(number)
                fresh.append(number)
            elif step == "save":
                await life.save()
                written, fresh = written + fresh, []
            elif step == "kill":
                await life.kill()
                life, fresh = await begun(directory), []
            elif written or fresh:
                got = await life.claim(2)
                assert got == (written or fresh)[: len(got)]
                done = len(got) if step == "send" else len(got) // 2
                sent += got[:done]
                await life.outbox.settle(done)
                written, fresh = ([*filter(lambda n: n not in got[:done], some)] for some in (written, fresh))
            assert life.outbox.depth == len(written) + len(fresh)
        assert sent == sorted(set(sent))
        await life.kill()

    asyncio.run(test())


def test_readings_on_the_disk_are_for_nobody_else_on_the_machine(tmp_path: Path) -> None:
    """Kind: plant data that everybody who has an account may read."""
    before = os.umask(0)
    try:
        disk = Disk(tmp_path / file_name(), 1_000_000)
        disk.append([message(1)], 0)
        modes = {path.name: path.stat().st_mode & 0o7777 for path in tmp_path.iterdir()}
        disk.close()
    finally:
        os.umask(before)
    assert len(modes) > 1, "the file and its log"
    assert set(modes.values()) == {0o640}
