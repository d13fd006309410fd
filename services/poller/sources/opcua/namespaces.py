"""What the indexes of a server's namespaces mean: `ns=2` is another one when the server numbers them anew at its start.

A node id with an index names one node as long as the session lasts, no longer. Read by the old index it may be another
node of the same name, whose values are good and wrong. So an index stands for the namespace that it was first met with.
Pure; indexes 0 and 1 are OPC UA's and the server's own, everywhere.
"""

from collections.abc import Sequence

from asyncua import ua

_FIRST_OF_MAKERS = 2


class Namespaces:
    """The namespaces of one server, as they were first met and as they are now."""

    def __init__(self) -> None:
        self._first: list[str] = []
        self._now: Sequence[str] = ()

    def met(self, now: Sequence[str]) -> list[str]:
        """Take those of a new session; return what has become of those that are not where they were, for people."""
        self._now = now
        self._first += now[len(self._first) :]
        return [
            f"ns={index} was {uri}, which is {f'ns={now.index(uri)}' if uri in now else 'gone'} now"
            for index, uri in enumerate(self._first)
            if index >= _FIRST_OF_MAKERS and now and now[index : index + 1] != [uri]
        ]

    def node(self, text: str) -> ua.NodeId:
        """Return the node that a node id of a tag names now.

        Raises: LookupError: there is no such namespace any more; ua.uaerrors.UaError, ValueError: it is no node id.
        """
        if text.startswith("nsu="):
            uri, _, identifier = text.removeprefix("nsu=").partition(";")
            if uri not in self._now:
                raise LookupError(f"the server has no namespace {uri}")
            return ua.NodeId.from_string(f"ns={self._now.index(uri)};{identifier}")
        node = ua.NodeId.from_string(text)
        index = self._index(int(node.NamespaceIndex))
        return node if index == node.NamespaceIndex else ua.NodeId(node.Identifier, ua.Int16(index), node.NodeIdType)

    def _index(self, index: int) -> int:
        if index < _FIRST_OF_MAKERS or index >= len(self._first) or not self._now:
            return index
        uri, here = self._first[index], self._now[index] if index < len(self._now) else ""
        if uri in self._now:
            return self._now.index(uri)
        if not here or here in self._first:
            raise LookupError(f"ns={index} was {uri}, which the server has no more")
        # A name that was never seen, where the old one is gone: renamed, by a new version of the server, say.
        return index
