"""Primitives of the TTC byte stream: reading and writing integers and length-prefixed bytes.

Names follow the protocol's own: `ub` is the "universal" unsigned integer (a length byte, then that many bytes, big
endian), `clr` is a byte string with its length in front. An empty byte string and NULL are the same thing here, as
they are in Oracle.
"""

#: the longest value that fits behind a single length byte; longer ones travel in chunks
MAX_SHORT_LENGTH = 252
#: length bytes with a meaning of their own
CHUNKED, ESCAPE, NULL = 0xFE, 0xFD, 0xFF
#: no chunk we write is longer than this, which every driver accepts
MAX_CHUNK = 32767


class NeedMoreError(Exception):
    """The message goes on in a packet that has not arrived: wait, then parse again from its first byte."""


class Reader:
    """Reads a byte string from front to back.

    Raises: NeedMoreError by every method, when the bytes at hand end before the value does.
    """

    __slots__ = ("data", "pos")

    def __init__(self, data: bytes, pos: int = 0) -> None:
        self.data = data
        self.pos = pos

    def raw(self, size: int) -> bytes:
        """Read exactly `size` bytes."""
        end = self.pos + size
        if end > len(self.data):
            raise NeedMoreError
        value = self.data[self.pos : end]
        self.pos = end
        return value

    def u8(self) -> int:
        """Read one byte."""
        if self.pos >= len(self.data):
            raise NeedMoreError
        value = self.data[self.pos]
        self.pos += 1
        return value

    def u16(self) -> int:
        """Read two bytes, big endian."""
        return int.from_bytes(self.raw(2), "big")

    def u32(self) -> int:
        """Read four bytes, big endian."""
        return int.from_bytes(self.raw(4), "big")

    def ub(self) -> int:
        """Read an unsigned integer of any width."""
        return int.from_bytes(self.raw(self.u8() & 0x7F), "big")

    def clr(self) -> bytes:
        """Read a length-prefixed byte string; NULL is the empty one."""
        size = self.u8()
        if size <= MAX_SHORT_LENGTH:
            return self.raw(size)
        if size == CHUNKED:
            chunks = []
            while chunk_size := self.ub():
                chunks.append(self.raw(chunk_size))
            return b"".join(chunks)
        if size == ESCAPE:  # a NULL of a type that has its own form, BOOLEAN
            self.u8()
        return b""

    def characters(self, size: int, *, has_length: bool) -> bytes:
        """Read a text whose length is known; some clients send that once more in front of it."""
        return self.clr() if has_length else self.raw(size)

    def clr2(self) -> bytes:
        """Read a byte string that has its length twice."""
        return self.clr() if self.ub() else b""

    def cstr(self) -> bytes:
        """Read up to a zero byte, which is consumed."""
        end = self.data.find(b"\x00", self.pos)
        if end < 0:
            raise NeedMoreError
        value = self.data[self.pos : end]
        self.pos = end + 1
        return value

    def skip(self, layout: str) -> None:
        """Skip fields that mean nothing here: "b" is a byte, "u" a universal integer."""
        for field in layout:
            if field == "b":
                self.u8()
            else:
                self.ub()


def ub(value: int) -> bytes:
    """Encode an unsigned integer below 2**64."""
    if value == 0:
        return b"\x00"
    size = 1 if value < 0x100 else 2 if value < 0x10000 else 4 if value < 0x1_0000_0000 else 8
    return bytes((size,)) + value.to_bytes(size, "big")


def sb(value: int) -> bytes:
    """Encode a signed integer: as an unsigned one, with a bit in its length byte when it is negative."""
    size, *rest = ub(abs(value))
    return bytes((size | 0x80 if value < 0 else size, *rest))


def clr(value: bytes) -> bytes:
    """Encode a byte string with its length; the empty one is NULL."""
    if len(value) <= MAX_SHORT_LENGTH:
        return bytes((len(value),)) + value
    parts = [bytes((CHUNKED,))]
    for start in range(0, len(value), MAX_CHUNK):
        chunk = value[start : start + MAX_CHUNK]
        parts += (ub(len(chunk)), chunk)
    parts.append(b"\x00")
    return b"".join(parts)


def clr2(value: bytes) -> bytes:
    """Encode a byte string with its length twice."""
    return ub(len(value)) + clr(value) if value else b"\x00"
