"""Opening one connection: one try to log on, and an end to it whatever the listener does."""

import re
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, InvalidStateError, wait
from contextlib import suppress

import oracledb

from services.writer.oracle.connections.address import addresses, connect_params, resolved
from services.writer.oracle.connections.hung_sockets import Connected, connected_sockets, shut_down
from services.writer.oracle.connections.upkeep import part_with, say
from services.writer.oracle.connections.wallet import explained, open_wallet
from services.writer.oracle.errors import from_driver, one_line
from services.writer.settings import WriterSettings
from services.writer.sink import SinkError, Verdict

#: Times the patience with one address after which a connection is given up whatever the driver does: more than any
#: list of addresses takes, so that nothing but a name service that never answers can last as long.
_MOST_ROUNDS = 30


#: What the operating system says of a host's name that leads nowhere.
_NO_SUCH_NAME = re.compile("Name or service not known|nodename nor servname|name resolution|gaierror")


def connect(settings: WriterSettings, password: str) -> oracledb.Connection:
    """Return a connection.

    Takes ORACLE_CONNECT_TIMEOUT at most for each address where nothing accepts, and that and ORACLE_CALL_TIMEOUT for
    each that accepts and then says nothing; the driver goes on with the next one then.

    Raises: SinkError: code HANGS when something accepted and said nothing. SettingsError: see `connect_params`.
    """
    oracledb.enable_thin_mode()  # type: ignore[no-untyped-call]
    params = connect_params(settings)
    open_wallet(settings, params)
    listed = addresses(params)
    standby: oracledb.Connection | None = None
    try:
        connection = _log_on(settings, password, params)
        if len(listed) == 1 or not _is_standby(connection):
            return connection
        standby = connection
    except SinkError as error:
        if len(listed) == 1 or not _another_may_serve(error):
            raise _sent_on(error, params) or explained(error, params) from error.__cause__
        failure = error
    # The driver ends at the first listener that lets it in, though the database behind it is not open, or open to be
    # read: the old primary, after a switchover. The one after it in the list may be the new one.
    for connection in _each_alone(settings, password, params):
        if not _is_standby(connection):
            if standby is not None:
                part_with(standby)
            return connection
        if standby is not None:
            part_with(connection)
        standby = standby or connection
    if standby is None:
        raise failure
    return standby


def _sent_on(error: SinkError, params: oracledb.ConnectParams) -> SinkError | None:
    """Return code SENT_ON where a listener that answers has sent us to a place that can't be reached from here.

    A SCAN listener names the address of a node, which the driver does not repeat: what it says then of a name or of a
    port sounds as if it were said of ORACLE_DSN.
    """
    if error.code != "DPY-6005":
        return None
    if _NO_SUCH_NAME.search(str(error)):
        is_elsewhere = all(resolved(params, host) for host, _ in addresses(params))
    else:
        is_elsewhere = "Connection refused" in str(error) and any(map(_accepts, addresses(params)))
    return SinkError("SENT_ON", str(error), Verdict.TRANSIENT) if is_elsewhere else None


def _accepts(address: tuple[str, int]) -> bool:
    with suppress(OSError), socket.create_connection(address, timeout=1.0):
        return True
    return False


def _each_alone(
    settings: WriterSettings, password: str, params: oracledb.ConnectParams
) -> Iterator[oracledb.Connection]:
    """Yield a connection to each address that lets us in. Raises: SinkError: of credentials; others would do so too."""
    for host, port in addresses(params):
        alone = params.copy()
        alone.set(host=host, port=port)
        try:
            yield _log_on(settings, password, alone)
        except SinkError as error:
            if error.verdict is Verdict.CREDENTIALS:
                raise


def _is_standby(connection: oracledb.Connection) -> bool:
    """Tell whether a database is a copy of another: it takes no writes, or will forget them (a snapshot standby)."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT SYS_CONTEXT('USERENV', 'DATABASE_ROLE') FROM dual")
            return any("STANDBY" in (role or "") for (role,) in cursor)
    except Exception as error:  # noqa: BLE001 - on a connection that died the driver raises AttributeError and others
        say("it was not told whether the database is a standby", error)
        return False


def wait_for_redo(connection: oracledb.Connection) -> SinkError | None:
    """Have a session's commits wait for the disk, whatever the database's COMMIT_WAIT says; return why it may not.

    With NOWAIT, which is set for speed, a crash takes what was confirmed. Raises: oracledb.Error: the connection broke.
    """
    try:
        with connection.cursor() as cursor:
            cursor.execute("ALTER SESSION SET COMMIT_WAIT = WAIT")
    except oracledb.Error as error:
        refused = from_driver(error)
        if refused.verdict in (Verdict.CONNECTION_LOST, Verdict.TRANSIENT):
            raise
        return refused
    return None


def warning_of(connection: oracledb.Connection) -> str | None:
    """Return what Oracle said of the account at the logon, that its password expires; None where it said nothing."""
    return one_line(str(connection.warning)) if connection.warning else None


def _another_may_serve(error: SinkError) -> bool:
    """Tell whether a database let us in and then could not serve: not open, or no session left."""
    return error.code.startswith("ORA-") and error.verdict in (Verdict.CONNECTION_LOST, Verdict.TRANSIENT)


def _log_on(settings: WriterSettings, password: str, params: oracledb.ConnectParams) -> oracledb.Connection:
    """Log on once, in a thread of its own, because no timeout of the driver's applies while a listener says nothing."""
    attempt: Future[oracledb.Connection] = Future()

    def log_on() -> None:
        try:
            connection = _session(settings, password, params)
        except BaseException as error:  # noqa: BLE001 - the driver raises more than its own errors; the caller gets it
            with suppress(InvalidStateError):
                attempt.set_exception(error)
            return
        try:
            attempt.set_result(connection)
        except InvalidStateError:  # Nobody waits for it any more.
            connection.close()

    watch = _Watch(settings, params)
    threading.Thread(target=log_on, name="connect", daemon=True).start()
    while wait([attempt], watch.tick_s).not_done:
        if not watch.tick() and attempt.cancel():
            raise _hangs(settings)
    failure = attempt.exception()
    if failure is None:
        return attempt.result()
    raise _hangs(settings) if watch.shut_down else from_driver(failure, connecting=True) from failure


def _session(settings: WriterSettings, password: str, params: oracledb.ConnectParams) -> oracledb.Connection:
    """Open a session and set it up; one that can't be set up is not left behind. Raises: whatever the driver does."""
    connection = oracledb.connect(params=params, user=settings.oracle_user, password=password)
    try:
        connection.call_timeout = int(settings.oracle_call_timeout * 1000)
        if (refused := wait_for_redo(connection)) is not None:
            say("the session may not choose that its commits wait for the disk", refused)
    except BaseException:
        # The failure's traceback would hold it: each try left a session, until the account might have no more.
        part_with(connection)
        raise
    return connection


class _Watch:
    """Shuts the sockets of listeners that say nothing, so that the driver goes on with the next address or fails."""

    def __init__(self, settings: WriterSettings, params: oracledb.ConnectParams) -> None:
        self._params = params
        self._patience_s = settings.oracle_connect_timeout + settings.oracle_call_timeout
        #: Seconds between two ticks.
        self.tick_s = min(1.0, self._patience_s / 4)
        self._older = connected_sockets()
        self._seen: dict[Connected, float] = {}
        self._began = time.monotonic()
        self.shut_down = 0

    def tick(self) -> bool:
        """Shut what has been silent for too long; return False when all this has gone on for too long."""
        now = time.monotonic()
        for connected in connected_sockets() - self._older:
            self._seen.setdefault(connected, now)
        if stuck := [connected for connected, since in self._seen.items() if now - since >= self._patience_s]:
            count = len(addresses(self._params))
            # A listener may have sent the driver on to an address that is not in the connect string.
            redirected = now - self._began > (count + 1) * self._patience_s
            self.shut_down += shut_down(stuck, None if redirected else resolved(self._params))
        return now - self._began < _MOST_ROUNDS * self._patience_s


def _hangs(settings: WriterSettings) -> SinkError:
    patience_s = settings.oracle_connect_timeout + settings.oracle_call_timeout
    return SinkError(
        "HANGS", f"{settings.dsn} accepts connections and then says nothing for {patience_s:g} s", Verdict.TRANSIENT
    )
