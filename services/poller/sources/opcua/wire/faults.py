"""Nodes whose answer can't be read: left out for a while, so that they cost no other node anything.

Where it is only the connection that ends, as with a server that hangs up on what is too large for it, nobody says which
node it was. So what was being asked is suspected: the next session asks it after all else, in halves, one by one.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from asyncua import ua

from services.poller.sources.opcua.wire.limits import AnswerLostError
from shared.clock import Clock
from shared.texts import cut

#: Seconds after which such a node is asked again, by itself.
RETRY_S = 60.0

#: Nodes that are asked again in one read at most: each takes a request of its own.
_RETRIES_AT_ONCE = 10

#: What a server answers when there is too much in a request or in its answer.
TOO_MANY = ua.uaerrors.BadTooManyOperations
_TOO_LARGE = (
    TOO_MANY,
    ua.uaerrors.BadResponseTooLarge,
    ua.uaerrors.BadTcpMessageTooLarge,
    ua.uaerrors.BadRequestTooLarge,
    ua.uaerrors.BadEncodingLimitsExceeded,
    AnswerLostError,
)

#: What a server answers when the session, the channel or the server is at fault: no other request would do better.
_OF_THE_SESSION = (
    ua.uaerrors.BadSessionIdInvalid,
    ua.uaerrors.BadSessionClosed,
    ua.uaerrors.BadSessionNotActivated,
    ua.uaerrors.BadTooManySessions,
    ua.uaerrors.BadSecureChannelIdInvalid,
    ua.uaerrors.BadSecureChannelClosed,
    ua.uaerrors.BadSecureChannelTokenUnknown,
    ua.uaerrors.BadSecurityChecksFailed,
    ua.uaerrors.BadSequenceNumberInvalid,
    ua.uaerrors.BadConnectionClosed,
    ua.uaerrors.BadConnectionRejected,
    ua.uaerrors.BadCommunicationError,
    ua.uaerrors.BadServerHalted,
    ua.uaerrors.BadServerNotConnected,
    ua.uaerrors.BadShutdown,
    ua.uaerrors.BadIdentityTokenInvalid,
    ua.uaerrors.BadIdentityTokenRejected,
    ua.uaerrors.BadUserAccessDenied,
)


@dataclass(frozen=True)
class NodeFault:
    """Why a node can't be read, where there is no answer to say it; and when it is asked again."""

    reason: str
    due_s: float = field(default=math.inf, compare=False)


#: What is known of a node after it was asked.
Answer: TypeAlias = ua.DataValue | NodeFault


def is_of_the_answer(error: Exception) -> bool:
    """Tell whether another request may well be answered: the fault is in what was asked, or in the answer to it.

    What asyncua raises while it makes an answer out of bytes has no class of its own: it is all that neither the
    connection nor the server raises.
    """
    if isinstance(error, ua.uaerrors.UaStatusCodeError):
        return not isinstance(error, _OF_THE_SESSION)
    return not isinstance(error, OSError)


def is_of_the_size(error: Exception) -> bool:
    """Tell whether the same nodes may be answered in smaller requests."""
    return isinstance(error, _TOO_LARGE)


class Faults(dict[ua.NodeId, NodeFault]):
    """The nodes of one polling group that are left out, and until when.

    Args:
        say: hears of each that is found, and of each that can be read again.
    """

    def __init__(self, clock: Clock, say: Callable[[str], None]) -> None:
        super().__init__()
        self._clock = clock
        self._say = say
        self._fresh: list[ua.NodeId] = []
        #: Nodes with which a connection ended, in the groups in which they are to be asked.
        self.suspects: list[Sequence[ua.NodeId]] = []
        #: Faults ever found.
        self.found = 0

    def due(self, nodes: Iterable[ua.NodeId]) -> list[ua.NodeId]:
        """Return those of the nodes that are to be asked again now."""
        now_s = self._clock.monotonic()
        # All but none of a group's nodes are left out: looked for the other way round, a large group would take long.
        wanted = {node for node, fault in self.items() if fault.due_s <= now_s}
        return [node for node in nodes if node in wanted][:_RETRIES_AT_ONCE] if wanted else []

    def suspect(self, nodes: Sequence[ua.NodeId], why: str, *, answers: bool) -> None:
        """Hear that the connection ended while these were asked.

        `answers`: whether the server answered anything just before. Where it did not, a single node is not blamed: it
        is as likely that the server is away.
        """
        if len(nodes) > 1:
            half = (len(nodes) + 1) // 2
            self.suspects += [nodes[:half], nodes[half:]]
        elif answers:
            self.remember(nodes[0], f"the connection ends when it is read: {why}")
        else:
            self.suspects.append(nodes)

    def remember(self, node: ua.NodeId, reason: str) -> NodeFault:
        """Leave a node out from now on; `confirm` or `withdraw` ends what one read found."""
        if node not in self:
            self._fresh.append(node)
        self.found += 1
        self[node] = NodeFault(reason, self._clock.monotonic() + RETRY_S)
        return self[node]

    def confirm(self) -> None:
        """Say which nodes were found."""
        for node in self._fresh:
            found = f"node {cut(node.to_string())} can't be read ({self[node].reason})"
            self._say(f"{found}; the others can. Asked every {RETRY_S:g} s")
        self._fresh.clear()

    def withdraw(self) -> None:
        """Blame no node of those that were found: it was the server's fault."""
        for node in self._fresh:
            del self[node]
        self._fresh.clear()

    def forget(self, node: ua.NodeId) -> None:
        """Read a node like any other again."""
        if self.pop(node, None) is None:
            return
        if node in self._fresh:
            self._fresh.remove(node)
        else:
            self._say(f"node {cut(node.to_string())} can be read again")
