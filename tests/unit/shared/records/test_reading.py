"""Reading a record raises nothing, whatever stands there, and what it returns has the types that it says."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.records.events import OverflowEpisode
from shared.records.files import BackupFile
from shared.records.heartbeats import PollerStatus, Process, WriterStatus
from shared.records.losses import Loss
from shared.records.polling import PollerGroup, PollResult, SeenGroup
from shared.records.reading import Record, from_hash, from_json, json_array, json_object, to_hash, to_json
from shared.records.rejected import RejectedEntry
from shared.texts import TEXT_LIMIT

KINDS: list[type[Record]] = [
    BackupFile, Loss, OverflowEpisode, PollerGroup, PollerStatus, PollResult, Process, RejectedEntry, SeenGroup,
    WriterStatus,
]  # fmt: skip

ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=400), inner, max_size=3),
    max_leaves=6,
)


def fields_of(kind: type[Record], values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    names = [field.name for field in msgspec.structs.fields(kind)]
    return st.dictionaries(st.sampled_from(names) | st.text(max_size=9), values, max_size=len(names) + 2)


def is_sound(record: Record) -> bool:
    """Tell whether every field is of its type."""
    return msgspec.convert(msgspec.to_builtins(record), type(record)) == record


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_an_object_holds_a_record_of_it_is_sound_or_none(kind: type[Record], data: st.DataObject) -> None:
    spoiled: list[str] = []
    record = from_json(kind, json.dumps(data.draw(fields_of(kind, ODD))), spoiled)
    assert record is None or is_sound(record)
    assert record is not None or spoiled == []


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_whatever_a_hash_holds_a_record_of_it_is_sound_or_none(kind: type[Record], data: st.DataObject) -> None:
    record = from_hash(kind, data.draw(fields_of(kind, st.text(max_size=400) | st.floats().map(str))))
    assert record is None or is_sound(record)


@pytest.mark.parametrize("raw", [b"", b"\xff", b"null", b"[]", b"7", b"{", b"[" * 100_000, b'{"a":' * 100_000])
def test_bytes_that_are_nothing_are_nothing(raw: bytes) -> None:
    assert [kind for kind in KINDS if from_json(kind, raw) is not None] == []
    assert json_object(raw) is None
    assert json_array(raw.decode(errors="replace")) == []


def test_a_text_that_is_too_long_is_cut_and_no_spoiled_field() -> None:
    spoiled: list[str] = []
    status = from_hash(WriterStatus, {"last_error": "x" * 100_000, "oracle": "away"}, spoiled)
    assert status is not None
    assert status.last_error == f"{'x' * TEXT_LIMIT}... (100000 characters)"
    assert (status.oracle, spoiled) == ("away", [])


def test_a_message_to_put_back_is_not_cut() -> None:
    entry = RejectedEntry(reason="r", at="t", consumer="c", message="x" * 100_000)
    assert from_json(RejectedEntry, to_json(entry)) == entry


@pytest.mark.parametrize(
    "record",
    [
        WriterStatus(oracle="ok", last_write_at=1.5, connections_open=3),
        PollerStatus(groups='[{"name":"a"}]', ring=7),
        Loss(overflowed=3, difference=-2, at=7),
    ],
)
def test_what_is_written_to_a_hash_is_read_again(record: Record) -> None:
    fields = to_hash(record)
    assert None not in fields.values()
    assert from_hash(type(record), fields) == record


def test_a_lone_surrogate_does_not_cost_a_record() -> None:
    group = SeenGroup(plc_code="caf\udce9", group_name="g")
    assert from_json(SeenGroup, to_json(group)) == SeenGroup(plc_code="caf?", group_name="g")
