"""Answers of Redis, as far as they are not larger than we can take in.

What stands in Redis others may have written: a value of any size, a list of any length. Each read says how much it asks
for where it can; this is for all of them, and for what nobody thought of. An answer that goes on beyond the bound is
given up together with its connection, before it is in our memory: the read fails, the process does not.
"""

from typing import Any

from redis.connection import DefaultParser


class TooLargeError(ValueError):
    """An answer that goes on beyond its bound; the connection can't be used any more."""


class _Reader:
    """hiredis' reader, with a count of what it was fed since the last answer began."""

    def __init__(self, reader: Any, max_bytes: int) -> None:
        self.gets, self.has_data = reader.gets, reader.has_data
        self._feed = reader.feed
        self.left = self._max_bytes = max_bytes

    def feed(self, buffer: bytearray, start: int, length: int) -> None:
        """Take what came from the socket. Raises: TooLargeError."""
        self.left -= length
        if self.left < 0:
            raise TooLargeError(f"it has more than {self._max_bytes:,} bytes")
        self._feed(buffer, start, length)


def bounded_by(max_bytes: int) -> type:
    """Return a parser for redis-py's connections that reads no answer beyond so many bytes."""

    class Parser(DefaultParser):  # type: ignore[misc,valid-type]
        """The usual parser, over a reader that counts."""

        _reader: Any

        def on_connect(self, connection: Any, **options: Any) -> None:
            """Begin with a new connection."""
            super().on_connect(connection, **options)
            self._reader = _Reader(self._reader, max_bytes)

        def read_response(self, *args: Any, **options: Any) -> Any:
            """Read the next answer. Raises: TooLargeError."""
            if self._reader is not None:
                self._reader.left = max_bytes
            return super().read_response(*args, **options)

    return Parser
