"""What one client says and is told: bytes of its connection into requests, answers into bytes."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from oracle_stand_in.data.rows import Row, bind_row_parser
from oracle_stand_in.data.wire import NeedMoreError, Reader
from oracle_stand_in.engine.storage.transactions import Transaction
from oracle_stand_in.errors import OracleError, RowError
from oracle_stand_in.protocol import answers
from oracle_stand_in.protocol.packets import ProtocolError, data_packets
from oracle_stand_in.protocol.requests import Header, read_header
from oracle_stand_in.server.connection import ClosedError, Connection
from oracle_stand_in.server.instance import Instance

T = TypeVar("T")
#: bytes of a statement or a row that has not arrived as a whole
MOST_UNREAD = 64 * 1024 * 1024


@dataclass
class Negotiated:
    """What was agreed on while connecting."""

    sdu: int = 8192
    field_version: int = 0
    universal_scale: bool = False
    end_of_response: bool = False
    has_lengths: bool = True


class Dialogue:
    """Reads one client's requests and answers them; every answer tells whether a transaction is open."""

    def __init__(self, instance: Instance, connection: Connection, txn: Transaction) -> None:
        self.connection = connection
        self.negotiated = Negotiated()
        #: of the request that is being answered
        self.sequence = 0
        #: whether the client sends requests without waiting for answers
        self.in_pipeline = False
        #: whether of these none is to be done that follows one that failed, and whether one has
        self.pipeline_aborts = self.has_failed = False
        self._instance = instance
        self._txn = txn
        self._input = b""
        self._pos = 0
        #: whether nothing has come of the next request, which the client may take its time for
        self._is_idle = False
        self._before_answer = b""

    # requests

    async def next_request(self) -> Header:
        """Wait for a request, however long the client takes, and return how it begins.

        Whoever asks and does not read what it is told is not told more.
        """
        self._is_idle = True
        await self.connection.room()
        return await self.header()

    async def header(self) -> Header:
        """Return how a request begins that must come soon."""
        version, has_lengths = self.negotiated.field_version, self.negotiated.has_lengths
        header = await self.parse(lambda reader: read_header(reader, version, has_lengths=has_lengths))
        self.sequence = header.sequence
        return header

    async def parse(self, read: Callable[[Reader], T]) -> T:
        """Run a parser, again from its start whenever it runs out of bytes."""
        while True:
            reader = Reader(self._input, self._pos)
            try:
                value = read(reader)
            except NeedMoreError:
                await self._more()
            else:
                self._pos = reader.pos
                return value

    async def read_rows(self, columns: int, count: int) -> list[Row]:
        """Read bind rows; those that are complete are not read again when more packets are needed."""
        if not columns:
            return [()] * count
        rows: list[Row] = []
        parse = bind_row_parser(columns)
        while True:
            self._pos = parse(self._input, self._pos, count - len(rows), rows)
            if len(rows) == count:
                return rows
            await self._more()

    async def _more(self) -> None:
        rest = self._input[self._pos :]
        if len(rest) > MOST_UNREAD:
            raise ProtocolError(f"more than {MOST_UNREAD} bytes that make no whole")
        if self._is_idle and not rest:
            more = await self.connection.data()
        else:
            with self.soon():
                more = await self.connection.data()
        self._is_idle = False
        self._input, self._pos = rest + more, 0

    @contextmanager
    def soon(self) -> Iterator[None]:
        """Drop the connection if what must follow soon does not come."""
        timer = asyncio.get_running_loop().call_later(self._instance.patience_s, self.connection.cut, "fin")
        try:
            yield
        finally:
            timer.cancel()

    async def start_anew(self, error: OracleError) -> None:
        """Throw away what has arrived, and tell the client by the break handshake.

        Raises: ClosedError: it is in a pipeline, and would wait for the answers to all that is in it.
        """
        if self.in_pipeline:
            self.connection.cut("fin")
            raise ClosedError
        self._input, self._pos = b"", 0
        with self.soon():
            await self.connection.finish_break()
        self.answer(self.error(error))

    # answers

    def status(self) -> bytes:
        """Build the item that ends a call without a result."""
        return answers.status(self._txn.is_open, self.sequence)

    def end(
        self,
        error: OracleError | None = None,
        *,
        cursor_id: int = 0,
        row_count: int = 0,
        row_errors: list[RowError] | None = None,
    ) -> bytes:
        """Build the ERROR item that ends a call or a step of the logon; without an error it says that all went well."""
        end = answers.End(
            self._txn.is_open,
            self.sequence,
            *((error.code, error.text, error.position) if error else (0, "", 0)),
            cursor_id,
            row_count,
            row_errors or [],
        )
        return answers.error(end, self.negotiated.field_version)

    def error(self, error: OracleError, cursor_id: int = 0, row_count: int = 0) -> bytes:
        """Build the answer that says what went wrong, and count it."""
        self.has_failed = True
        self._instance.counters.errors += 1
        return self.end(error, cursor_id=cursor_id, row_count=row_count)

    def send_with_the_next(self, payload: bytes) -> None:
        """Keep bytes that the next answer begins with."""
        self._before_answer = payload

    def answer(self, payload: bytes) -> None:
        """Send a whole answer."""
        payload, self._before_answer = self._before_answer + payload, b""
        if self.negotiated.end_of_response:
            payload += answers.END_OF_RESPONSE
        self.send(payload)

    def send(self, payload: bytes, *, is_last: bool = True) -> None:
        """Send bytes as packets."""
        mark = self.negotiated.end_of_response and is_last
        self.connection.send(data_packets(payload, self.negotiated.sdu, end_of_response=mark))
