"""PollingData -> TagValues. Pure."""

from dataclasses import dataclass, field
from typing import Any

from shared.models import PollingData, TagValue

#: What JSON can hold and a column too.
_STORABLE = frozenset((float, int, str, bool, type(None)))


@dataclass(frozen=True)
class Expansion:
    """The values of one message, in its order; `unsupported` names the tags whose reading no column can hold."""

    values: list[TagValue]
    unsupported: list[str] = field(default_factory=list)


def expand(data: PollingData) -> Expansion:
    """Return one value for each tag that the message names, be it read or in error.

    A tag is BAD when it is in `error_tags` or has no value, else what `tag_qualities` says of it, else GOOD. A reading
    that is no number, text, bool or null (a list, say) is kept as BAD without a value: it must not cost the other tags
    of the message anything.
    """
    unsupported = [address for address, reading in data.tag_values.items() if type(reading) not in _STORABLE]
    errors, qualities, times = data.error_tags, data.tag_qualities, data.tag_timestamps
    moment, plc_code = data.timestamp, data.plc_code
    values = []
    for address, reading in data.tag_values.items():
        text = stored_text(reading)
        quality = "BAD" if text is None or address in errors else qualities.get(address, "GOOD")
        values.append(TagValue(times.get(address, moment), plc_code, address, text, quality))
    values.extend(
        TagValue(times.get(address, moment), plc_code, address, None, "BAD")
        for address in errors
        if address not in data.tag_values
    )
    return Expansion(values, unsupported)


def stored_text(reading: Any) -> str | None:
    """Return the text that is stored for a reading; None where there is no value.

    Numbers in Python's shortest form that reads back the same, bools as 1 and 0, text as it is. Empty text is no
    value: Oracle takes it for NULL.
    """
    kind = type(reading)
    if kind is float or kind is int:
        return repr(reading)
    if kind is str:
        return reading or None
    if kind is bool:
        return "1" if reading else "0"
    return None
