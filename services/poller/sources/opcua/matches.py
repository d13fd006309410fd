"""Which tags a glob stands for: all that it has matched, also those that a server which just started has not got yet.

A server may take connections before all of its nodes are there. So what matched before is not given up at once: it is
read, and is BAD until it is back; and what matches is looked for again while the connection lasts.
"""

import math
from collections.abc import Sequence

from asyncua import ua

from services.poller.sources.opcua.tags import Tag
from shared.backoff import doubled_s
from shared.clock import Clock

#: Seconds for which a tag that matches no more is read all the same.
FORGET_S = 3600.0

#: Seconds after a connect until the first further look, doubled with each up to the last: a walk through all nodes.
FIRST_BROWSE_S, LAST_BROWSE_S = 10.0, 600.0


class Matches:
    """The tags that the globs of one polling group match."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._nodes: dict[str, ua.NodeId] = {}
        self._gone_since_s: dict[str, float] = {}
        self._browsed = 1
        self._due_s = math.inf

    @property
    def nodes(self) -> list[ua.NodeId]:
        """Their nodes; those that are new are behind those that were there before."""
        return list(self._nodes.values())

    @property
    def addresses(self) -> list[str]:
        """Their addresses, in the same order."""
        return list(self._nodes)

    @property
    def gone(self) -> int:
        """How many of them were not found the last time."""
        return len(self._gone_since_s)

    def connected(self, found: Sequence[tuple[ua.NodeId, Tag]], *, forget_gone: bool = False) -> None:
        """Take what a new connection found, and forget what has been gone for long.

        forget_gone: whatever is gone, since its old node id may lead to another node now.
        """
        now_s = self._clock.monotonic()
        for address in [address for address, since_s in self._gone_since_s.items() if now_s - since_s > FORGET_S]:
            del self._nodes[address], self._gone_since_s[address]
        self.add(found)
        if forget_gone:
            for address in self._gone_since_s:
                del self._nodes[address]
            self._gone_since_s = {}
        self._browsed = 1
        self._due_s = now_s + FIRST_BROWSE_S

    def is_due(self) -> bool:
        """Tell whether to browse again; the next time is later."""
        now_s = self._clock.monotonic()
        if now_s < self._due_s:
            return False
        self._browsed += 1
        self._due_s = now_s + doubled_s(FIRST_BROWSE_S, self._browsed, LAST_BROWSE_S)
        return True

    def add(self, found: Sequence[tuple[ua.NodeId, Tag]]) -> int:
        """Take what matches now; return how many are new."""
        before = len(self._nodes)
        here = {tag.address: node for node, tag in found}
        now_s = self._clock.monotonic()
        self._gone_since_s = {
            address: self._gone_since_s.get(address, now_s) for address in self._nodes if address not in here
        }
        self._nodes |= here
        return len(self._nodes) - before
