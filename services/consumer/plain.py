"""The usual message's values in the buffer's form, without an object for each. Pure.

Usual is a message of which all readings are numbers or bools, none of them in error, with no quality and no time of its
own: it costs a third of what `expand` and `Lines.of` take, and gives the same bytes.
"""

import msgspec

from shared.models import Lines, PollingData, TagValue, encode_value

_encoder = msgspec.json.Encoder()

#: What the JSON of numbers holds where it is not Python's own text of the number: an exponent, or zeros instead of one.
_OTHERWISE_WRITTEN = (b"e", b"0.0000")

_NUMBERS = {float, int, bool}


def plain_lines(data: PollingData) -> Lines | None:
    """Return the values of a usual message, each GOOD; None for any other message."""
    if data.error_tags or data.tag_qualities or data.tag_timestamps or data.rows:
        return None
    types = set(map(type, data.tag_values.values()))
    if not types or not types <= _NUMBERS:
        return None
    try:
        numbers = _encoder.encode_lines(list(data.tag_values.values()))
    except OverflowError:  # an integer of more than 64 bits
        return None
    if bool in types:
        numbers = numbers.replace(b"true", b"1").replace(b"false", b"0")
    if any(mark in numbers for mark in _OTHERWISE_WRITTEN):
        return None
    before_address, before_value, after_value = _frame(data)
    count = len(data.tag_values)
    parts = [before_value] * (4 * count)
    parts[0::4] = _encoder.encode_lines(list(data.tag_values)).split(b"\n")[:-1]
    parts[2::4] = numbers.split(b"\n")[:-1]
    parts[3::4] = [after_value + before_address] * count
    parts[-1] = after_value
    return Lines(before_address + b"".join(parts), count)


def _frame(data: PollingData) -> tuple[bytes, bytes, bytes]:
    """Return what stands before an address, between it and a value, and after a value to the end of the line."""
    example = encode_value(TagValue(data.timestamp, data.plc_code, "", "", "GOOD"))
    before, after = example[: -len(b'"","","GOOD"]')], b'","GOOD"]\n'
    return before, b',"', after
