"""The nodes that every OPC UA server has, made as this is imported: over a second of a core, of which forks are spared.

They are shared by all servers of a process, so there must be but one.
"""

from asyncua.server.address_space import AddressSpace, NodeManagementService
from asyncua.server.internal_server import InternalServer
from asyncua.server.server import Server
from asyncua.server.standard_address_space.standard_address_space import fill_address_space

_NODES = AddressSpace()
fill_address_space(NodeManagementService(_NODES))  # type: ignore[no-untyped-call]


class _Inside(InternalServer):
    """A server that has its standard nodes already."""

    async def load_standard_address_space(self, shelf_file: object = None) -> None:
        del shelf_file
        self.aspace._nodes.update(_NODES._nodes)


def make_server() -> Server:
    """Return the process's one server."""
    return Server(_Inside())
