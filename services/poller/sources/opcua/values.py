"""DataValues of OPC UA -> a Reading: quality, time, and values that a table can hold. Pure."""

import math
import struct
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any
from uuid import UUID

from asyncua import ua

from services.poller.source import Reading
from services.poller.sources.opcua.times import RisingTimes
from services.poller.sources.opcua.wire.faults import Answer, NodeFault
from shared.models import Quality, Scalar
from shared.texts import cut

#: The two highest bits of a status code: its severity.
#: Source: OPC UA Part 4, 7.39 StatusCode.
_QUALITIES: tuple[Quality, ...] = ("GOOD", "UNCERTAIN", "BAD", "BAD")
_SEVERITY_SHIFT = 30

#: The bits of a status code that have a name; those below say more of the value: limits, an overflow.
_NAMED_BITS = 0xFFFF0000

#: Info type DataValue with the overflow bit: the server's queue of this item was full, values were lost there.
_OVERFLOW = 0x480

#: A 32-bit number: six digits of it are always sure, nine always enough.
_SINGLE = struct.Struct("<f")

#: Elements of an array that become tags: one node must not be as many tags as a plant has.
MAX_ELEMENTS = 100_000


class UnsupportedError(ValueError):
    """No column can hold this value; the text says of what type it is."""


class Collector:
    """Makes readings of what a server says of the tags of one group."""

    def __init__(self, times: RisingTimes) -> None:
        self._times = times
        #: Address of an array -> those of its elements when it was last read: they are BAD when it is.
        self._elements: dict[str, list[str]] = {}
        #: Tags of their own that are called as an element of an array is: they are not its elements.
        self.apart: frozenset[str] = frozenset()
        #: Values that the server's own queues lost.
        self.lost_at_server = 0
        self._begin()

    def _begin(self) -> None:
        self._reading = Reading({})
        self._seen: set[str] = set()

    def has(self, address: str) -> bool:
        """Tell whether the reading in the making holds this tag."""
        return address in self._seen

    def collect(self) -> Reading:
        """Return the reading and begin the next."""
        reading = self._reading
        self._begin()
        return reading

    def fail(self, address: str, reason: str, now: datetime) -> None:
        """Add a tag that could not be read at the moment `now`: all of its elements, if it is known to be an array."""
        self._seen.add(address)
        self._fail_at(address, reason, self._times.time(address, None, now))

    def add(self, address: str, data: Answer, now: datetime) -> None:
        """Add what is known of a tag at the moment `now`: what the server says, or why that can't be read."""
        if isinstance(data, NodeFault):
            self.fail(address, data.reason, now)
            return
        try:
            self._add(address, data, now)
        except Exception as error:  # noqa: BLE001 - whatever a server may say, it is said of this tag alone
            self.fail(address, cut(f"unforeseen: {type(error).__name__}: {error}"), now)

    def _add(self, address: str, data: ua.DataValue, now: datetime) -> None:
        code = data.StatusCode.value if data.StatusCode is not None else 0
        quality = _QUALITIES[code >> _SEVERITY_SHIFT]
        self.lost_at_server += code & _OVERFLOW == _OVERFLOW
        time = self._times.time(address, data.SourceTimestamp or data.ServerTimestamp, now)
        self._seen.add(address)
        if quality == "BAD":
            self._fail_at(address, ua.StatusCode(ua.UInt32(code & _NAMED_BITS)).name, time)
            return
        variant = data.Value
        if variant is None or not variant.is_array:
            self._put(address, _decoded(variant, variant.Value) if variant is not None else None, quality, time)
            return
        elements = list(islice(_elements(variant.Value, ""), MAX_ELEMENTS + 1))
        if not elements:
            self._fail_at(address, "an array without elements", time)
            return
        if len(elements) > MAX_ELEMENTS:
            self._elements.pop(address, None)
            self._fail_at(address, f"an array of more than {MAX_ELEMENTS} elements", time)
            return
        named = {f"{address}[{index}]": value for index, value in elements}
        self._elements[address] = [element for element in named if element not in self.apart]
        for element in self._elements[address]:
            self._put(element, _decoded(variant, named[element]), quality, time)

    def _put(self, address: str, value: Any, quality: Quality, time: datetime | None) -> None:
        try:
            self._reading.values[address] = scalar(value)
        except UnsupportedError as error:
            self._reading.errors[address] = str(error)
        else:
            if quality != "GOOD":
                self._reading.qualities[address] = quality
        if time is not None:
            self._reading.tag_timestamps[address] = time

    def _fail_at(self, address: str, reason: str, time: datetime | None) -> None:
        for element in self._elements.get(address) or (address,):
            self._reading.values.pop(element, None)
            self._reading.errors[element] = reason
            if time is not None:
                self._reading.tag_timestamps[element] = time


def _decoded(variant: ua.Variant, value: Any) -> Any:
    """Return a value of a variant; of a 32-bit number what its controller shows, not the double that it came in."""
    return shortest(value) if variant.VariantType is ua.VariantType.Float and isinstance(value, float) else value


def shortest(single: float) -> float:
    """Return the number of the fewest digits that is the same one in 32 bits.

    >>> shortest(0.10000000149011612), shortest(16777216.0)
    (0.1, 16777216.0)
    """
    if not math.isfinite(single):
        return single
    bits = _SINGLE.pack(single)
    texts = (f"{single:.{digits}g}" for digits in range(6, 9))
    return next((near for near in map(float, texts) if _SINGLE.pack(near) == bits), float(f"{single:.9g}"))


def _elements(value: Any, index: str) -> Iterator[tuple[str, Any]]:
    """Return index and value of every element of a list of any number of dimensions: `2`, or `0,2`."""
    for place, element in enumerate(value or ()):
        here = f"{index},{place}" if index else str(place)
        if isinstance(element, list | tuple):
            yield from _elements(element, here)
        else:
            yield here, element


def scalar(value: Any) -> Scalar:
    """Return what is stored for a value of any of OPC UA's built-in types.

    Times as ISO 8601, bytes as hexadecimal digits, names and node ids as they are written; a text without the NULs that
    fill its place in the controller.

    Raises: UnsupportedError: it has no text of its own: a structure.
    """
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, str):
        return value.rstrip("\0")
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise UnsupportedError(f"not a number that can be stored: {value}")
        return value
    if isinstance(value, ua.Variant | ua.DataValue):
        return scalar(value.Value)
    text = next((text for kind, text in _TEXTS.items() if isinstance(value, kind)), None)
    if text is None:
        raise UnsupportedError(f"a value of type {type(value).__name__} can't be stored")
    return text(value)


_TEXTS: dict[type, Callable[[Any], str | None]] = {
    datetime: lambda value: value.isoformat(),
    bytes: lambda value: value.hex(),
    UUID: str,
    ua.LocalizedText: lambda value: value.Text and value.Text.rstrip("\0"),
    ua.NodeId: lambda value: value.to_string(),
    ua.QualifiedName: lambda value: value.to_string(),
    ua.StatusCode: lambda value: value.name,
    ua.XmlElement: lambda value: value.Value,
}
