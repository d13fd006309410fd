"""PollingData -> TagValues. Pure."""

from collections.abc import Callable
from typing import Any

from shared.models import PollingData, TagValue


def expand(data: PollingData) -> list[TagValue]:
    """Return one value for each tag that the message names, be it read or in error, in the message's order.

    A tag is BAD when it is in `error_tags` or has no value, else what `tag_qualities` says of it, else GOOD. A reading
    that is no number, text, bool or null (a list, say) is kept as BAD without a value: it must not cost the other tags
    of the message anything. Each row is one more value, after those.
    """
    errors, qualities, times = data.error_tags, data.tag_qualities, data.tag_timestamps
    special = {*errors, *qualities, *times}
    moment, plc_code = data.timestamp, data.plc_code
    values = []
    for address, reading in data.tag_values.items():
        text = _TO_TEXT.get(type(reading), _no_value)(reading)
        if address not in special:
            values.append(TagValue(moment, plc_code, address, text, "BAD" if text is None else "GOOD"))
            continue
        quality = "BAD" if text is None or address in errors else qualities.get(address, "GOOD")
        values.append(TagValue(times.get(address, moment), plc_code, address, text, quality))
    values.extend(
        TagValue(times.get(address, moment), plc_code, address, None, "BAD")
        for address in errors
        if address not in data.tag_values
    )
    for row in data.rows:
        text = stored_text(row.value)
        quality = "BAD" if text is None else row.quality
        values.append(TagValue(row.timestamp or moment, plc_code, row.tag_address, text, quality))
    return values


def unsupported(data: PollingData) -> int:
    """Return of how many readings no column can hold what they are."""
    readings = [*data.tag_values.values(), *(row.value for row in data.rows)]
    return len(readings) - sum(map(_TO_TEXT.__contains__, map(type, readings)))


def stored_text(reading: Any) -> str | None:
    """Return the text that is stored for a reading; None where there is no value.

    Numbers in Python's shortest form that reads back the same, bools as 1 and 0, text as it is. Empty text is no
    value: Oracle takes it for NULL.
    """
    return _TO_TEXT.get(type(reading), _no_value)(reading)


def _no_value(_reading: Any) -> None:
    pass


#: By the type of a reading, the text that is stored for it: what JSON can hold and a column too.
_TO_TEXT: dict[type, Callable[[Any], str | None]] = {
    float: repr,
    int: repr,
    str: lambda text: text or None,
    bool: lambda flag: "1" if flag else "0",
    type(None): _no_value,
}
