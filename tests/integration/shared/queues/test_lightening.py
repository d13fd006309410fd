"""Kind: what others put into a list is more than who claims it can take in. It is cut and counted, all else goes on."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sandbox.harness.redis import EmbeddedRedis
from services.consumer.rejected.rejected_list import RejectedList
from services.poller.handshake.requests import PollRequests
from services.writer.backup.csv_backup import CsvBackup
from services.writer.backup.waiting_rows import file_waiting_rows, waiting_row
from services.writer.verify.causes import RedisCauses
from shared.clock import SystemClock
from shared.errors import RedisUnavailableError
from shared.journal.events import EventLog
from shared.keys import Keys
from shared.life.heartbeat import Heartbeat
from shared.models import Lines, Oversize
from shared.queues import buffer as buffers
from shared.queues import data_queue as data_queues
from shared.queues.buffer import TagBuffer
from shared.queues.claims import Claims
from shared.queues.data_queue import DataQueue
from shared.redis.link import RedisLink
from shared.settings.models import BufferSettings

VALUE = '[1,"2025-11-02T14:30:52.123456","PLC01","D{}","12.5","GOOD"]'

NO_VALUES = Lines(b"", 0)

#: More than any answer may have.
HUGE = b"9" * 20_000_000


class Process:
    """What a consumer or a writer has of Redis."""

    def __init__(self, url: str, keys: Keys, role: str, name: str) -> None:
        self.link, self.keys = RedisLink(url), keys
        events = EventLog(self.link, keys, role)
        self.heartbeat = Heartbeat(self.link, keys, events, role, name)
        self.heartbeat.register()
        index, lists = (keys.inflight, keys.inflight_list) if role == "writer" else (keys.claimed, keys.claimed_list)
        self.index = index
        self.claims = Claims(
            self.link, keys, self.heartbeat, events, role=role, index_key=index, list_key=lists,
            apart=role == "consumer",
        )  # fmt: skip
        self.buffer = TagBuffer(self.link, keys, BufferSettings())
        self.queue = DataQueue(self.link, keys)

    def left_by_the_dead(self, *elements: bytes | str) -> None:
        """Put a list where one that a dead process left would stand."""
        list_key = f"{self.index}:gone:1"
        for start in range(0, len(elements), 1000):
            self.link.command("RPUSH", list_key, *elements[start : start + 1000])
        self.link.command("SADD", self.index, list_key)


@pytest.fixture
def writer(redis_server: EmbeddedRedis, keys: Keys) -> Iterator[Process]:
    process = Process(redis_server.url, keys, "writer", "w")
    yield process
    process.link.close()


@pytest.fixture
def consumer(redis_server: EmbeddedRedis, keys: Keys) -> Iterator[Process]:
    process = Process(redis_server.url, keys, "consumer", "c")
    yield process
    process.link.close()


def test_a_huge_value_in_the_buffer_is_cut_and_its_neighbours_are_claimed_in_order(writer: Process) -> None:
    values = [VALUE.format(number) for number in range(6)]
    writer.link.command("RPUSH", writer.keys.buffer, *values[:3], HUGE, *values[3:])
    batch = writer.buffer.claim(writer.claims, 500)
    assert batch is not None
    assert [value.tag_address for value in batch.values.values] == [f"D{number}" for number in range(6)]
    ((head, reason),) = batch.values.unreadable
    assert head == HUGE[:1024]
    assert reason == "20,000,000 bytes, of which the beginning is kept"
    assert writer.buffer.settle(batch, {}, {}), "as many as the list holds"
    assert writer.buffer.depth() == 0


def test_values_that_are_too_large_only_together_are_claimed_some_at_a_time_and_whole(writer: Process) -> None:
    """Nothing of them is cut: a text of some MB is rejected with all its letters, as before."""
    values = [f'[1,"2025-11-02T14:30:52.123456","PLC01","D{n}","{str(n) * 3_000_000}","GOOD"]' for n in range(5)]
    for value in values:
        writer.link.command("RPUSH", writer.keys.buffer, value)
    found: list[str] = []
    while (batch := writer.buffer.claim(writer.claims, 500)) is not None:
        assert not batch.values.unreadable
        found += [value.tag_value or "" for value in batch.values.values]
        writer.buffer.settle(batch, {}, {})
        writer.claims.close(batch.list_key)
    assert found == [str(n) * 3_000_000 for n in range(5)]


def test_a_list_in_flight_with_more_elements_than_any_of_ours_is_not_read_whole(writer: Process) -> None:
    most = buffers.MOST_CLAIMED
    values = [VALUE.format(number) for number in range(most + 300)]
    writer.left_by_the_dead(*values)
    assert writer.claims.sweep() == most + 300
    batch = writer.buffer.claim(writer.claims, 500)
    assert batch is not None
    assert [value.tag_address for value in batch.values.values] == [f"D{number}" for number in range(most)]
    assert writer.buffer.settle(batch, {}, {})
    # The others are claimed as any.
    after = writer.buffer.claim(writer.claims, 500)
    assert after is not None
    assert [value.tag_address for value in after.values.values] == [f"D{n}" for n in range(most, most + 300)]


def test_what_was_claimed_along_with_a_settling_and_is_too_large_is_found_again(writer: Process) -> None:
    writer.link.command("RPUSH", writer.keys.buffer, VALUE.format(1))
    batch = writer.buffer.claim(writer.claims, 500)
    assert batch is not None
    writer.link.command("RPUSH", writer.keys.buffer, HUGE, VALUE.format(2))
    with pytest.raises(RedisUnavailableError):
        writer.buffer.settle_and_claim(batch, {}, {}, writer.claims, 500)
    assert not writer.buffer.settle(batch, {}, {}), "it was settled"
    assert writer.claims.sweep() == 2
    after = writer.buffer.claim(writer.claims, 500)
    assert after is not None
    assert ([value.tag_address for value in after.values.values], len(after.values.unreadable)) == (["D2"], 1)


def test_a_claimed_list_of_huge_messages_is_claimed_cut_or_given_back(consumer: Process) -> None:
    consumer.link.command("RPUSH", f"{consumer.index}:c:x-1", *[b"{" + b"1" * 5_000_000] * 4, HUGE, "last")
    batch = None
    consumer.claims.give_back(f"{consumer.index}:c:x-1")
    sizes: list[int] = []
    while (batch := consumer.queue.claim(consumer.claims, 500, 32_000)) is not None:
        sizes += [cut.size_bytes if (cut := Oversize.of(raw)) else len(raw) for raw in batch.raws]
        consumer.buffer.push(batch, NO_VALUES, counts={})
        consumer.claims.close(batch.list_key)
    assert sizes == [*[5_000_001] * 4, len(HUGE), 4]


def test_a_claimed_list_with_more_messages_than_any_of_ours_goes_back_to_the_queue(consumer: Process) -> None:
    count = 3 * data_queues.MOST_CLAIMED
    consumer.left_by_the_dead(*(str(number) for number in range(count)))
    found: list[bytes] = []
    for _ in range(20):
        consumer.claims.sweep()
        while (batch := consumer.queue.claim(consumer.claims, 500, 32_000)) is not None:
            assert len(batch.raws) <= data_queues.MOST_CLAIMED
            found += batch.raws
            consumer.buffer.push(batch, NO_VALUES, counts={})
            consumer.claims.close(batch.list_key)
        if len(found) == count:
            break
    assert sorted(map(int, found)) == list(range(count))


def test_a_set_of_lists_that_is_too_large_to_be_read_holds_up_nothing_else(consumer: Process) -> None:
    consumer.link.command("SADD", consumer.index, HUGE)
    assert consumer.claims.sweep() == 0
    consumer.link.command("RPUSH", consumer.keys.data_queue, "message")
    assert consumer.queue.claim(consumer.claims, 500, 32_000) is not None


def test_rejected_rows_that_wait_behind_a_huge_one_are_filed(writer: Process, tmp_path: Path) -> None:
    rejects = CsvBackup(tmp_path, "rejected", SystemClock(), rotate_bytes=10**9, min_free_bytes=0)
    row = waiting_row(["2025-11-02T14:30:52", "PLC01", "D1", "PLC01.D1", "1", "GOOD", "now", "ORA-1", "why"])
    writer.link.command("RPUSH", writer.keys.rejected_rows, row, HUGE, row)
    written = file_waiting_rows(writer.link, writer.keys, rejects)
    assert written is not None
    assert written[1] == 3
    assert writer.link.command("LLEN", writer.keys.rejected_rows) == 0
    assert "20,000,000 bytes, of which the beginning is kept" in written[0].read_text("utf-8")


def test_rejected_entries_behind_a_huge_one_are_shown_and_put_back(consumer: Process) -> None:
    entry = '{"code":"BAD_JSON","reason":"r","at":"2025-11-02T14:30:52","consumer":"c","message":"{}"}'
    consumer.link.command("RPUSH", consumer.keys.rejected_messages, *[entry] * 3, HUGE, *[entry] * 3)
    rejected = RejectedList(consumer.link, consumer.keys)
    assert len([*rejected.entries()]) == 7
    cleared = rejected.retry()
    assert (cleared.done, cleared.kept) == (6, 1)
    assert consumer.queue.depth() == 6


def test_verify_leaves_out_what_is_too_large_and_cuts_nothing(writer: Process) -> None:
    """It only looks: what is there stays as it is."""
    entry = (
        '{"code":"BAD_JSON","reason":"r","at":"2025-11-02T14:30:52","consumer":"c","message":'
        '"{\\"timestamp\\":\\"2025-11-02T14:30:52\\",\\"plc_code\\":\\"PLC01\\",\\"group_id\\":1,'
        '\\"group_name\\":\\"g\\",\\"mode\\":\\"FIXED\\",\\"tag_values\\":{\\"D1\\":1}}"}'
    )
    for key in (writer.keys.rejected_messages, writer.keys.rejected_rows, writer.keys.data_queue):
        writer.link.command("RPUSH", key, HUGE, entry, entry)
    causes = RedisCauses(writer.link, writer.keys, UTC, datetime(2025, 11, 1), ".")
    assert len([cause for cause in causes.all() if cause.tags == frozenset({"PLC01.D1"})]) == 2
    assert [*causes.waiting_rows()] == []
    assert writer.link.command("LLEN", writer.keys.rejected_messages) == 3


def test_a_pollers_list_with_a_huge_request_is_read_and_the_request_is_none(writer: Process) -> None:
    requests = PollRequests(writer.link, writer.keys)
    key = writer.keys.claimed_poll_requests("p")
    writer.link.command("RPUSH", key, '{"group":"a"}', HUGE, '{"group":"b"}')
    raws = requests.claimed("p")
    assert [raw[:1] for raw in raws] == [b"{", b"\0", b"{"]
    requests.drop("p", raws[1:2])
    assert requests.claimed("p") == [raws[0], raws[2]]
