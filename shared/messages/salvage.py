"""A message that is not as it should be, read tag by tag: what is wrong with one tag costs that tag alone.

Only for messages that the strict decoder of `shared/messages/__init__.py` refused: this is slower, and kind. Its rules:

- A reading that no column can hold as a number (NaN, Infinity, 1e999, an integer of a thousand digits) is no value.
- A quality is known by its beginning ("Good", "UncertainLastUsableValue"); one that says nothing is UNCERTAIN.
- A time of a tag that is absent in any way (null, empty, the begin of a calendar, its first or last moment with an
  offset that leaves it) is that of the poll; second 60 is the next minute's first, as in PostgreSQL, hour 24 the next
  day's.
- NULs at the end of a text, an address or a PLC code go: they fill a place of fixed length, and nobody could look for
  `RUN` any more. A tag whose address would be another's then is left out.
- Text with bytes or surrogates that are no characters keeps the rest, with U+FFFD in their place, and is UNCERTAIN.
- A part's name may be spelled as other languages do (`TagQualities`), where it is not there otherwise.
- Of a name that stands there more than once the last counts; an earlier reading that is another one is left out.
- What can't be a value at all is a `Fault`: its tag, or its row, is left out, and is to be told and kept.

Pure: no I/O, no clock.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import msgspec

from shared.errors import RejectedError
from shared.messages.lenient_json import read_json
from shared.messages.names import earlier, in_one
from shared.messages.tag_fields import (
    TagError,
    check_address,
    clean_text,
    quality_of,
    time_of_tag,
    told_time,
    unusual_time,
    without_end,
    without_surrogates,
)
from shared.models import PollingData, Quality, Row
from shared.texts import TEXT_LIMIT, cut

T = TypeVar("T")

#: Characters of a name: PLC codes and group names are words for people.
MAX_NAME = 200

#: Members of a row that can't be left out: address, time (it may be null), value.
_ROW_MEMBERS = 3


@dataclass(frozen=True)
class Fault:
    """A tag, or a row, that can't become a value, and why.

    `alone` is the message reduced to it, to be read again later.
    """

    address: str
    code: str
    reason: str
    detail: str
    alone: Mapping[str, Any]


def salvage(raw: bytes, cause: Exception) -> tuple[PollingData, Sequence[Fault]]:
    """Return what can be read of a message, and the tags that had to be left out of it.

    Args: cause: why the strict decoder refused it; told where nothing better is known.
    Raises: RejectedError: it is no JSON object, or has no PLC code, no time or nothing that names tags.
    """
    try:
        message = read_json(raw)
    except ValueError:
        packed = next(
            (f"it is {what}: put the JSON as it is; " for begin, what in _PACKED if raw.startswith(begin)), ""
        )
        raise RejectedError(cut(packed + (str(cause) or type(cause).__name__)), "NO_JSON") from cause
    return _Reading(_typed(message, dict, "NO_OBJECT", _NO_OBJECT.get(type(message), ""))).read()


class _Reading:
    """One message on its way."""

    def __init__(self, message: dict[str, Any]) -> None:
        message = in_one(message)
        self._message = message
        self._plc_code = _plc_code(message)
        values = message.get("tag_values")
        self._values = _typed({} if values is None else values, dict, "NO_TAG_VALUES", "tag_values: ")
        self._errors = _error_tags(message.get("error_tags"))
        qualities, times = message.get("tag_qualities"), message.get("tag_timestamps")
        self._qualities = qualities if isinstance(qualities, dict) else {}
        self._blanket_quality: Quality | None = None if isinstance(qualities, dict | None) else "UNCERTAIN"
        self._times = times if isinstance(times, dict) else {}
        self._essentials = {key: message[key] for key in _ESSENTIALS if isinstance(message.get(key), str | int | float)}
        self._out: dict[str, dict[str, Any]] = {key: {} for key in _BY_TAG}
        self._faults: list[Fault] = []

    def read(self) -> tuple[PollingData, Sequence[Fault]]:
        """Read it. Raises: RejectedError."""
        moment, trouble = _time_of_message(self._message.get("timestamp"))
        for address in (*self._values, *(address for address in self._errors if address not in self._values)):
            try:
                self._read_tag(address, moment)
            except TagError as error:
                self._leave_out(address, error)
        for address, reading in earlier(self._values):
            repeated = TagError("REPEATED", "it stands there more than once: the last reading counts", reading)
            self._faults.append(self._fault(address, repeated, {"tag_values": {address: reading}}))
        rows = list(self._read_rows(moment))
        if moment is None:
            own = [*self._out["tag_timestamps"].values(), *(row.timestamp for row in rows if row.timestamp)]
            if not own:
                if self._faults and "timestamp" not in self._message:
                    trouble += f"; {self._faults[0].address}: {self._faults[0].reason}"
                raise RejectedError(f"timestamp: {trouble}", "NO_TIME")
            moment = max(own)
        message = self._message
        if not any(key in message for key in _READINGS) and (others := _unknown_parts(message)):
            raise RejectedError(f"none of {', '.join(_READINGS)} is there, but {cut(others)}", "NO_TAG_VALUES")
        group_id, took = message.get("group_id"), message.get("poll_time_ms")
        data = PollingData(
            timestamp=moment,
            plc_code=self._plc_code,
            group_id=group_id if type(group_id) is int else 0,
            group_name=_label(message.get("group_name"), MAX_NAME),
            mode="HANDSHAKE" if str(message.get("mode")).upper() == "HANDSHAKE" else "FIXED",
            poll_time_ms=float(took) if isinstance(took, int | float) else 0.0,
            rows=rows,
            **self._out,
        )
        return data, self._faults

    def _read_tag(self, address: str, moment_of_poll: datetime | None) -> None:
        """Put one tag among the fields. Raises: TagError: it can't become a value; nothing was put there."""
        name = self._name(address)
        quality = self._blanket_quality
        if address in self._qualities:
            quality = quality_of(self._qualities[address])
        reading, quality = _clean(self._values.get(address), quality)
        moment = self._time(self._times.get(address), moment_of_poll)
        for key, found, is_there in (
            ("tag_values", reading, address in self._values),
            ("error_tags", self._errors.get(address), address in self._errors),
            ("tag_qualities", quality, quality is not None),
            ("tag_timestamps", moment, moment is not None),
        ):
            if is_there:
                self._out[key][name] = found

    def _name(self, address: str) -> str:
        """Return the address that a tag is stored under. Raises: TagError: there is none, or another tag has it."""
        name = without_end(address)
        check_address(name)
        taken = (self._values, self._errors, self._out["tag_values"], self._out["error_tags"])
        if name != address and any(name in tags for tags in taken):
            raise TagError("NO_ADDRESS", "without the NULs at its end it is another tag's", address)
        return name

    def _read_rows(self, moment_of_poll: datetime | None) -> Iterator[Row]:
        found = self._message.get("rows")
        try:
            rows = _typed([] if found is None else found, list, "NO_ROW", "rows: ")
        except RejectedError as error:
            fault = TagError(error.code, str(error), found)
            self._faults.append(self._fault("rows", fault, {"rows": found}))
            return
        for number, row in enumerate(rows, start=1):
            try:
                yield self._read_row(row, moment_of_poll)
            except TagError as error:
                name = row[0] if isinstance(row, list) and row and isinstance(row[0], str) else f"row {number}"
                self._faults.append(self._fault(name, error, {"rows": [row]}))

    def _read_row(self, row: object, moment_of_poll: datetime | None) -> Row:
        """Return a row of an array of address, time, value and, where it has one, quality.

        Raises: TagError: it can't become a value.
        """
        if not isinstance(row, list) or len(row) < _ROW_MEMBERS:
            raise TagError("NO_ROW", "a row is an array of address, time, value and quality", row)
        address, time, reading, quality = (*row, None)[: _ROW_MEMBERS + 1]
        if not isinstance(address, str):
            raise TagError("NO_ADDRESS", "the address is no text", address)
        address = without_end(address)
        check_address(address)
        moment = self._time(time, moment_of_poll)
        reading, quality = _clean(reading, quality_of(quality))
        return Row(address, moment, reading, quality or "GOOD")

    def _time(self, text: object, moment_of_poll: datetime | None) -> datetime | None:
        """Return the time of its own that a tag or a row has; None where it is the poll's.

        Raises: TagError: it can't be read, or neither has one.
        """
        moment = time_of_tag(text)
        if moment is None and moment_of_poll is None:
            raise TagError("NO_TIME", "neither the tag nor its poll has a time", self._message.get("timestamp"))
        return moment

    def _leave_out(self, address: str, error: TagError) -> None:
        by_tag = {key: self._message.get(key) for key in _BY_TAG}
        parts = {key: {address: of[address]} for key, of in by_tag.items() if isinstance(of, dict) and address in of}
        self._faults.append(self._fault(address, error, parts))

    def _fault(self, name: str, error: TagError, parts: Mapping[str, Any]) -> Fault:
        return Fault(cut(name), error.code, error.reason, error.detail, {**self._essentials, **parts})


#: How what other programs make of a message begins, and what is no object for the same reason.
_PACKED = (
    (b"\x1f\x8b", "packed by gzip"),
    (b"x\x9c", "packed by zlib"),
    (b"(\xb5/\xfd", "packed by zstd"),
    (b"eyJ", "base64"),
)
_NO_OBJECT: dict[type, str] = {str: "it was encoded twice: ", list: "each poll is a message of its own: "}

_BY_TAG = ("tag_values", "error_tags", "tag_qualities", "tag_timestamps")
#: What readings stand under.
_READINGS = ("tag_values", "error_tags", "rows")
_ESSENTIALS = ("timestamp", "plc_code", "group_id", "group_name", "mode", "poll_time_ms")


def _clean(reading: Any, quality: Quality | None) -> tuple[Any, Quality | None]:
    """Return a reading that any column can hold, and its quality: UNCERTAIN where something had to go.

    Raises: TagError.
    """
    if not isinstance(reading, str):
        return reading, quality
    clean = clean_text(reading)
    if clean == without_end(reading):
        return clean, quality
    return clean, "BAD" if quality == "BAD" else "UNCERTAIN"


def _time_of_message(text: object) -> tuple[datetime | None, str]:
    """Return a poll's time, or None and why there is none."""
    try:
        text = _typed(text, str, "NO_TIME")
        return told_time(text), ""
    except RejectedError as error:
        return None, str(error)
    except (ValueError, OverflowError) as error:
        return unusual_time(str(text)), cut(str(error))


def _plc_code(message: dict[str, Any]) -> str:
    if "plc_code" not in message:
        missing = "plc_code" if "timestamp" in message else "timestamp"
        raise RejectedError(f"Object missing required field `{missing}`", "NO_PLC_CODE")
    plc_code = without_end(_typed(message["plc_code"], str, "NO_PLC_CODE", "plc_code: "))
    if not plc_code or len(plc_code) > MAX_NAME or without_surrogates(plc_code) != plc_code:
        raise RejectedError(f"plc_code: {cut(repr(plc_code))} is no text of 1 to {MAX_NAME} characters", "NO_PLC_CODE")
    return plc_code


def _unknown_parts(message: Mapping[str, Any]) -> str:
    """Return the names of parts that nobody knows and that hold something: readings may stand there."""
    known = {*_READINGS, *_ESSENTIALS, *_BY_TAG}
    return ", ".join(
        name for name, part in message.items() if name not in known and isinstance(part, dict | list) and part
    )


def _error_tags(found: object) -> dict[str, str]:
    """Return address -> what went wrong, from an object of anything, or a list of addresses."""
    if isinstance(found, dict):
        return {address: _label(text, TEXT_LIMIT) for address, text in found.items()}
    if isinstance(found, list):
        return {address: "" for address in found if isinstance(address, str)}
    return {}


def _label(found: object, limit: int) -> str:
    return "" if found is None else cut(found, limit)


def _typed(found: object, kind: type[T], code: str, name: str = "") -> T:
    """Return what is found, where it is of a kind. Raises: RejectedError: it is not, in the strict decoder's words."""
    if isinstance(found, kind):
        return found
    try:
        return msgspec.convert(found, kind)
    except msgspec.ValidationError as error:
        raise RejectedError(f"{name}{error}", code) from None
