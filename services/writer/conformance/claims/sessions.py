"""Claims about connections: what ends them, what does not, and how long a call may take."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import oracledb

from services.writer.conformance.claim import Claims, DiffersError, NotTriedError, expect
from services.writer.conformance.place import Place, code_of, ends, values
from services.writer.conformance.slow_relay import Way, slow_relay
from services.writer.oracle.connections.address import addresses, connect_params
from services.writer.oracle.connections.connecting import connect, wait_for_redo
from services.writer.oracle.errors import from_driver
from services.writer.settings import WriterSettings
from services.writer.sink import SinkError, Verdict

#: Seconds that a call may take where it is to run out of time; and those after which it has not.
_CALL_TIMEOUT_S, _MUCH_TOO_LATE_S = 0.5, 5.0

#: Seconds that a slow way adds to each answer: a logon has four or five of them.
_SLOW_S = 0.1

_INSERT = "INSERT INTO {} VALUES ('a', '1', TIMESTAMP '2026-01-01 00:00:00', 'GOOD')"


CLAIMS = Claims[Place]()


@CLAIMS.relied_on_by("services.writer.oracle.dictionary.TableShape")
def who_we_are(place: Place) -> str:
    """The logon tells the database's name, and the dictionary the schema."""
    with place.connection() as connection:
        names = connection.db_name, connection.instance_name, connection.version
        ((schema,),) = place.rows("SELECT SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA') FROM dual")
    expect(all(names) and schema, f"{names}, schema {schema}")
    return f"database {names[0]}, instance {names[1]}, version {names[2]}"


@CLAIMS.relied_on_by("services.writer.oracle.connections.pool.Connections")
def uncommitted(place: Place) -> str:
    """What was not committed goes with its connection."""
    table = place.table()
    with place.connection() as connection, connection.cursor() as cursor:
        cursor.execute(_INSERT.format(table))
        expect(place.count(table) == 0, "another connection sees what is not committed")
    found = place.count(table)
    expect(found == 0, f"{found} rows after the connection was closed without a commit")
    return "gone with its connection"


@CLAIMS.relied_on_by("services.writer.oracle.connections.connecting.wait_for_redo")
def commit_waits(place: Place) -> str:
    """A session may choose that its commits wait for the disk, whatever the database's setting is."""
    with place.connection() as connection:
        refused = wait_for_redo(connection)
    expect(refused is None, f"{refused}")
    return "COMMIT_WAIT = WAIT was taken"


@CLAIMS.relied_on_by("services.writer.oracle.connections.pool.Connections")
def error_and_on(place: Place) -> str:
    """A statement that is refused costs neither the connection nor the transaction."""
    table = place.table()
    with place.connection() as connection, connection.cursor() as cursor:
        cursor.execute(_INSERT.format(table))
        for wrong in (f"SELECT nothing FROM {table}", "SELEKT 1", "SELECT 1 FROM tt_there_is_none"):  # noqa: S608 - a name of ours
            try:
                cursor.execute(wrong)
            except oracledb.Error as error:
                verdict = from_driver(error).verdict
                expect(verdict is not Verdict.CONNECTION_LOST, f"{error} took the connection")
        expect(connection.transaction_in_progress, "an error ended the transaction")
        connection.commit()
    expect(place.count(table) == 1, "the row before the errors is gone")
    return "three statements refused; the row before them could be committed"


@CLAIMS.relied_on_by("services.writer.oracle.connections.connecting.connect")
def call_timeout(place: Place) -> str:
    """A call that waits too long is broken off (DPY-4024), and its connection lives on."""
    with place.connection() as waiting:
        took_s = _broken_off(place, waiting)
    return f"DPY-4024 after {took_s:.1f} s, and the connection answers the next call"


@CLAIMS.relied_on_by("services.writer.oracle.connections.connecting.connect")
def out_of_band_break(place: Place) -> str:
    """A break that is sent as urgent TCP data ends a call, and its connection lives on."""
    if connect_params(place.settings).disable_oob is True:
        raise NotTriedError("ORACLE_DSN says pyo.disable_oob")
    address, service = _only_address(place)
    with slow_relay(address, 0.0) as way:
        settings = place.settings.model_copy(update={"oracle_dsn": f"127.0.0.1:{way.port}/{service}"})
        with connect(settings, settings.current_password()) as waiting:
            try:
                took_s = _broken_off(place, waiting)
            finally:
                if not way.urgent:
                    raise NotTriedError("this database takes no urgent data: breaks go in the stream, see call-timeout")
    return f"{way.urgent} urgent bytes; DPY-4024 after {took_s:.1f} s, and the connection answers the next call"


def _broken_off(place: Place, waiting: oracledb.Connection) -> float:
    """Have a call wait until its time is over; return how long it took. Raises: DiffersError."""
    # A second insert of a key waits for the first one's transaction.
    table = place.table()
    with place.connection() as holder:
        holder.cursor().execute(_INSERT.format(table))
        waiting.call_timeout = int(_CALL_TIMEOUT_S * 1000)
        code, took_s = _refused_after(waiting, _INSERT.format(table))
        expect(code == "DPY-4024", f"{code} after {took_s:.1f} s")
        expect(took_s < _MUCH_TOO_LATE_S, f"only after {took_s:.1f} s")
        waiting.call_timeout = int(place.settings.oracle_call_timeout * 1000)
        alive = waiting.cursor().execute("SELECT 1 FROM dual").fetchone()
        holder.rollback()
    expect(alive == (1,), f"the connection then answers {alive}")
    return took_s


def _refused_after(connection: oracledb.Connection, sql: str) -> tuple[str, float]:
    began = time.monotonic()
    code = code_of(lambda: connection.cursor().execute(sql))
    return code, time.monotonic() - began


@CLAIMS.relied_on_by("services.writer.oracle.refusals.Refusals")
def waits_for_a_key(place: Place) -> str:
    """Who inserts a key that another transaction holds waits for it, then gets ORA-00001."""
    table = place.table()
    with place.connection() as holder, place.connection() as waiting:
        holder.cursor().execute(_INSERT.format(table))
        release = threading.Timer(_CALL_TIMEOUT_S, holder.commit)
        release.start()
        code, took_s = _refused_after(waiting, _INSERT.format(table))
        release.join()
    expect(code == "ORA-00001", f"{code} after {took_s:.1f} s")
    expect(took_s >= _CALL_TIMEOUT_S / 2, f"refused after {took_s:.2f} s, before the other's commit")
    return f"refused after {took_s:.1f} s, once the other had committed"


def _failure(settings: WriterSettings) -> SinkError:
    try:
        connect(settings, settings.current_password()).close()
    except SinkError as error:
        return error
    raise DiffersError("a connection was made")


@CLAIMS.relied_on_by("services.writer.oracle.connections.connecting.connect")
def listener_refuses(place: Place) -> str:
    """Where nothing listens the driver says so at once."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    error = _failure(place.settings.model_copy(update={"oracle_dsn": f"127.0.0.1:{port}/none"}))
    expect((error.code, error.verdict) == ("DPY-6005", Verdict.TRANSIENT), f"{error.code}: {error}")
    return error.code


@contextmanager
def _silent_listener() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@CLAIMS.relied_on_by("services.writer.oracle.connections.connecting.connect")
def listener_silent(place: Place) -> str:
    """A listener that says nothing is given up within the timeouts."""
    quick = {"oracle_connect_timeout": _CALL_TIMEOUT_S, "oracle_call_timeout": _CALL_TIMEOUT_S}
    with _silent_listener() as port:
        began = time.monotonic()
        error = _failure(place.settings.model_copy(update={"oracle_dsn": f"127.0.0.1:{port}/none", **quick}))
        took_s = time.monotonic() - began
    expect((error.code, error.verdict) == ("HANGS", Verdict.TRANSIENT), f"{error.code}: {error}")
    expect(took_s < _MUCH_TOO_LATE_S, f"only after {took_s:.1f} s")
    return f"given up after {took_s:.1f} s"


def _only_address(place: Place) -> tuple[tuple[str, int], str]:
    """Return where a relay can lead to, and the service. Raises: NotTriedError."""
    params = connect_params(place.settings)
    address, *others = addresses(params)
    if others or not isinstance(params.service_name, str) or params.protocol != "tcp":
        raise NotTriedError("it needs an ORACLE_DSN of one address without TLS, and a service name")
    return address, params.service_name


@CLAIMS.relied_on_by("services.writer.oracle.connections.connecting.connect")
def listener_slow(place: Place) -> str:
    """A slow way to the database is waited for, and given up where it is past the timeouts."""
    address, service = _only_address(place)
    quick = place.settings.model_copy(
        update={"oracle_connect_timeout": _CALL_TIMEOUT_S, "oracle_call_timeout": _CALL_TIMEOUT_S}
    )

    def behind(way: Way) -> WriterSettings:
        return quick.model_copy(update={"oracle_dsn": f"127.0.0.1:{way.port}/{service}?pyo.disable_oob=true"})

    with slow_relay(address, _SLOW_S) as way:
        began = time.monotonic()
        connection = connect(behind(way), place.settings.current_password())
        answered = connection.cursor().execute("SELECT 1 FROM dual").fetchone()
        took_s = time.monotonic() - began
        connection.close()
    expect(answered == (1,), f"it answers {answered}")
    with slow_relay(address, 2 * _MUCH_TOO_LATE_S) as way:
        error = _failure(behind(way))
    expect((error.code, error.verdict) == ("HANGS", Verdict.TRANSIENT), f"{error.code}: {error}")
    return f"{_SLOW_S} s more for each answer: logged on and asked in {took_s:.1f} s; far more: {error.code}"


@CLAIMS.relied_on_by("services.writer.oracle.connections.pool.Connections")
def sink_gives_back(place: Place) -> str:
    """The sink's connections are free again after a write."""
    table = place.table()
    with place.sink(table) as sink:
        outcome = sink.write(values(3))
        opened, busy = sink.connections
    expect((outcome.written, busy) == (3, 0) and opened > 0, f"{ends(outcome)}, {opened} open, {busy} busy")
    return f"{opened} open, none busy afterwards"
