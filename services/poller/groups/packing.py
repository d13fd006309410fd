"""Readings -> messages for the DataQueue: of a bounded size, and with every tag's fault kept to that tag. Pure.

A message is encoded here, while it is known which tag is whose. What can't be written as it is (a text that is no
Unicode, NaN, a time outside the calendar) is sought out only then, tag by tag: that tag is BAD with the reason, or has
the poll's time, and the others of its message are what they were.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from types import NoneType

import msgspec
from msgspec.structs import replace

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
        if not reading.values and not reading.errors:
            return
        data = PollingData(
            timestamp=timestamp,
            group_id=self.config.group_id or 0,
            group_name=self.config.name,
            plc_code=self.config.plc,
            mode=self.config.mode,
            tag_values=reading.values,
            poll_time_ms=took_ms,
            error_tags=reading.errors,
            tag_qualities=reading.qualities,
            tag_timestamps=reading.tag_timestamps,
        )
        for part in data.in_parts(MAX_TAGS_PER_MESSAGE):
            yield from self._fitting(part)

    def _fitting(self, part: PollingData) -> Iterator[Message]:
        raw = _encoded(part) if _is_plain(part) else None
        if raw is None or len(raw) > MAX_MESSAGE_BYTES:
            part = _mended(part)
            raw = _encoded(part)
        count = len(part.tag_values) + len(part.error_tags)
        if count > 1 and (raw is None or len(raw) > MAX_MESSAGE_BYTES):
            for half in part.in_parts((count + 1) // 2):
                yield from self._fitting(half)
            return
        if raw is None:
            errors = dict.fromkeys([*part.tag_values, *part.error_tags], "what was read can't be written")
            part = replace(part, tag_values={}, error_tags=errors, tag_qualities={}, tag_timestamps={})
            raw = _encode(part)
        bad = len(part.error_tags) + [*part.tag_values.values()].count(None)
        yield Message(raw, count, part.timestamp, bad, self.lossless, self.config.field, self.read_by())


def _encoded(part: PollingData) -> bytes | None:
    """Return the message; None when something in it can't be written."""
    try:
        return _encode(part)
    except (TypeError, ValueError, OverflowError, RecursionError):
        return None


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


def _is_plain(part: PollingData) -> bool:
    """Tell, quickly, whether nothing in a part needs a closer look; what does may still turn up when it is encoded."""
    values = part.tag_values.values()
    return (
        _PLAIN.issuperset(map(type, values))
        and math.isfinite(sum(value for value in values if value.__class__ is float))
        and all(type(error) is str and len(error) <= TEXT_LIMIT for error in set(part.error_tags.values()))
        and set(part.tag_qualities.values()).issubset(_QUALITIES)
        and all(map(is_in_calendar, part.tag_timestamps.values()))
    )


def _mended(part: PollingData) -> PollingData:
    """Return a part that can be written: what can't be is BAD with the reason, or has the poll's time."""
    mended = replace(part, tag_values={}, error_tags={}, tag_qualities={}, tag_timestamps={})
    for address, value in part.tag_values.items():
        name, reason = _free(address, mended), why_not_stored(value)
        if reason is None:
            mended.tag_values[name] = _bare(value)
        else:
            mended.error_tags[name] = reason
        if reason is None and address in part.tag_qualities:
            mended.tag_qualities[name] = _quality(part.tag_qualities[address])
        _copy_time(part, address, mended, name)
    for address, error in part.error_tags.items():
        name = _free(address, mended)
        mended.error_tags[name] = cut(error)
        _copy_time(part, address, mended, name)
    return mended


def _bare(value: Scalar) -> Scalar:
    """Return a value without what a subclass of its type adds."""
    kind = next((kind for kind in (bool, float, int, str) if isinstance(value, kind)), None)
    return kind(value) if kind is not None and value is not None else None


def _free(address: str, mended: PollingData) -> str:
    """Return an address that can be written, and that no other tag of the part has got."""
    name = wanted = cut(address)
    number = 1
    while name in mended.tag_values or name in mended.error_tags:
        number += 1
        name = f"{wanted}~{number}"
    return name


def _copy_time(part: PollingData, address: str, mended: PollingData, name: str) -> None:
    moment = part.tag_timestamps.get(address)
    if moment is not None and is_in_calendar(moment):
        mended.tag_timestamps[name] = moment


def _quality(text: object) -> Quality:
    """Return the quality that a text begins like, as in `UncertainLastUsableValue`; UNCERTAIN when it is none."""
    return next((known for known in _QUALITIES if str(text).upper().startswith(known)), "UNCERTAIN")
