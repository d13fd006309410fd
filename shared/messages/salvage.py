"""A message that is not as it should be, read tag by tag: what is wrong with one tag costs that tag alone.

Only for messages that the strict decoder of `shared/messages/__init__.py` refused: this is slower, and kind. Its rules:

- A reading that no column can hold as a number (NaN, Infinity, 1e999, an integer of a thousand digits) is no value.
- A quality is known by its beginning ("Good", "UncertainLastUsableValue"); one that says nothing is UNCERTAIN.
- A time of a tag that is absent in any way (null, empty, the calendar's first or last moment with an offset that leaves
  it) is that of the poll; second 60 is the next minute's first, as in PostgreSQL.
- Text with bytes or surrogates that are no characters keeps the rest, with U+FFFD in their place, and is UNCERTAIN.
- What can't be a value at all is a `Fault`: its tag is left out, and is to be told and kept.

Pure: no I/O, no clock.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from shared.errors import RejectedError
from shared.messages.lenient_json import read_json
from shared.models import stored_timestamp
from shared.texts import TEXT_LIMIT, cut

#: Characters of a name: PLC codes and group names are words for people.
MAX_NAME = 200

#: Characters of an address: with four bytes each no text column of Oracle holds more (VARCHAR2(4000)).
MAX_ADDRESS = 1000

#: Characters of a text value: the longest VARCHAR2 that there is, with MAX_STRING_SIZE=EXTENDED.
MAX_VALUE_TEXT = 32_767

#: Hours and minutes, second 60, the rest.
_SECOND_60 = re.compile(r"(.*\d\d:\d\d):60(?!\d)(.*)", re.ASCII)

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True)
class Fault:
    """A tag that can't become a value, and why; `alone` is the message reduced to it, to be read again later."""

    address: str
    reason: str
    detail: str
    alone: Mapping[str, Any]


@dataclass
class Salvage:
    """What could be read of a message: fields of PollingData, and the tags that had to be left out."""

    fields: dict[str, Any]
    faults: list[Fault] = field(default_factory=list)


class _TagError(Exception):
    """One tag can't become a value."""

    def __init__(self, reason: str, detail: object) -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = cut(detail if isinstance(detail, str) else repr(detail))


def salvage(raw: bytes, cause: Exception) -> Salvage:
    """Return what can be read of a message.

    Args: cause: why the strict decoder refused it; told where nothing better is known.
    Raises: RejectedError: it is no JSON object, or has no PLC code, no time or nothing that names tags.
    """
    try:
        message = read_json(raw)
    except ValueError:
        raise RejectedError(cut(str(cause) or type(cause).__name__)) from cause
    if not isinstance(message, dict):
        raise RejectedError(f"Expected `object`, got `{_json_type(message)}`")
    return _Reading(message).read()


class _Reading:
    """One message on its way to a Salvage."""

    def __init__(self, message: dict[str, Any]) -> None:
        self._message = message
        self._plc_code = _plc_code(message)
        self._values = _tag_values(message)
        self._errors = _error_tags(message.get("error_tags"))
        qualities, times = message.get("tag_qualities"), message.get("tag_timestamps")
        self._qualities = qualities if isinstance(qualities, dict) else {}
        self._blanket_quality = None if isinstance(qualities, dict | None) else "UNCERTAIN"
        self._times = times if isinstance(times, dict) else {}
        self._essentials = {key: message[key] for key in _ESSENTIALS if isinstance(message.get(key), str | int | float)}
        self._out: dict[str, dict[str, Any]] = {key: {} for key in _BY_TAG}
        self._faults: list[Fault] = []

    def read(self) -> Salvage:
        """Read it.

        Raises: RejectedError.
        """
        moment, trouble = _time_of_message(self._message.get("timestamp"))
        for address in (*self._values, *(address for address in self._errors if address not in self._values)):
            try:
                self._read_tag(address, moment)
            except _TagError as error:
                self._leave_out(address, error)
        if moment is None:
            if not self._out["tag_timestamps"]:
                raise RejectedError(f"timestamp: {trouble}")
            moment = max(self._out["tag_timestamps"].values())
        message = self._message
        group_id, took = message.get("group_id"), message.get("poll_time_ms")
        fields = {
            "timestamp": moment,
            "plc_code": self._plc_code,
            "group_id": group_id if type(group_id) is int else 0,
            "group_name": _label(message.get("group_name"), MAX_NAME),
            "mode": "HANDSHAKE" if str(message.get("mode")).upper() == "HANDSHAKE" else "FIXED",
            "poll_time_ms": float(took) if isinstance(took, int | float) else 0.0,
            **self._out,
        }
        return Salvage(fields, self._faults)

    def _read_tag(self, address: str, moment_of_poll: datetime | None) -> None:
        """Put one tag among the fields.

        Raises: _TagError: it can't become a value; nothing was put there.
        """
        _check_address(address)
        reading = self._values.get(address)
        quality = self._blanket_quality
        if address in self._qualities:
            quality = _quality(self._qualities[address])
        if isinstance(reading, str) and (clean := _clean_text(reading)) != reading:
            reading, quality = clean, "BAD" if quality == "BAD" else "UNCERTAIN"
        moment = _time_of_tag(self._times.get(address))
        if moment is None and moment_of_poll is None:
            raise _TagError("neither the tag nor its poll has a time", self._message.get("timestamp"))
        for key, found, is_there in (
            ("tag_values", reading, address in self._values),
            ("error_tags", self._errors.get(address), address in self._errors),
            ("tag_qualities", quality, quality is not None),
            ("tag_timestamps", moment, moment is not None),
        ):
            if is_there:
                self._out[key][address] = found

    def _leave_out(self, address: str, error: _TagError) -> None:
        by_tag = {key: self._message.get(key) for key in _BY_TAG}
        parts = {key: {address: of[address]} for key, of in by_tag.items() if isinstance(of, dict) and address in of}
        self._faults.append(Fault(cut(address), error.reason, error.detail, {**self._essentials, **parts}))


_BY_TAG = ("tag_values", "error_tags", "tag_qualities", "tag_timestamps")
_ESSENTIALS = ("timestamp", "plc_code", "group_id", "group_name", "mode", "poll_time_ms")


def _leap_second(text: str) -> datetime | None:
    """Return the time that a text with second 60 names; None when it is something else."""
    found = _SECOND_60.fullmatch(text)
    if found is None:
        return None
    try:
        return stored_timestamp(f"{found[1]}:59{found[2]}") + timedelta(seconds=1)
    except (ValueError, OverflowError):
        return None


def _time_of_message(text: object) -> tuple[datetime | None, str]:
    """Return a poll's time, or None and why there is none."""
    if not isinstance(text, str):
        return None, f"Expected `str`, got `{_json_type(text)}`"
    try:
        return stored_timestamp(text), ""
    except (ValueError, OverflowError) as error:
        return _leap_second(text), cut(str(error))


def _time_of_tag(text: object) -> datetime | None:
    """Return a tag's own time; None where it has none.

    Raises: _TagError: it has one that can't be read.
    """
    if text is None or text == "":
        return None
    if not isinstance(text, str):
        raise _TagError("the time is no text", text)
    try:
        return stored_timestamp(text)
    except OverflowError:
        return None  # how many libraries write that they know no time
    except ValueError:
        leap = _leap_second(text)
        if leap is None:
            raise _TagError("the time can't be read", text) from None
        return leap


def _plc_code(message: dict[str, Any]) -> str:
    if "plc_code" not in message:
        missing = "plc_code" if "timestamp" in message else "timestamp"
        raise RejectedError(f"Object missing required field `{missing}`")
    plc_code = message["plc_code"]
    if not isinstance(plc_code, str):
        raise RejectedError(f"plc_code: Expected `str`, got `{_json_type(plc_code)}`")
    if not plc_code or len(plc_code) > MAX_NAME or _without_surrogates(plc_code) != plc_code:
        raise RejectedError(f"plc_code: {cut(repr(plc_code))} is no text of 1 to {MAX_NAME} characters")
    return plc_code


def _tag_values(message: dict[str, Any]) -> dict[str, Any]:
    found = message.get("tag_values")
    if found is not None and not isinstance(found, dict):
        raise RejectedError(f"tag_values: Expected `object`, got `{_json_type(found)}`")
    return found or {}


def _check_address(address: str) -> None:
    if not address:
        raise _TagError("the address is empty", address)
    if len(address) > MAX_ADDRESS:
        raise _TagError(f"the address is longer than {MAX_ADDRESS} characters", address)
    if _without_surrogates(address) != address:
        raise _TagError("the address is no text", address)


def _error_tags(found: object) -> dict[str, str]:
    """Return address -> what went wrong, from an object of anything, or a list of addresses."""
    if isinstance(found, dict):
        return {address: _label(text, TEXT_LIMIT) for address, text in found.items()}
    if isinstance(found, list):
        return {address: "" for address in found if isinstance(address, str)}
    return {}


def _quality(found: object) -> str:
    text = "GOOD" if found is None or found == "" else str(found).upper()
    return next((quality for quality in ("GOOD", "BAD", "UNCERTAIN") if text.startswith(quality)), "UNCERTAIN")


def _label(found: object, limit: int) -> str:
    return "" if found is None else cut(found, limit)


def _clean_text(text: str) -> str:
    if len(text) > MAX_VALUE_TEXT:
        raise _TagError(f"the text is longer than {MAX_VALUE_TEXT} characters: no column can hold it", text)
    return _without_surrogates(text)


def _without_surrogates(text: str) -> str:
    if text.isascii():
        return text
    return "".join(_REPLACEMENT if "\ud800" <= char <= "\udfff" else char for char in text)


_JSON_TYPES: tuple[tuple[type, str], ...] = (
    (bool, "bool"), (int, "int"), (float, "float"), (str, "str"), (list, "array"), (dict, "object"),
)  # fmt: skip


def _json_type(found: object) -> str:
    return next((name for kind, name in _JSON_TYPES if isinstance(found, kind)), "null")
