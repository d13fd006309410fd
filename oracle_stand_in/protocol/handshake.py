"""From the first packet to the logon: CONNECT, ACCEPT or REFUSE, protocol and data types negotiation."""

import re
from dataclasses import dataclass

from oracle_stand_in.data.wire import Reader, clr
from oracle_stand_in.flavour import Flavour
from oracle_stand_in.protocol.packets import PacketType, ProtocolError, narrow_packet

#: bounds for the session data unit, from the drivers' own checks
MIN_SDU, MAX_SDU = 512, 65535
#: AL32UTF8 and AL16UTF16
CHARSET, NCHAR_CHARSET = 873, 2000
#: offset of the connect string in the CONNECT packet's body
CONNECT_STRING_OFFSET = 66
#: native network services are off; without it node-oracledb would negotiate them
NA_DISABLED = 0x04
ACCEPT_HAS_END_OF_RESPONSE = 0x02000000
#: listener error: the service is not known
UNKNOWN_SERVICE, UNKNOWN_SID = 12514, 12505


@dataclass(frozen=True)
class ConnectRequest:
    """What a client asks for in CONNECT."""

    version: int
    sdu: int
    #: length of the connect string; 0 bytes of it may be in the packet (then it follows in a DATA packet of its own)
    string_length: int
    connect_string: bytes

    @property
    def is_complete(self) -> bool:
        """Whether the connect string came along."""
        return len(self.connect_string) >= self.string_length


def parse_connect(body: bytes) -> ConnectRequest:
    """Read a CONNECT packet's body. Raises: ProtocolError: it is too short to be one."""
    if len(body) < CONNECT_STRING_OFFSET:
        raise ProtocolError("a CONNECT packet this short is none")
    reader = Reader(body)
    version = reader.u16()
    reader.pos = 16
    string_length = reader.u16()
    reader.pos = 50
    sdu = reader.u32()
    return ConnectRequest(version, sdu, string_length, body[CONNECT_STRING_OFFSET:])


def service_or_sid(connect_string: str) -> tuple[str, bool]:
    """Return the name asked for and whether it is a SID rather than a service."""
    for key, is_sid in (("SERVICE_NAME", False), ("SID", True)):
        match = re.search(rf"\({key}\s*=\s*([^)]*)\)", connect_string, re.IGNORECASE)
        if match:
            return match[1].strip(), is_sid
    return "", False


def negotiate_sdu(asked: int) -> int:
    """Return the packet size for this connection."""
    return max(MIN_SDU, min(asked or MAX_SDU, MAX_SDU))


def accept_packet(request: ConnectRequest, flavour: Flavour) -> bytes:
    """Build the answer to a CONNECT that is welcome.

    Deliberately absent: out-of-band breaks (asyncio cannot do TCP urgent data; clients then send MARKER packets)
    and fast authentication (the plain sequence of messages is used instead).
    """
    sdu = negotiate_sdu(request.sdu)
    flags2 = ACCEPT_HAS_END_OF_RESPONSE if flavour.end_of_response else 0
    body = b"".join(
        (
            min(flavour.net_version, request.version).to_bytes(2, "big"),
            bytes(2),  # options
            sdu.to_bytes(2, "big"),
            sdu.to_bytes(2, "big"),
            b"\x00\x01" + bytes(4),
            bytes((NA_DISABLED, NA_DISABLED)),
            bytes(8),
            sdu.to_bytes(4, "big"),
            sdu.to_bytes(4, "big"),
            b"\x00",  # compression
            flags2.to_bytes(4, "big"),
        )
    )
    return narrow_packet(PacketType.ACCEPT, body)


def refuse_packet(code: int) -> bytes:
    """Build the listener's refusal with a TNS error code such as 12514."""
    text = f"(DESCRIPTION=(TMP=)(VSNNUM=318767104)(ERR={code})(ERROR_STACK=(ERROR=(CODE={code})(EMFI=4))))".encode()
    return narrow_packet(PacketType.REFUSE, b"\x01\x00" + len(text).to_bytes(2, "big") + text)


def protocol_answer(flavour: Flavour) -> bytes:
    """Build the answer to the protocol message: character sets and capabilities."""
    compile_caps = bytearray(55)
    known = {4: 0xEF, 15: 0x29, 16: 0x90, 17: 3, 18: 7, 19: 3, 21: 1, 23: 0xCF, 26: 4, 27: 1, 37: 0xB8, 40: 0x04}
    for index, value in known.items():
        compile_caps[index] = value
    compile_caps[7] = flavour.field_version
    if flavour.end_of_response:
        compile_caps[40] |= 0x20
    runtime_caps = bytearray(13)
    runtime_caps[0] = 2
    runtime_caps[6] = 0x01  # strings of up to 4000 bytes
    # the driver finds the national character set behind two lengths at offsets 5 and 6
    fdo = bytes((0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0)) + NCHAR_CHARSET.to_bytes(2, "big") + bytes(3)
    return b"".join(
        (
            b"\x01\x06\x00",
            b"x86_64/Linux 2.4.xx\x00",
            CHARSET.to_bytes(2, "little"),
            b"\x01" + bytes(2),  # server flags, no elements
            len(fdo).to_bytes(2, "big") + fdo,
            clr(bytes(compile_caps)),
            clr(bytes(runtime_caps)),
        )
    )


#: the answer to the data types message: an empty list satisfies the drivers
DATA_TYPES_ANSWER = b"\x02\x00\x00"


def read_protocol_message(reader: Reader) -> None:
    """Skip the client's protocol message."""
    reader.u8()
    reader.cstr()
    reader.cstr()


def read_data_types_message(reader: Reader) -> int:
    """Read the client's data types message and return its field version."""
    reader.raw(6)  # message type, two character sets, flags
    compile_caps = reader.clr()
    reader.clr()
    while reader.u16():
        if reader.u16():
            reader.raw(4)
    return compile_caps[7] if len(compile_caps) > 7 else 0
