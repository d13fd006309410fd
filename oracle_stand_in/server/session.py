"""One client, from CONNECT to the end: reads requests, runs them, answers them."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from oracle_stand_in.data.clock import now
from oracle_stand_in.data.nls import DEFAULT_NLS
from oracle_stand_in.data.rows import Row, RowError, bind_row_parser
from oracle_stand_in.data.wire import NeedMoreError, Reader
from oracle_stand_in.engine.dictionary import SessionFacts
from oracle_stand_in.engine.engine import NO_BINDS, Engine
from oracle_stand_in.engine.transactions import Transaction
from oracle_stand_in.errors import OracleError
from oracle_stand_in.faults.state import fires
from oracle_stand_in.protocol import answers, auth, handshake
from oracle_stand_in.protocol.packets import PacketType, ProtocolError, data_packets
from oracle_stand_in.protocol.requests import Function, Header, UnknownFunctionError, read_header
from oracle_stand_in.server.calls import Calls, UnknownCursorError, UnreadableError
from oracle_stand_in.server.connection import BreakError, ClosedError, Connection, EndSession
from oracle_stand_in.server.instance import Instance
from oracle_stand_in.sql.context import Context

log = logging.getLogger("oracle-stand-in")
T = TypeVar("T")
#: requests whose end is not known: the client is told by the break handshake
UNREADABLE = (UnreadableError, UnknownCursorError, UnknownFunctionError)


@dataclass
class Negotiated:
    """What was agreed on while connecting."""

    sdu: int = 8192
    field_version: int = 0
    universal_scale: bool = False
    end_of_response: bool = False


@dataclass
class SessionCounters:
    """What V$SESSTAT counts of a session."""

    round_trips: int = 0
    parses: int = 0


class Session:
    """Serves one connection."""

    def __init__(self, instance: Instance, connection: Connection) -> None:
        self.instance = instance
        self.connection = connection
        self.id = instance.new_session_id()
        self.negotiated = Negotiated()
        self.txn = Transaction()
        self.nls = DEFAULT_NLS
        self.counters = SessionCounters()
        #: what the client has set: see Context
        self.values: dict[tuple[str, str], str] = {}
        self.user = ""
        self.program = ""
        self.machine = ""
        #: what the client wants the session to be set to while it logs on: its time zone
        self._alter_session = ""
        self.sequence = 0
        self._input = b""
        self._pos = 0
        #: whether nothing has come of the next request, which the client may take its time for
        self._is_idle = False
        self._calls = Calls(self)

    async def run(self) -> None:
        """Serve until the client leaves, is cut off, or makes no sense."""
        try:
            await self._connect()
            await self._negotiate()
            await self._log_on()
            await self._serve()
        except (ClosedError, EndSession):
            pass
        except (ProtocolError, RowError, BreakError) as error:
            log.warning("session %d of %s: %s; connection dropped", self.id, self.connection.peer, error)
            self.connection.cut("rst")
        except Exception:
            # a message that cannot be what the client meant, such as text that is no UTF-8
            log.exception("session %d of %s: connection dropped", self.id, self.connection.peer)
            self.connection.cut("rst")
        finally:
            # whatever ended it: nothing that was not committed stays
            self.instance.engine.rollback(self)
            if self.id in self.instance.sessions:
                self.instance.sessions.discard(self.id)
                self.instance.engine.dictionary.sessions.remove(self.facts)

    # what the engine asks of a client

    def facts(self) -> SessionFacts:
        """Return what the dictionary tells of this session."""
        return SessionFacts(
            self.id, self.user, self.program, self.machine, self.counters.round_trips, self.counters.parses
        )

    def context(self) -> Context:
        """Return what statements may ask about this session."""
        return Context(
            self.user, self.instance.service, self.id, self.program, self.machine, now(), self.nls, self.values
        )

    async def wait(self, event: "asyncio.Future[None]") -> None:
        """Wait for another transaction to end."""
        await self.connection.wait(event)

    # connecting

    async def _connect(self) -> None:
        faults = self.instance.faults
        gate = faults.new_connections.hold()
        if gate is not None:
            await self.connection.wait(gate)
        with self._soon():
            packet = await self.connection.packet()
        if packet.type != PacketType.CONNECT:
            raise ProtocolError("the first packet is not CONNECT")
        request = handshake.parse_connect(packet.body)
        text = request.connect_string
        if not request.is_complete:
            with self._soon():
                text = (await self.connection.packet()).body[2:]
        if faults.refuse is not None and faults.refuse.code is not None and fires(faults.refuse):
            self._refuse(faults.refuse.code)
        service, is_sid = handshake.service_or_sid(text.decode("utf-8", "replace"))
        if is_sid or service.upper() != self.instance.service.upper():
            self._refuse(handshake.UNKNOWN_SID if is_sid else handshake.UNKNOWN_SERVICE)
        self.negotiated.sdu = handshake.negotiate_sdu(request.sdu)
        self.connection.use_wide_lengths()
        self.connection.send(handshake.accept_packet(request, self.instance.flavour))

    def _refuse(self, code: int) -> None:
        self.connection.send(handshake.refuse_packet(code))
        self.connection.cut("fin")
        raise EndSession

    async def _negotiate(self) -> None:
        flavour = self.instance.flavour
        await self.parse(handshake.read_protocol_message)
        self._send(handshake.protocol_answer(flavour))
        client = await self.parse(handshake.read_data_types_message)
        self._send(client.answer)
        # only from here on do answers carry the end-of-response mark
        self.negotiated.field_version = min(flavour.field_version, client.field_version)
        self.negotiated.universal_scale = client.universal_scale
        self.negotiated.end_of_response = flavour.end_of_response and client.end_of_response

    async def _log_on(self) -> None:
        await self._expect(Function.AUTH_ONE)
        first = await self.parse(auth.read_auth_message)
        self.program = first.values.get("AUTH_PROGRAM_NM", "")
        self.machine = first.values.get("AUTH_MACHINE", "")
        account = self.instance.account
        try:
            proof = await self._authenticate(first.user)
        except OracleError as error:
            self.answer(self.error(error))
            self.connection.cut("fin")
            raise EndSession from None
        self.user = account.user
        await self._set_up(self._alter_session)
        self.instance.sessions.add(self.id)
        self.instance.engine.dictionary.sessions.append(self.facts)
        self.instance.counters.logons += 1
        pairs = auth.session_pairs(self.instance.flavour, self.instance.service, self.id, proof)
        self.answer(auth.parameters(pairs) + self._success())

    async def _authenticate(self, user: str) -> str:
        """Exchange the logon messages and return the server's proof. Raises: OracleError: the logon is refused."""
        faults, account = self.instance.faults, self.instance.account
        self._check_logon()
        # an unknown user goes through the same exchange, so that nobody can tell which of the two was wrong
        challenge = auth.Challenge(
            account.verifier if user == account.user else auth.Verifier.of(""),
            auth.VERIFIER_10G if faults.has_old_verifier else auth.VERIFIER_12C,
        )
        self.answer(auth.parameters(challenge.pairs()) + self._success())
        await self._expect(Function.AUTH_TWO)
        message = await self.parse(auth.read_auth_message)
        self._alter_session = message.values.get("AUTH_ALTER_SESSION", "").strip()
        if faults.is_locked:
            raise OracleError(28000)
        proof = challenge.proof(message.values, account.password) if user == account.user else None
        if proof is None:
            raise OracleError(1017)
        self._check_limit()
        return proof

    def _check_logon(self) -> None:
        fault = self.instance.faults.logon_failure
        if fault is not None and fires(fault):
            raise fault.error()
        self._check_limit()

    def _check_limit(self) -> None:
        limit = self.instance.faults.session_limit
        if limit is not None and len(self.instance.sessions) >= limit:
            raise OracleError(18)

    async def _set_up(self, statement: str) -> None:
        """Run what a client asks for in its logon; what is not understood there is left alone, as Oracle does."""
        try:
            if statement:
                await self.instance.engine.run(Engine.prepare(statement), self, NO_BINDS, collect_errors=False)
        except OracleError as error:
            log.info("session %d: %s in %s", self.id, error.text, statement)

    async def _expect(self, function: Function) -> None:
        header = await self.parse(lambda reader: read_header(reader, self.negotiated.field_version))
        if header.function != function:
            raise ProtocolError(f"function {header.function} before the logon")
        self.sequence = header.sequence

    # serving

    async def _serve(self) -> None:
        while True:
            self._is_idle = True
            try:
                header = await self.parse(lambda reader: read_header(reader, self.negotiated.field_version))
                await self._handle(header)
            except BreakError:
                await self._start_anew(OracleError(1013))
            except UnreadableError as error:
                await self._start_anew(error.error)
            except UnknownCursorError:
                await self._start_anew(OracleError(1001))
            except UnknownFunctionError as error:
                text = f"unimplemented feature (the stand-in does not know function {error.code})"
                await self._start_anew(OracleError(3001, text=text))

    async def _handle(self, header: Header) -> None:
        self.sequence = header.sequence
        self.instance.counters.round_trips += not header.is_one_way
        self.counters.round_trips += not header.is_one_way
        self._calls.close_cursors(header.piggybacks.closed_cursors)
        self.values.update(header.piggybacks.values)
        try:
            answer = await self._calls.run(header.function)
        except OracleError as error:
            answer = self.error(error)
        except (BreakError, ClosedError, EndSession, ProtocolError, RowError, *UNREADABLE):
            raise
        except Exception as error:
            # a mistake of ours: say so to the client as Oracle would, and to the log with the traceback
            log.exception("session %d: internal error", self.id)
            answer = self.error(OracleError(600, repr(error)))
        if header.is_one_way:
            return
        await self._hold_answer(answer)
        self.answer(answer)
        if header.function == Function.LOGOFF:
            self.connection.cut("fin")
            raise EndSession

    async def _hold_answer(self, answer: bytes) -> None:
        """Apply the faults that strike between the work and its answer."""
        faults = self.instance.faults
        gate = faults.calls.hold("after")
        if gate is not None:
            await self.connection.wait(gate)
        if faults.delay_ms:
            await self.connection.sleep(faults.delay_ms / 1000)
        if self._calls.half_answer:
            self._send(answer[: len(answer) // 2], is_last=False)
            self.connection.cut("fin")
            raise EndSession

    async def _start_anew(self, error: OracleError) -> None:
        """Throw away what has arrived, and tell the client by the break handshake."""
        self._input, self._pos = b"", 0
        with self._soon():
            await self.connection.finish_break()
        self.answer(self.error(error))

    # bytes

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
        if self._is_idle and not rest:
            more = await self.connection.data()
        else:
            with self._soon():
                more = await self.connection.data()
        self._is_idle = False
        self._input, self._pos = rest + more, 0

    @contextmanager
    def _soon(self) -> Iterator[None]:
        """Drop the connection if what must follow soon does not come."""
        timer = asyncio.get_running_loop().call_later(self.instance.patience_s, self.connection.cut, "fin")
        try:
            yield
        finally:
            timer.cancel()

    def error(self, error: OracleError, cursor_id: int = 0, row_count: int = 0) -> bytes:
        """Build the answer that says what went wrong."""
        self.instance.counters.errors += 1
        return answers.error(
            answers.End(
                self.txn.is_open,
                self.sequence,
                error.code,
                error.text,
                error.position,
                cursor_id,
                row_count,
            ),
            self.negotiated.field_version,
        )

    def _success(self) -> bytes:
        """Build the item that ends a step of the logon: an error that is none, as real servers send it."""
        return answers.error(answers.End(self.txn.is_open, self.sequence), self.negotiated.field_version)

    def answer(self, payload: bytes) -> None:
        """Send a whole answer."""
        if self.negotiated.end_of_response:
            payload += answers.END_OF_RESPONSE
        self._send(payload)

    def _send(self, payload: bytes, *, is_last: bool = True) -> None:
        mark = self.negotiated.end_of_response and is_last
        self.connection.send(data_packets(payload, self.negotiated.sdu, end_of_response=mark))
