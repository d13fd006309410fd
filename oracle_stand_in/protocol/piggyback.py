"""Requests that ride in front of others. Each has to be read to its end, or the place in the stream is lost."""

from collections.abc import Callable
from dataclasses import dataclass, field

from oracle_stand_in.data.wire import Reader


@dataclass
class Piggybacks:
    """What the requests in front of a function asked for, as far as it matters here."""

    #: whether the client's texts have their length in front of them once more
    has_lengths: bool = True
    closed_cursors: list[int] = field(default_factory=list)
    schema: str | None = None
    #: what the client says of itself, and values of its contexts: namespace and name -> value
    values: dict[tuple[str, str], str] = field(default_factory=dict)
    #: namespaces that are emptied before these values are set
    cleared: list[str] = field(default_factory=list)
    #: whether this is the first of several requests that are sent without waiting for answers
    begins_pipeline: bool = False
    #: whether what follows one of them that fails is not to be done
    aborts_pipeline: bool = False


#: how a pipeline is to go on where a request fails
ABORT_ON_ERROR = 2
#: attributes in the order in which they are sent
END_TO_END = ("CLIENT_IDENTIFIER", "MODULE", "ACTION", "ECID", "CLIENT_INFO", "DBOP")


def _close_cursors(reader: Reader, found: Piggybacks) -> None:
    reader.u8()
    found.closed_cursors += [reader.ub() for _ in range(reader.ub())]


def _cancel_cursors(reader: Reader, _found: Piggybacks) -> None:
    """Read which cursors have been read far enough; they stay open, to be executed again or closed."""
    reader.u8()
    for _ in range(reader.ub()):
        reader.ub()


def _end_to_end(reader: Reader, found: Piggybacks) -> None:
    reader.skip("bbu")
    lengths = [_length_if_sent(reader) for _ in range(4)]  # client identifier, module, action, ECID
    reader.skip("bu")
    lengths.append(_length_if_sent(reader))  # client info
    reader.skip("bubu")
    lengths.append(_length_if_sent(reader))  # database operation
    for name, length in zip(END_TO_END, lengths, strict=True):
        if length is not None:
            text = reader.characters(length, has_length=found.has_lengths) if length else b""
            found.values["USERENV", name] = text.decode("utf-8", "replace")


def _length_if_sent(reader: Reader) -> int | None:
    """Read a pointer and a length; without the pointer the attribute stays what it was."""
    is_sent = reader.u8()
    length = reader.ub()
    return length if is_sent == 1 else None


def _set_schema(reader: Reader, found: Piggybacks) -> None:
    reader.u8()
    found.schema = reader.clr2().decode("utf-8", "replace")


def _key_values(reader: Reader, found: Piggybacks) -> None:
    reader.skip("bub")
    count = reader.ub()
    reader.skip("ub")
    namespace = reader.clr().decode("utf-8", "replace").upper()
    if not count:
        found.cleared.append(namespace)
    for _ in range(count):
        name = reader.clr2().decode("utf-8", "replace").upper()
        found.values[namespace, name] = reader.clr2().decode("utf-8", "replace")
        reader.ub()


def _begin_pipeline(reader: Reader, found: Piggybacks) -> None:
    reader.skip("ub")
    found.begins_pipeline, found.aborts_pipeline = True, reader.u8() == ABORT_ON_ERROR


def _session_state(reader: Reader, _found: Piggybacks) -> None:
    reader.ub()


#: function code -> parser
PIGGYBACKS: dict[int, Callable[[Reader, Piggybacks], None]] = {
    105: _close_cursors,
    120: _cancel_cursors,
    135: _end_to_end,
    152: _set_schema,
    154: _key_values,
    176: _session_state,
    199: _begin_pipeline,
}
