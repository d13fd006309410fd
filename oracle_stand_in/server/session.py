"""One client, from CONNECT to the end: logs it on, runs its requests, answers them."""

import asyncio
import logging
import time

from oracle_stand_in.data.clock import now
from oracle_stand_in.data.nls import DEFAULT_NLS
from oracle_stand_in.data.rows import RowError
from oracle_stand_in.data.values import NumberRangeError
from oracle_stand_in.engine.database import SessionFacts
from oracle_stand_in.engine.prepared import NO_BINDS, prepare
from oracle_stand_in.engine.storage.transactions import Transaction
from oracle_stand_in.errors import OracleError, unsupported
from oracle_stand_in.protocol.packets import ProtocolError
from oracle_stand_in.protocol.requests import Function, Header, UnknownFunctionError
from oracle_stand_in.server.calls import Calls, UnknownCursorError, UnreadableError
from oracle_stand_in.server.connection import BreakError, ClosedError, Connection, EndSession
from oracle_stand_in.server.dialogue import Dialogue
from oracle_stand_in.server.instance import Instance
from oracle_stand_in.server.logon import Logon
from oracle_stand_in.sql.evaluation.context import Context

log = logging.getLogger("oracle-stand-in")
#: requests whose end is not known: the client is told by the break handshake
UNREADABLE = (UnreadableError, UnknownCursorError, UnknownFunctionError)


class Session:
    """Serves one connection."""

    def __init__(self, instance: Instance, connection: Connection) -> None:
        self.instance = instance
        self.connection = connection
        self.id = instance.new_session_id()
        self.txn = Transaction()
        self.nls = DEFAULT_NLS
        self.round_trips = 0
        #: what the client has set: see Context
        self.values: dict[tuple[str, str], str] = {}
        self.user = ""
        self.program = ""
        self.machine = ""
        self.engine = instance.engine
        self._killed = False
        self._is_busy = False
        #: moment of its last answer
        self._answered = 0.0
        self._dialogue = Dialogue(instance, connection, self.txn)
        self._calls = Calls(instance, self._dialogue, self)

    async def run(self) -> None:
        """Serve until the client leaves, is cut off, or makes no sense."""
        try:
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
            self.engine.rollback(self)
            self._leave()

    # what the engine asks of a client

    def facts(self) -> SessionFacts:
        """Return what the dictionary tells of this session."""
        context = self.context()
        return SessionFacts(
            self.id, self.user, self.program, self.machine, self.round_trips, self._calls.parses, self._status(),
            context.attribute("MODULE"), context.attribute("ACTION"),
        )  # fmt: skip

    def _status(self) -> str:
        if self._killed:
            return "KILLED"
        if self._is_busy:
            return "ACTIVE"
        return "SNIPED" if self._is_idle_for_too_long() else "INACTIVE"

    def _is_idle_for_too_long(self) -> bool:
        database = self.instance.database
        user = database.users.get(self.user)
        minutes = database.limit(user, "IDLE_TIME") if user else None
        return minutes is not None and time.monotonic() - self._answered > minutes * self.instance.minute_s

    def kill(self) -> None:
        """End the session: what it holds is let go now, and its next call is told so (ORA-00028)."""
        self._killed = True
        self.engine.rollback(self)

    def context(self) -> Context:
        """Return what statements may ask about this session."""
        return Context(
            self.user, self.instance.service, self.id, self.program, self.machine, now(), self.nls, self.values,
            self.instance.database.role,
        )  # fmt: skip

    async def wait(self, event: "asyncio.Future[None]") -> None:
        """Wait for another transaction to end."""
        await self.connection.wait(event)

    # its requests

    async def _log_on(self) -> None:
        logon = Logon(self.instance, self._dialogue)
        client = await logon.run()
        self.user, self.program, self.machine = client.user, client.program, client.machine
        self.values.update(client.contexts)
        await self._set_up(client.alter_session)
        self.instance.database.sessions.append(self)
        self._answered = time.monotonic()
        self.instance.counters.logons += 1
        logon.welcome(self.id, client.proof)

    async def _set_up(self, statement: str) -> None:
        """Run what a client asks for in its logon; what is not understood there is left alone, as Oracle does."""
        try:
            if statement:
                await self.engine.run(prepare(statement), self, NO_BINDS, collect_errors=False)
        except OracleError as error:
            log.info("session %d: %s in %s", self.id, error.text, statement)

    async def _serve(self) -> None:
        while True:
            try:
                await self._handle(await self._dialogue.next_request())
            except BreakError:
                await self._dialogue.start_anew(OracleError(1013))
            except UnreadableError as error:
                await self._dialogue.start_anew(error.error)
            except UnknownCursorError:
                await self._dialogue.start_anew(OracleError(1001))
            except UnknownFunctionError as error:
                text = f"unimplemented feature (the stand-in does not know function {error.code})"
                await self._dialogue.start_anew(OracleError(3001, text=text))

    async def _handle(self, header: Header) -> None:
        self.instance.counters.round_trips += not header.is_one_way
        self.round_trips += not header.is_one_way
        self._calls.cursors.close(header.piggybacks.closed_cursors)
        if header.piggybacks.begins_pipeline:
            self._dialogue.in_pipeline, self._dialogue.has_failed = True, False
            self._dialogue.pipeline_aborts = header.piggybacks.aborts_pipeline
        cleared = header.piggybacks.cleared
        self.values = {place: value for place, value in self.values.items() if place[0] not in cleared}
        self.values.update(header.piggybacks.values)
        self._end_if_over()
        self._is_busy = True
        try:
            answer = await self._answer(header)
        except OracleError as error:
            answer = self._dialogue.error(error)
        except (BreakError, ClosedError, EndSession, ProtocolError, RowError, *UNREADABLE):
            raise
        except RecursionError:
            answer = self._dialogue.error(unsupported("a statement nested as deeply as this"))
        except (ArithmeticError, NumberRangeError):
            answer = self._dialogue.error(OracleError(1426))
        except Exception as error:
            # a mistake of ours: say so to the client as Oracle would, and to the log with the traceback
            log.exception("session %d: internal error", self.id)
            answer = self._dialogue.error(OracleError(600, repr(error)))
        finally:
            self._is_busy, self._answered = False, time.monotonic()
        if header.is_one_way:
            return
        await self._hold_answer(answer)
        self._end_if_over()
        if header.function == Function.LOGOFF:
            # before the client knows of it: the next logon must find its place free
            self._leave()
        self._dialogue.answer(answer)
        if header.function == Function.LOGOFF:
            self.connection.cut("fin")
            raise EndSession

    async def _answer(self, header: Header) -> bytes:
        if header.piggybacks.schema is not None:
            self.nls = self.engine.in_schema(self.nls, header.piggybacks.schema)
        return await self._calls.run(header.function)

    def _leave(self) -> None:
        if self in self.instance.database.sessions:
            self.instance.database.sessions.remove(self)

    def _end_if_over(self) -> None:
        """Tell the client if a DBA or its profile has ended the session. Raises: EndSession."""
        if self._killed or self._is_idle_for_too_long():
            self._dialogue.answer(self._dialogue.error(OracleError(28 if self._killed else 2396)))
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
            self._dialogue.send(answer[: len(answer) // 2], is_last=False)
            self.connection.cut("fin")
            raise EndSession
