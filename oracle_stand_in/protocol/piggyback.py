"""Requests that ride in front of others. Each has to be read to its end, or the place in the stream is lost."""

from collections.abc import Callable
from dataclasses import dataclass, field

from oracle_stand_in.data.wire import Reader


@dataclass
class Piggybacks:
    """What the requests in front of a function asked for, as far as it matters here."""

    closed_cursors: list[int] = field(default_factory=list)
    schema: str | None = None
    module: str | None = None


def _close_cursors(reader: Reader, found: Piggybacks) -> None:
    reader.u8()
    found.closed_cursors += [reader.ub() for _ in range(reader.ub())]


def _end_to_end(reader: Reader, found: Piggybacks) -> None:
    reader.skip("bbu")
    present = [_pointer_and_length(reader) for _ in range(3)]  # client identifier, module, action
    reader.skip("bubu")
    present.append(_pointer_and_length(reader))  # client info
    reader.skip("bubu")
    present.append(_pointer_and_length(reader))  # database operation
    values = [reader.clr() if is_there else b"" for is_there in present]
    if present[1]:
        found.module = values[1].decode("utf-8", "replace")


def _pointer_and_length(reader: Reader) -> bool:
    pointer = reader.u8()
    return reader.ub() > 0 and pointer == 1


def _set_schema(reader: Reader, found: Piggybacks) -> None:
    reader.u8()
    found.schema = reader.clr2().decode("utf-8", "replace")


def _key_values(reader: Reader, _found: Piggybacks) -> None:
    reader.skip("bub")
    count = reader.ub()
    reader.skip("ub")
    reader.clr()
    for _ in range(count):
        reader.clr2()
        reader.clr2()
        reader.ub()


def _session_state(reader: Reader, _found: Piggybacks) -> None:
    reader.ub()


#: function code -> parser
PIGGYBACKS: dict[int, Callable[[Reader, Piggybacks], None]] = {
    105: _close_cursors,
    135: _end_to_end,
    152: _set_schema,
    154: _key_values,
    176: _session_state,
}
