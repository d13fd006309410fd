"""From the first packet to the logon: CONNECT, ACCEPT or REFUSE, protocol and data types negotiation."""

import re
from dataclasses import dataclass

from oracle_stand_in.data.wire import Reader, clr
from oracle_stand_in.flavour import Flavour
from oracle_stand_in.protocol.packets import HEADER, PacketType, ProtocolError, narrow_packet

#: bounds for the session data unit, from the drivers' own checks
MIN_SDU, MAX_SDU = 512, 65535
#: AL32UTF8 and AL16UTF16
CHARSET, NCHAR_CHARSET = 873, 2000
#: bytes of a CONNECT packet's body before its connect string, at least; the packet says where that begins
SHORTEST_CONNECT = 54
#: native network services are off; without it node-oracledb would negotiate them
NA_DISABLED = 0x04
ACCEPT_HAS_END_OF_RESPONSE = 0x02000000
#: bytes of an ACCEPT packet
ACCEPT_SIZE = 45
#: capabilities: the time zone is told in the data types message, with the version of the time zone file
RUNTIME_TZ, COMPILE_TZ_VERSION = 0x01, 0x02
#: and every answer ends with a mark
COMPILE_END_OF_RESPONSE = 0x20
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
    if len(body) < SHORTEST_CONNECT:
        raise ProtocolError("a CONNECT packet this short is none")
    reader = Reader(body)
    version = reader.u16()
    reader.pos = 16
    string_length, string_offset = reader.u16(), reader.u16()
    reader.pos = 50
    sdu = reader.u32()
    return ConnectRequest(version, sdu, string_length, body[string_offset - HEADER :])


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
            b"\x00\x01" + bytes(2) + ACCEPT_SIZE.to_bytes(2, "big"),  # byte order; no data, which would begin there
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
    known = {4: 0xEF, 15: 0x29, 16: 0x91, 17: 3, 18: 7, 19: 3, 21: 1, 23: 0xCF, 26: 4, 27: 1, 37: 0xB8, 40: 0x04}
    for index, value in known.items():
        compile_caps[index] = value
    compile_caps[7] = flavour.field_version
    if flavour.end_of_response:
        compile_caps[40] |= COMPILE_END_OF_RESPONSE
    runtime_caps = bytearray(13)
    runtime_caps[0] = 2
    runtime_caps[1] = RUNTIME_TZ
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


@dataclass(frozen=True)
class DataTypesRequest:
    """What a client says in the data types message, as far as it matters here."""

    field_version: int
    #: whether it wants to know the database's time zone, and the version of its time zone file
    wants_zone: bool
    wants_zone_version: bool
    #: whether it wants signed bytes in the form of all other integers: the scale of a number
    universal_scale: bool
    #: whether it knows the mark that ends an answer
    end_of_response: bool
    #: whether texts whose length is known have it in front once more; not so with JDBC
    has_lengths: bool

    @property
    def answer(self) -> bytes:
        """The answer: an empty list of types satisfies the drivers."""
        zone = ZONE_UTC if self.wants_zone else b""
        version = ZONE_FILE_VERSION if self.wants_zone and self.wants_zone_version else b""
        return b"\x02" + zone + version + b"\x00\x00"


#: DBTIMEZONE as an INTERVAL DAY TO SECOND of nothing, and the version of the time zone file
ZONE_UTC, ZONE_FILE_VERSION = b"\x80\x00\x00\x00<<<\x80\x00\x00\x00", b"\x00\x00\x00\x20"
#: several messages in one, and the field version in whose form the logon's message among them is
FAST_AUTHENTICATION, BUNDLE_FIELD_VERSION = 34, 13
#: flag of the data types message
TEXTS_HAVE_LENGTHS = 0x02
#: a type of the protocol's own, and the form of integers that says how many bytes follow
SIGNED_BYTE, UNIVERSAL = 27, 1
#: above all types' numbers: what is larger in the place of a type is a character set
FIRST_CHARSET = 1000


def read_protocol_message(reader: Reader) -> None:
    """Skip the client's protocol message."""
    reader.u8()
    reader.cstr()
    reader.cstr()


def read_fast_authentication(reader: Reader) -> bool:
    """Read what stands before the data types message where the messages up to the first of the logon come in one.

    Source: python-oracledb, src/oracledb/impl/thin/messages/fast_auth.pyx.
    """
    if reader.u8() != FAST_AUTHENTICATION:
        reader.pos -= 1
        return False
    reader.raw(3)  # version, flags
    read_protocol_message(reader)
    reader.raw(6)  # two character sets, a flag, the field version of what follows
    return True


def read_data_types_message(reader: Reader) -> DataTypesRequest:
    """Read the client's data types message."""
    *_, flags = reader.raw(6)  # message type, two character sets
    compile_caps = reader.clr()
    runtime_caps = reader.clr()
    wants_zone = len(runtime_caps) > 1 and bool(runtime_caps[1] & RUNTIME_TZ)
    wants_version = len(compile_caps) > 37 and bool(compile_caps[37] & COMPILE_TZ_VERSION)
    if wants_zone:
        reader.raw(len(ZONE_UTC) + (len(ZONE_FILE_VERSION) if wants_version else 0))
    universal_scale = False
    while kind := reader.u16():
        if kind >= FIRST_CHARSET:
            continue  # go-ora names its national character set before the types
        if reader.u16():
            representation = reader.u16()
            universal_scale |= kind == SIGNED_BYTE and representation == UNIVERSAL
            reader.u16()
    field_version = compile_caps[7] if len(compile_caps) > 7 else 0
    knows_mark = len(compile_caps) > 40 and bool(compile_caps[40] & COMPILE_END_OF_RESPONSE)
    has_lengths = bool(flags & TEXTS_HAVE_LENGTHS)
    return DataTypesRequest(field_version, wants_zone, wants_version, universal_scale, knows_mark, has_lengths)
