"""PollingData as it travels: JSON on the DataQueue, one message a poll.

A good message is decoded at once, strictly; one that is not is read again tag by tag (`salvage.py`), so that a fault of
one tag costs that tag alone. Of a key that comes twice the last one counts, as everywhere in JSON; what it took the
place of is told as a fault (`names.py`).
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, TypeAlias

import msgspec
from msgspec import Meta, structs

from shared.errors import RejectedError
from shared.messages.names import KNOWN, meant
from shared.messages.salvage import MAX_NAME, Fault, salvage
from shared.messages.tag_fields import MAX_ADDRESS, MAX_VALUE_TEXT, told_time
from shared.models import Mode, PollingData, Quality, Row
from shared.texts import cut

#: Bytes of a message beyond which a consumer sets it aside unread, unless MESSAGE_MAX_BYTES says otherwise.
MESSAGE_MAX_BYTES = 8_000_000

# The decoder checks these in passing; a message that breaks one is read tag by tag.
_Address: TypeAlias = Annotated[str, Meta(min_length=1, max_length=MAX_ADDRESS)]
_PlcCode: TypeAlias = Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]
_GroupName: TypeAlias = Annotated[str, Meta(max_length=MAX_NAME)]
_Text: TypeAlias = Annotated[str, Meta(max_length=MAX_VALUE_TEXT)]
_Reading: TypeAlias = int | float | _Text | bool | list[Any] | dict[str, Any] | None


class _WireRow(msgspec.Struct, frozen=True, array_like=True):
    """A row as it stands in a message."""

    tag_address: _Address
    timestamp: str | None
    value: _Reading
    quality: Quality | None = None


class _WireData(msgspec.Struct, frozen=True, kw_only=True):
    """PollingData as it stands on the DataQueue: times still text, everything but the essentials may be absent.

    The time, too, where there are rows alone, each with its own.
    """

    plc_code: _PlcCode
    timestamp: str | None = None
    group_id: int = 0
    group_name: _GroupName = ""
    mode: Mode = "FIXED"
    tag_values: dict[_Address, _Reading] = {}
    poll_time_ms: float = 0.0
    error_tags: dict[_Address, str | None] = {}
    tag_qualities: dict[str, Quality] = {}
    tag_timestamps: dict[str, str] = {}
    rows: tuple[_WireRow, ...] = ()


_encoder = msgspec.json.Encoder()
_wire_decoder = msgspec.json.Decoder(_WireData)
_parts_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
_NOTHING = msgspec.Raw()


def encode_polling_data(data: PollingData | Mapping[str, Any]) -> bytes:
    """Return the JSON for the DataQueue, after checking that the consumer will understand it.

    A reading that JSON has no form for goes as one that no column can hold: it must not cost the others.
    Raises: RejectedError: a field is missing or of the wrong type, or it is too large; the text says which.
    """
    try:
        raw = _encoder.encode(data)
    except (TypeError, ValueError, RecursionError):
        raw = _encode_kindly(structs.asdict(data) if isinstance(data, PollingData) else data)
    if len(raw) > MESSAGE_MAX_BYTES:
        raise RejectedError(f"the message has {len(raw)} bytes, {MESSAGE_MAX_BYTES} are taken: split it")
    read_message(raw)
    return raw


def _encode_kindly(data: Mapping[str, Any]) -> bytes:
    """Return JSON in ASCII: what is no character is written as it is, for the consumer to judge."""
    try:
        return json.dumps(data, default=_json_form).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise RejectedError(cut(f"this reading can't be written as JSON: {error}")) from error


def _json_form(found: object) -> object:
    if isinstance(found, Row):
        return structs.astuple(found)
    return found.isoformat() if isinstance(found, datetime) else [type(found).__name__]


def read_message(raw: bytes) -> tuple[PollingData, Sequence[Fault]]:
    """Return the message that these bytes hold, and the tags that had to be left out of it.

    Raises: RejectedError: not JSON, no PLC code, no time, nothing that names tags; the text says which.
    """
    if b"\\" in raw and b"\\u0000" in raw:
        return salvage(raw, ValueError("it holds NULs"))  # those at the end of a text go
    try:
        wire = _wire_decoder.decode(raw)
        rows = tuple(map(_row, wire.rows)) if wire.rows else ()
        data = PollingData(
            timestamp=_newest(wire, rows) if wire.timestamp is None else told_time(wire.timestamp),
            group_id=wire.group_id,
            group_name=wire.group_name,
            plc_code=wire.plc_code,
            mode=wire.mode,
            tag_values=wire.tag_values,
            poll_time_ms=wire.poll_time_ms,
            error_tags={address: message or "" for address, message in wire.error_tags.items()},
            tag_qualities=wire.tag_qualities,
            tag_timestamps={address: told_time(text) for address, text in wire.tag_timestamps.items()},
            rows=rows,
        )
        has_odd_names = _has_odd_names(raw, wire)
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError) as error:
        return salvage(raw, error)
    if has_odd_names:
        return salvage(raw, ValueError("a name stands there more than once"))
    # A poll that read nothing, or one whose readings stand under another name: they must not vanish.
    return (data, ()) if data.tag_values or data.error_tags or rows else salvage(raw, ValueError("it names no tag"))


def _has_odd_names(raw: bytes, wire: _WireData) -> bool:
    """Tell whether a part is spelled otherwise, or a name may stand more than once among the readings.

    Surely, if it does: each name in JSON has a colon behind it, mostly at once; elsewhere one stands in texts alone.
    """
    if raw.count(b'"tag_values"') > 1 or (wire.rows and raw.count(b'"rows"') > 1):
        return True
    parts = _parts_decoder.decode(raw)
    if not KNOWN.issuperset(parts) and meant(parts):
        return True
    readings, names = bytes(parts.get("tag_values", _NOTHING)), len(wire.tag_values)
    return readings.count(b":") != names and readings.count(b'":') != names


def _row(row: _WireRow) -> Row:
    moment = told_time(row.timestamp) if row.timestamp is not None else None
    return Row(row.tag_address, moment, row.value, row.quality or "GOOD")


def _newest(wire: _WireData, rows: Sequence[Row]) -> datetime:
    """Return the time of a message that says none itself: its newest row's.

    Raises: ValueError: something in it has no time of its own.
    """
    times = [row.timestamp for row in rows if row.timestamp is not None]
    if wire.tag_values or wire.error_tags or not times or len(times) < len(rows):
        raise ValueError("Object missing required field `timestamp`")
    return max(times)
