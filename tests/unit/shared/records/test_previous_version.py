"""Old and new versions share a Redis during an upgrade: what 0.1.0 wrote is read, and it finds what it asks for.

`written_by_0_1_0.json` is what the services of 0.1.0 left in a Valkey: an overflow, an outage, a conflict, a value too
long, messages that are none, polls on request. Keys are without their namespace; host and directories are invented.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from shared.counters import Counter, Window
from shared.records.events import DETAILS, EventRecord, OverflowEpisode
from shared.records.files import BackupFile, FileKind, FileStage
from shared.records.heartbeats import STATUS, OracleState, PollerStatus, Process, ServiceStatus, WriterStatus
from shared.records.polling import PollerGroup, SeenGroup
from shared.records.reading import Record, from_hash, from_json

WRITTEN: dict[str, Any] = json.loads(Path(__file__).with_name("written_by_0_1_0.json").read_text("utf-8"))

#: What the monitor, the writers and the pollers of 0.1.0 ask for by name.
ASKED_BY_0_1_0: Mapping[type[Record], str] = {
    Process: "role instance incarnation version host pid started_at state",
    WriterStatus: "breaker oracle backup backup_failure backup_free_bytes last_write_at last_error",
    PollerStatus: "groups ring",
    PollerGroup: "name plc_code group_id mode interval_ms",
    SeenGroup: "plc_code group_name group_id mode interval_ms last_seen_at last_poll poll_time_ms values errors",
    BackupFile: "kind state rows bytes created host directory",
    OverflowEpisode: "began_at ended_at values oldest_timestamp newest_timestamp tags_hit tags",
    EventRecord: "kind role instance message details",
}

#: Fields that 0.1.0 wrote, nobody judged by, and nobody writes any more.
GONE = {"messages_rejected"}


def heartbeats() -> Iterator[tuple[str, dict[str, str]]]:
    for key, fields in WRITTEN.items():
        if key.startswith("service:"):
            yield key, fields


def records_of(key: str, kind: type[Record]) -> Iterator[tuple[type[Record], str]]:
    for text in WRITTEN[key].values():
        yield kind, text


@pytest.mark.parametrize(("key", "fields"), list(heartbeats()))
def test_a_heartbeat_of_0_1_0_is_read_whole(key: str, fields: dict[str, str]) -> None:
    spoiled: list[str] = []
    process = from_hash(Process, fields, spoiled)
    assert process is not None
    status = from_hash(STATUS.get(process.role, ServiceStatus), fields, spoiled)
    assert status is not None
    assert spoiled == []
    assert f"service:{process.role}:{process.instance}" == key
    assert (process.version, process.state, bool(process.pid and process.started_at)) == ("0.1.0", "running", True)
    # What neither type knows would be shown, and judged by nobody.
    known = {field.name for kind in (Process, type(status)) for field in msgspec.structs.fields(kind)}
    assert fields.keys() - known <= GONE


def test_a_writer_of_0_1_0_tells_its_outage() -> None:
    status = from_hash(WriterStatus, WRITTEN["service:writer:plant-1"])
    assert status is not None
    assert (status.oracle, status.breaker, status.backup) == (OracleState.AWAY, "open", "ok")
    assert "DPY-6005" in (status.last_error or "")
    assert status.layout is None


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        *records_of("backup_files", BackupFile),
        *records_of("overflows", OverflowEpisode),
        *records_of("polling", SeenGroup),
    ],
)
def test_a_json_record_of_0_1_0_is_read_whole(kind: type[Record], text: str) -> None:
    spoiled: list[str] = []
    record = from_json(kind, text, spoiled)
    assert record is not None
    assert spoiled == []
    assert json.loads(text).items() <= msgspec.to_builtins(record).items()


def test_files_of_0_1_0_have_the_kinds_and_stages_that_are_known() -> None:
    files = [from_json(BackupFile, text) for text in WRITTEN["backup_files"].values()]
    assert {file.kind for file in files if file} == set(FileKind)
    assert {file.state for file in files if file} == {FileStage.OPEN, FileStage.RECOVERED}
    assert [file.place for file in files if file] == [None] * len(files)


def test_groups_of_a_poller_of_0_1_0_are_read() -> None:
    status = from_hash(PollerStatus, WRITTEN["service:poller:plant-1"])
    assert status is not None
    texts = [json.dumps(group) for group in json.loads(status.groups)]
    groups = [from_json(PollerGroup, text) for text in texts]
    assert [(group.name, group.mode, group.state) for group in groups if group] == [
        ("line 1", "FIXED", "running"),
        ("line 2", "HANDSHAKE", "running"),
    ]


def test_events_of_0_1_0_have_the_figures_of_their_kind() -> None:
    events = [EventRecord(id=id_, **fields) for id_, fields in WRITTEN["events"]]
    assert len({event.kind for event in events}) > 10
    for event in events:
        if event.details is not None and event.kind in DETAILS:
            assert isinstance(event.figures, DETAILS[event.kind]), event
        assert event.at > 1.7e9


def test_counters_of_0_1_0_are_known() -> None:
    known = {*Counter, *Window}
    assert {name.partition(":")[0] for name in WRITTEN["counters"]} <= known


@pytest.mark.parametrize("kind", list(ASKED_BY_0_1_0))
def test_0_1_0_finds_every_field_that_it_asks_for(kind: type[Record]) -> None:
    assert set(ASKED_BY_0_1_0[kind].split()) <= {field.name for field in msgspec.structs.fields(kind)}
