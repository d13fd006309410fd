"""`browse`: the variables of a server that can be read, as a tree for people or as a CSV file to build a group from."""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds

from services.poller.source import SourceError
from services.poller.sources.opcua.browse import find
from services.poller.sources.opcua.keys import OpcuaKeys
from services.poller.sources.opcua.tags import Tag
from services.poller.sources.opcua.times import RisingTimes
from services.poller.sources.opcua.values import Collector
from services.poller.sources.opcua.wire.faults import Answer, Faults, NodeFault
from services.poller.sources.opcua.wire.reasons import reason
from services.poller.sources.opcua.wire.session import Session
from shared.clock import SystemClock
from shared.logs import get_logger

#: The bit of an access level that says: this user may read the present value.
#: Source: OPC UA Part 3, 8.57 AccessLevelType.
_READABLE = 1

#: Letters of a value that are shown.
_SHOWN = 40

_log = get_logger()


@dataclass(frozen=True)
class Found:
    """One variable that can be read: what it is called, of what type, and what it reads now."""

    tag: Tag
    type: str
    quality: str
    value: str


async def list_variables(model: OpcuaKeys, directory: Path) -> list[Found]:
    """Return the readable variables that the model's globs match, in the order of their paths.

    Raises: SourceError: the server is away, refuses, or has none.
    """
    try:
        session = await Session.connect(model, directory, Faults(SystemClock(), _log.warning))
        try:
            return await _list(session, model.tags.globs)
        finally:
            await session.close()
    except SourceError:
        raise
    except Exception as error:
        raise SourceError(f"{model.url}: {reason(error)}") from error


async def _list(session: Session, globs: Sequence[str]) -> list[Found]:
    variables = await find(session, globs)
    nodes = [node for node, _ in variables]
    levels = await session.read(nodes, AttributeIds.UserAccessLevel)
    values = await session.read(nodes)
    found = [
        _found(tag, value)
        for (_, tag), level, value in zip(variables, levels, values, strict=True)
        # A server that does not tell is taken to allow it.
        if isinstance(level, NodeFault)
        or level.Value is None
        or not isinstance(level.Value.Value, int)
        or level.Value.Value & _READABLE
    ]
    return sorted(found, key=lambda one: _natural(one.tag.address))


def _found(tag: Tag, data: Answer) -> Found:
    if isinstance(data, NodeFault):
        return Found(tag, "unknown", "BAD", data.reason)
    variant = data.Value
    kind = variant.VariantType.name if variant is not None else "Null"
    collector = Collector(RisingTimes(use_source=False))
    collector.add(tag.address, data, ua.get_win_epoch())
    reading = collector.collect()
    first = next(iter(reading.values), None)
    quality = "BAD" if first is None else reading.qualities.get(first, "GOOD")
    text = next(iter(reading.errors.values()), "") if first is None else str(reading.values[first])
    if variant is not None and variant.is_array:
        kind, text = f"{kind}[{len(reading.values)}]", f"{text}, ..."
    return Found(tag, kind, quality, text)


def as_csv(found: Sequence[Found]) -> str:
    """Return a file for `tags = {file = ...}`: address, name, and for people type, quality and value."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["address", "name", "type", "quality", "value"])
    for one in found:
        writer.writerow([one.tag.node_id, one.tag.address, one.type, one.quality, one.value.replace("\n", " ")])
    return file.getvalue()


def as_tree(found: Sequence[Found]) -> Iterator[str]:
    """Return the lines of a tree: a step of the path each, with node id, type and value at its end."""
    above: list[str] = []
    for one in found:
        *steps, name = one.tag.address.split("/")
        common = next((place for place, (old, new) in enumerate(zip(above, steps, strict=False)) if old != new), None)
        for depth in range(min(len(above), len(steps)) if common is None else common, len(steps)):
            yield f"{'  ' * depth}{steps[depth]}/"
        above = steps
        shown = one.value if len(one.value) <= _SHOWN else f"{one.value[: _SHOWN - 3]}..."
        yield f"{'  ' * len(steps)}{name}  {one.tag.node_id}  {one.type}  {one.quality}  {shown}"


def _natural(text: str) -> list[tuple[int, str]]:
    """Sort D2 before D10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", text)]
