"""A walk through a server's address space: its variables and the paths to them."""

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from asyncua import ua

from services.poller.source import SourceError
from services.poller.sources.opcua.tags import Tag, compile_glob
from services.poller.sources.opcua.wire.faults import is_of_the_answer
from services.poller.sources.opcua.wire.reasons import reason
from services.poller.sources.opcua.wire.session import Session
from shared.logs import get_logger
from shared.texts import cut

#: Where the walk begins, and the server's own affairs, which it leaves out.
_OBJECTS, _SERVER = ua.NodeId(ua.Int32(85)), ua.NodeId(ua.Int32(2253))

#: All that leads downwards, without properties (units, ranges): those describe a variable.
_HIERARCHICAL, _HAS_PROPERTY = ua.NodeId(ua.Int32(33)), ua.NodeId(ua.Int32(46))

#: Objects and variables.
_NODE_CLASSES = ua.NodeClass.Object | ua.NodeClass.Variable

#: References that are asked for at a time where all of a node's are too many for one answer.
_REFERENCES_AT_A_TIME = 100

#: Walks for the globs of one group; where they name more folders, one goes through the whole server.
_MAX_WALKS = 20

_log = get_logger()

#: Nodes after which a walk is given up: something goes in circles by ever new names.
MAX_NODES = 1_000_000


@dataclass(frozen=True)
class Variable:
    """A variable and the browse names that lead to it from Objects, joined by slashes."""

    node_id: ua.NodeId
    path: str


async def walk(session: Session, begin: str = "") -> AsyncIterator[Variable]:
    """Yield every variable whose path begins with a text, and some more, each once, level by level.

    Nothing else is looked at: what is wanted may be a small part of the server, or be below several folders, of which
    another one would come first.

    Raises: SourceError: there are more than MAX_NODES; what asyncua raises.
    """
    level: list[tuple[ua.NodeId, str]] = [(_OBJECTS, "")]
    seen = {_OBJECTS, _SERVER}
    while level:
        below: list[tuple[ua.NodeId, str]] = []
        for first in range(0, len(level), session.browse_chunk):
            parents = level[first : first + session.browse_chunk]
            children = await _browse(session, [node for node, _ in parents])
            for (_, path), references in zip(parents, children, strict=True):
                for reference in references:
                    there = reference.NodeId
                    node = ua.NodeId(there.Identifier, there.NamespaceIndex, there.NodeIdType)
                    name = f"{path}/{reference.BrowseName.Name}" if path else str(reference.BrowseName.Name)
                    is_beside = not _leads_to(name, begin)
                    if node in seen or is_beside or reference.ReferenceTypeId == _HAS_PROPERTY:
                        continue
                    seen.add(node)
                    below.append((node, name))
                    if reference.NodeClass == ua.NodeClass.Variable:
                        yield Variable(node, name)
        if len(seen) > MAX_NODES:
            raise SourceError(f"the address space holds more than {MAX_NODES} nodes: name the tags in a list or a file")
        level = below


async def find(session: Session, globs: Sequence[str]) -> list[tuple[ua.NodeId, Tag]]:
    """Return the variables that match: by their path, or by their node id for a pattern that begins like one.

    A tag is called by its path; where two have the same one, by its node id. A node below several folders is found by a
    glob that begins with any of them, and by one that does not as if it were only in the first.
    """
    walks: dict[str, list[tuple[re.Pattern[str], bool]]] = {}
    for pattern, begin in zip(globs, _begins(globs), strict=True):
        walks.setdefault(begin, []).append((compile_glob(pattern), _is_of_node_id(pattern)))
    found: dict[str, tuple[ua.NodeId, Tag]] = {}
    for begin, expressions in walks.items():
        async for variable in walk(session, begin):
            node_id = variable.node_id.to_string()
            for expression, by_id in expressions:
                name = node_id if by_id else variable.path
                if expression.fullmatch(name):
                    address = name if name not in found or found[name][0] == variable.node_id else node_id
                    found[address] = variable.node_id, Tag(node_id, address)
                    break
    return list(found.values())


def _begins(globs: Sequence[str]) -> list[str]:
    """Return where the walk for each glob goes: the folders before its first wildcard.

    >>> _begins(["Plant/Line 1/**", "Plant/*/T", "**"]), _begins(["Plant/**", "ns=2;s=T*"])
    (['Plant/Line 1/', 'Plant/', ''], ['', ''])
    """
    fixed = [re.split(r"[*?]", pattern, maxsplit=1)[0] for pattern in globs]
    begins = [text[: text.rfind("/") + 1] for text in fixed]
    goes_everywhere = any(map(_is_of_node_id, globs)) or len(set(begins)) > _MAX_WALKS
    return [""] * len(globs) if goes_everywhere else begins


def _leads_to(path: str, begin: str) -> bool:
    """Tell whether a path begins with a text, or leads to paths that may.

    >>> [_leads_to(path, "Plant/Line") for path in ("Plant", "Plant/Line 1", "Plant/Lamp", "Pl")]
    [True, True, False, False]
    """
    return path.startswith(begin) or begin.startswith(f"{path}/")


def _is_of_node_id(pattern: str) -> bool:
    return re.match(r"(ns=\d+;)?[isgb]=", pattern) is not None


async def _browse(session: Session, nodes: Sequence[ua.NodeId], most: int = 0) -> list[list[ua.ReferenceDescription]]:
    """Return what each node refers to; nothing of one for which that can't be told, whose name is logged.

    `most`: references in one answer; 0 is as many as there are.
    """
    try:
        return await _browse_at_once(session, nodes, most)
    except Exception as error:
        if not is_of_the_answer(error):
            raise
        if len(nodes) > 1:
            half = (len(nodes) + 1) // 2
            return [*await _browse(session, nodes[:half], most), *await _browse(session, nodes[half:], most)]
        if most == 0:
            return await _browse(session, nodes, _REFERENCES_AT_A_TIME)
        name = cut(nodes[0].to_string())
        _log.warning(f"{session.url}: what is below node {name} is left out, it can't be read: {reason(error)}")
        return [[]]


async def _browse_at_once(
    session: Session, nodes: Sequence[ua.NodeId], most: int
) -> list[list[ua.ReferenceDescription]]:
    view = ua.ViewDescription(Timestamp=ua.get_win_epoch())
    wanted = ua.BrowseParameters(view, ua.Counter(most), [_description(node) for node in nodes])
    results = await session.client.uaclient.browse(wanted)
    found: list[list[ua.ReferenceDescription]] = []
    for node, result in zip(nodes, results, strict=True):
        if result.StatusCode.value == ua.status_codes.StatusCodes.BadNoContinuationPoints and len(nodes) > 1:
            found += await _browse(session, [node], most)
            continue
        references = list(result.References or ())
        while result.ContinuationPoint:
            more = ua.BrowseNextParameters(
                ReleaseContinuationPoints=False, ContinuationPoints=[result.ContinuationPoint]
            )
            (result,) = await session.client.uaclient.browse_next(more)  # noqa: PLW2901 - the same node's next part
            references += result.References or ()
        found.append(references)
    return found


def _description(node: ua.NodeId) -> ua.BrowseDescription:
    return ua.BrowseDescription(
        node, ua.BrowseDirection.Forward, _HIERARCHICAL, IncludeSubtypes=True,
        NodeClassMask=ua.UInt32(_NODE_CLASSES), ResultMask=ua.UInt32(ua.BrowseResultMask.All),
    )  # fmt: skip
