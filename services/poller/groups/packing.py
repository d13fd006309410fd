"""Readings -> messages for the DataQueue: of a bounded size, and with every tag's fault kept to that tag. Pure.

A message is encoded here, while it is known which tag is whose. What can't be written as it is (a text that is no
Unicode, NaN, a time outside the calendar) is sought out only then, tag by tag: that tag is BAD with the reason, or has
the poll's time, and the others of its message are what they were.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from types import NoneType
from typing import Any, TypeVar

import msgspec

from services.poller.groups.config import GroupConfig
from services.poller.outbox.message import Message, ReadBy
from services.poller.source import Reading
from shared.models import PollingData, Quality, Scalar
from shared.texts import TEXT_LIMIT, cut

#: Tags in one message: a larger poll goes in several, with the same timestamp.
MAX_TAGS_PER_MESSAGE = 5_000

#: Bytes of one message: what is larger goes in several, too. An eighth of what a consumer takes at most.
MAX_MESSAGE_BYTES = 1_000_000

#: Bytes of a text that any column can hold; looked at in large messages alone, the others are for the table to judge.
#: Source: Oracle, MAX_STRING_SIZE = EXTENDED.
MAX_VALUE_BYTES = 32_767

#: Bits of an integer that Python makes a text of (4,300 digits).
_MAX_INTEGER_BITS = 14_000

_PLAIN = {float, int, str, bool, NoneType}
_QUALITIES: tuple[Quality, ...] = ("GOOD", "BAD", "UNCERTAIN")

_encode = msgspec.json.Encoder().encode

T = TypeVar("T")


@dataclass(frozen=True)
class Packer:
    """Makes the messages of one polling group. `read_by`: tells who reads them, and when it is."""

    config: GroupConfig
    lossless: bool
    read_by: Callable[[], ReadBy]

    def pack(self, reading: Reading, timestamp: datetime, took_ms: float) -> Iterator[Message]:
        """Return the reading's messages, all of one timestamp; none when nothing was read.

        Lazily: a large reading is encoded in pieces, between which others may have their turn.
        """
        for part in _parts(reading):
            yield from self._fitting(part, timestamp, took_ms)

    def _fitting(self, part: Reading, timestamp: datetime, took_ms: float) -> Iterator[Message]:
        raw = self._encoded(part, timestamp, took_ms) if _is_plain(part) else None
        if raw is None or len(raw) > MAX_MESSAGE_BYTES:
            part = _mended(part)
            raw = self._encoded(part, timestamp, took_ms)
        count = len(part.values) + len(part.errors)
        if count > 1 and (raw is None or len(raw) > MAX_MESSAGE_BYTES):
            for half in _parts(part, (count + 1) // 2):
                yield from self._fitting(half, timestamp, took_ms)
            return
        if raw is None:
            part = Reading({}, dict.fromkeys([*part.values, *part.errors], "what was read can't be written"))
            raw = _encode(self._data(part, timestamp, took_ms))
        bad = len(part.errors) + [*part.values.values()].count(None)
        yield Message(raw, count, timestamp, bad, self.lossless, self.config.field, self.read_by())

    def _encoded(self, part: Reading, timestamp: datetime, took_ms: float) -> bytes | None:
        """Return the message; None when something in it can't be written."""
        try:
            return _encode(self._data(part, timestamp, took_ms))
        except (TypeError, ValueError, OverflowError, RecursionError):
            return None

    def _data(self, part: Reading, timestamp: datetime, took_ms: float) -> PollingData:
        return PollingData(
            timestamp=timestamp,
            group_id=self.config.group_id or 0,
            group_name=self.config.name,
            plc_code=self.config.plc,
            mode=self.config.mode,
            tag_values=part.values,
            poll_time_ms=took_ms,
            error_tags=part.errors,
            tag_qualities=part.qualities,
            tag_timestamps=part.tag_timestamps,
        )


def is_in_calendar(moment: datetime) -> bool:
    """Tell whether a time stays one when it is converted to UTC."""
    return 1 < moment.year < 9999  # noqa: PLR2004 - the first and the last year of datetime


def why_not_stored(value: object) -> str | None:
    r"""Return why no column can hold a value; None when one can.

    >>> why_not_stored(float("nan")), why_not_stored("caf\udce9"), why_not_stored(7)
    ('not a number that can be stored: nan', 'a text that is not Unicode: caf\\udce9', None)
    """
    match value:
        case bool() | None:
            return None
        case float():
            return None if math.isfinite(value) else f"not a number that can be stored: {value}"
        case int():
            bits = value.bit_length()
            return None if bits <= _MAX_INTEGER_BITS else f"a number of {bits} bits"
        case str():
            return _why_not_text(value)
        case _:
            return f"a value of type {cut(type(value).__name__)} can't be stored"


def _why_not_text(text: str) -> str | None:
    try:
        size = len(text.encode())
    except UnicodeEncodeError:
        return f"a text that is not Unicode: {cut(text)}"
    return None if size <= MAX_VALUE_BYTES else f"a text of {size} bytes: no column holds more than {MAX_VALUE_BYTES}"


def _is_plain(part: Reading) -> bool:
    """Tell, quickly, whether nothing in a part needs a closer look; what does may still turn up when it is encoded."""
    values = part.values.values()
    return (
        _PLAIN.issuperset(map(type, values))
        and math.isfinite(sum(value for value in values if value.__class__ is float))
        and all(type(error) is str and len(error) <= TEXT_LIMIT for error in set(part.errors.values()))
        and set(part.qualities.values()).issubset(_QUALITIES)
        and all(map(is_in_calendar, part.tag_timestamps.values()))
    )


def _mended(part: Reading) -> Reading:
    """Return a part that can be written: what can't be is BAD with the reason, or has the poll's time."""
    mended = Reading({})
    for address, value in part.values.items():
        name, reason = _free(address, mended), why_not_stored(value)
        if reason is None:
            mended.values[name] = _bare(value)
        else:
            mended.errors[name] = reason
        if reason is None and address in part.qualities:
            mended.qualities[name] = _quality(part.qualities[address])
        _copy_time(part, address, mended, name)
    for address, error in part.errors.items():
        name = _free(address, mended)
        mended.errors[name] = cut(error)
        _copy_time(part, address, mended, name)
    return mended


def _bare(value: Scalar) -> Scalar:
    """Return a value without what a subclass of its type adds."""
    kind = next((kind for kind in (bool, float, int, str) if isinstance(value, kind)), None)
    return kind(value) if kind is not None and value is not None else None


def _free(address: str, mended: Reading) -> str:
    """Return an address that can be written, and that no other tag of the part has got."""
    name = wanted = cut(address)
    number = 1
    while name in mended.values or name in mended.errors:
        number += 1
        name = f"{wanted}~{number}"
    return name


def _copy_time(part: Reading, address: str, mended: Reading, name: str) -> None:
    moment = part.tag_timestamps.get(address)
    if moment is not None and is_in_calendar(moment):
        mended.tag_timestamps[name] = moment


def _quality(text: object) -> Quality:
    """Return the quality that a text begins like, as in `UncertainLastUsableValue`; UNCERTAIN when it is none."""
    return next((known for known in _QUALITIES if str(text).upper().startswith(known)), "UNCERTAIN")


def _parts(reading: Reading, most: int = MAX_TAGS_PER_MESSAGE) -> Iterator[Reading]:
    """Return a reading in parts of `most` tags; most readings are one part."""
    count = len(reading.values) + len(reading.errors)
    if count <= most:
        if count:
            yield reading
        return
    values, errors = iter(reading.values.items()), iter(reading.errors.items())
    for _ in range(0, count, most):
        some_values: dict[str, Scalar] = dict(islice(values, most))
        some_errors = dict(islice(errors, most - len(some_values)))
        times = _of(reading.tag_timestamps, some_values) | _of(reading.tag_timestamps, some_errors)
        yield Reading(some_values, some_errors, _of(reading.qualities, some_values), times)


def _of(all_tags: dict[str, T], tags: dict[str, Any]) -> dict[str, T]:
    return {address: all_tags[address] for address in tags if address in all_tags} if all_tags else {}
