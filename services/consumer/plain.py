"""A message -> the buffer's form of its values. Pure.

Numbers and bools of which nothing else is said are most of what plants read. They become lines without an object for
each, in a third of the time that `expand` takes, which sees to the others; the bytes are the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from services.consumer.expand import expand, unsupported
from shared.models import Lines, PollingData, TagValue, encode_value

_encoder = msgspec.json.Encoder()

_PLAIN = frozenset({float, int, bool})

#: What the JSON of numbers holds where it is not Python's own text of the number: an exponent, or zeros instead of one.
_OTHERWISE_WRITTEN = (b"e", b"0.0000")


@dataclass(frozen=True)
class Values:
    """The values of one message: the plain ones first, the others after them, each in the message's order."""

    lines: Lines
    bad: int = 0  #: values that are BAD
    unsupported: int = 0  #: readings that no column can hold


def values_of(data: PollingData) -> Values:
    """Return one value for each tag that the message names, as `expand` says."""
    plain, others = _apart(data)
    lines = _lines(data, plain) if plain else None
    if lines is None:
        lines, others = Lines(b"", 0), data
    if others is None:
        return Values(lines)
    values = expand(others)
    bad = [value.quality for value in values].count("BAD")
    return Values(lines + Lines.of(values), bad, unsupported(others) if bad else 0)


def _apart(data: PollingData) -> tuple[Mapping[str, Any], PollingData | None]:
    """Return the plain readings, and the message without them; None where nothing else is in it."""
    special = {*data.error_tags, *data.tag_qualities, *data.tag_timestamps}
    if not special and not data.rows and _PLAIN.issuperset(map(type, data.tag_values.values())):
        return data.tag_values, None
    plain = {
        address: reading
        for address, reading in data.tag_values.items()
        if reading.__class__ in _PLAIN and address not in special
    }
    others = {address: reading for address, reading in data.tag_values.items() if address not in plain}
    return plain, msgspec.structs.replace(data, tag_values=others)


def _lines(data: PollingData, readings: Mapping[str, Any]) -> Lines | None:
    """Return plain readings as values, all GOOD; None where JSON writes one of them otherwise than Python."""
    numbers = _encoder.encode_lines(list(readings.values()))
    if bool in map(type, readings.values()):
        numbers = numbers.replace(b"true", b"1").replace(b"false", b"0")
    if any(mark in numbers for mark in _OTHERWISE_WRITTEN):
        return None
    example = encode_value(TagValue(data.timestamp, data.plc_code, "", "", "GOOD"))
    before_address, before_value, after_value = example[: -len(b'"","","GOOD"]')], b',"', b'","GOOD"]\n'
    count = len(readings)
    parts = [before_value] * (4 * count)
    parts[0::4] = _encoder.encode_lines(list(readings)).split(b"\n")[:-1]
    parts[2::4] = numbers.split(b"\n")[:-1]
    parts[3::4] = [after_value + before_address] * count
    parts[-1] = after_value
    return Lines(before_address + b"".join(parts), count)
