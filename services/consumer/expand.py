"""PollingData -> TagValues. Pure."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from shared.models import PollingData, TagValue


@dataclass(frozen=True)
class Expansion:
    """The values of one message, in its order; `unsupported` names the tags whose reading no column can hold."""

    values: list[TagValue]
    unsupported: list[str] = field(default_factory=list)

    @property
    def bad(self) -> int:
        """The number of values that are BAD."""
        return [value.quality for value in self.values].count("BAD")


def expand(data: PollingData) -> Expansion:
    """Return one value for each tag that the message names, be it read or in error.

    A tag is BAD when it is in `error_tags` or has no value, else what `tag_qualities` says of it, else GOOD. A reading
    that is no number, text, bool or null (a list, say) is kept as BAD without a value: it must not cost the other tags
    of the message anything. Each row is one more value, after those.
    """
    special = {*data.error_tags, *data.tag_qualities, *data.tag_timestamps}
    if special or data.rows:
        return _expand_with(special, data)
    moment, plc_code = data.timestamp, data.plc_code
    values, unsupported = [], []
    for address, reading in data.tag_values.items():
        to_text = _TO_TEXT.get(type(reading))
        if to_text is None:
            unsupported.append(address)
            text = None
        else:
            text = to_text(reading)
        values.append(TagValue(moment, plc_code, address, text, "BAD" if text is None else "GOOD"))
    return Expansion(values, unsupported)


def _expand_with(special: set[str], data: PollingData) -> Expansion:
    """Return the values of a message with rows, or with errors, qualities or times of tags, which `special` names.

    Apart from the usual message, which is a tenth quicker without these questions.
    """
    errors, qualities, times = data.error_tags, data.tag_qualities, data.tag_timestamps
    moment, plc_code = data.timestamp, data.plc_code
    values, unsupported = [], []
    for address, reading in data.tag_values.items():
        to_text = _TO_TEXT.get(type(reading))
        text = to_text(reading) if to_text is not None else None
        if to_text is None:
            unsupported.append(address)
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
        if type(row.value) not in _TO_TEXT:
            unsupported.append(row.tag_address)
        quality = "BAD" if text is None else row.quality
        values.append(TagValue(row.timestamp or moment, plc_code, row.tag_address, text, quality))
    return Expansion(values, unsupported)


def stored_text(reading: Any) -> str | None:
    """Return the text that is stored for a reading; None where there is no value.

    Numbers in Python's shortest form that reads back the same, bools as 1 and 0, text as it is. Empty text is no
    value: Oracle takes it for NULL.
    """
    to_text = _TO_TEXT.get(type(reading))
    return to_text(reading) if to_text is not None else None


#: By the type of a reading, the text that is stored for it: what JSON can hold and a column too.
_TO_TEXT: dict[type, Callable[[Any], str | None]] = {
    float: repr,
    int: repr,
    str: lambda text: text or None,
    bool: lambda flag: "1" if flag else "0",
    type(None): lambda _: None,
}
