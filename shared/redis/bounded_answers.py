"""Answers of Redis, as far as they are not larger than we can take in.

What stands in Redis others may have written: a value of any size, a list of any length. Each read says how much it asks
for where it can; this is for all of them, and for what nobody thought of. What goes on beyond the bound is given up
together with its connection, before it is in our memory: the read fails, the process does not.
"""

import ssl
from typing import Any

from redis.connection import DefaultParser


class TooLargeError(ValueError):
    """Answers that go on beyond their bound; the connection can't be used any more."""


class Bounded:
    """A connection of which what comes for one request, or for several that were sent at once, has a bound."""

    def __init__(self, *args: Any, answer_max_bytes: int, **options: Any) -> None:
        self._answer_max_bytes = answer_max_bytes
        self.expect(answer_max_bytes)
        super().__init__(*args, **options, parser_class=_Parser)  # type: ignore[call-arg]

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        """Send what is asked: what comes now is counted anew."""
        self.expect(self._answer_max_bytes)
        super().send_packed_command(command, check_health)  # type: ignore[misc]

    def expect(self, max_bytes: int) -> None:
        """Let what comes from now on, until something is sent again, have so many bytes at most."""
        self.expected = self.answer_left = max_bytes

    @property
    def certificate_until(self) -> float | None:
        """When the server's certificate ends, in seconds since 1970; None without TLS, or where none is checked."""
        sock = getattr(self, "_sock", None)
        shown = sock.getpeercert() if isinstance(sock, ssl.SSLSocket) else None
        return ssl.cert_time_to_seconds(str(shown["notAfter"])) if shown else None


class _Reader:
    """hiredis' reader; the connection is told what it is fed."""

    def __init__(self, reader: Any, connection: Bounded) -> None:
        self.gets, self.has_data = reader.gets, reader.has_data
        self._feed, self._connection = reader.feed, connection

    def feed(self, buffer: bytearray, start: int, length: int) -> None:
        self._connection.answer_left -= length
        if self._connection.answer_left < 0:
            raise TooLargeError(f"it has more than {self._connection.expected:,} bytes")
        self._feed(buffer, start, length)


class _Parser(DefaultParser):  # type: ignore[misc,valid-type]
    """The usual parser, over a reader that counts."""

    def on_connect(self, connection: Any, **options: Any) -> None:
        super().on_connect(connection, **options)
        self._reader: Any = _Reader(self._reader, connection)
