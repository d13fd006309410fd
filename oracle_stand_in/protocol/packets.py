"""Oracle Net packets: cutting the byte stream into packets, and wrapping answers into them."""

from dataclasses import dataclass
from enum import IntEnum

#: bytes of every packet's header
HEADER = 8
#: flags of a DATA packet
FLAG_GOODBYE, FLAG_END_OF_RESPONSE = 0x0040, 0x2000
#: no packet of a client that keeps to the SDU we offer is longer; a longer one is not Oracle Net
MAX_PACKET = 4 * 1024 * 1024


class PacketType(IntEnum):
    """What a packet is for."""

    CONNECT = 1
    ACCEPT = 2
    REFUSE = 4
    DATA = 6
    MARKER = 12
    CONTROL = 14


class Marker(IntEnum):
    """What a MARKER packet says."""

    BREAK = 1
    RESET = 2
    INTERRUPT = 3


class ProtocolError(Exception):
    """The peer does not speak Oracle Net, or lost its place in the stream: the connection cannot go on."""


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet; `body` is what follows the header."""

    type: int
    body: bytes


class PacketSplitter:
    """Cuts what arrives on a connection into packets."""

    def __init__(self) -> None:
        #: False until ACCEPT is sent: lengths are 2 bytes before it and 4 bytes after it
        self.wide_lengths = False
        self._pending = b""

    @property
    def has_part(self) -> bool:
        """Whether a packet has begun to arrive and is not complete."""
        return bool(self._pending)

    def feed(self, data: bytes) -> list[Packet]:
        """Return the packets that are complete now.

        Raises: ProtocolError: the bytes are not Oracle Net.
        """
        data = self._pending + data if self._pending else data
        packets = []
        pos = 0
        while len(data) - pos >= HEADER:
            size = int.from_bytes(data[pos : pos + (4 if self.wide_lengths else 2)], "big")
            if not HEADER <= size <= MAX_PACKET:
                raise ProtocolError(f"a packet cannot be {size} bytes long")
            if len(data) - pos < size:
                break
            packets.append(Packet(data[pos + 4], data[pos + HEADER : pos + size]))
            pos += size
        self._pending = data[pos:]
        return packets


def narrow_packet(packet_type: PacketType, body: bytes) -> bytes:
    """Wrap the body of an ACCEPT or REFUSE, which still have the 2-byte length."""
    return (HEADER + len(body)).to_bytes(2, "big") + b"\x00\x00" + bytes((packet_type, 0, 0, 0)) + body


def wide_packet(packet_type: PacketType, body: bytes) -> bytes:
    """Wrap the body of any packet after ACCEPT."""
    return (HEADER + len(body)).to_bytes(4, "big") + bytes((packet_type, 0, 0, 0)) + body


def data_packets(payload: bytes, sdu: int, *, end_of_response: bool) -> bytes:
    """Wrap an answer into as many DATA packets as the SDU asks for, the last one marked if wanted."""
    room = sdu - HEADER - 2
    last_flags = (FLAG_END_OF_RESPONSE if end_of_response else 0).to_bytes(2, "big")
    if len(payload) <= room:
        return wide_packet(PacketType.DATA, last_flags + payload)
    chunks = [payload[start : start + room] for start in range(0, len(payload), room)]
    parts = [wide_packet(PacketType.DATA, b"\x00\x00" + chunk) for chunk in chunks[:-1]]
    parts.append(wide_packet(PacketType.DATA, last_flags + chunks[-1]))
    return b"".join(parts)


def notice_packet(code: int) -> bytes:
    """Build a CONTROL packet by which a server tells, of itself, what will become of the session."""
    return wide_packet(PacketType.CONTROL, (8).to_bytes(2, "big") + bytes(4) + code.to_bytes(4, "big"))


def marker_packet(kind: Marker) -> bytes:
    """Build a MARKER packet."""
    return wide_packet(PacketType.MARKER, bytes((1, 0, kind)))


def marker_kind(packet: Packet) -> int:
    """Return what a MARKER packet says; an incomplete one counts as a break."""
    return packet.body[2] if len(packet.body) > 2 else Marker.BREAK
