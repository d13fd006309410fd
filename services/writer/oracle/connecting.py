"""One connection outside the pool, for `check`: one try to log on, and an end to it whatever the listener does."""

import threading

import oracledb

from services.writer.oracle.errors import from_driver, oracle_error
from services.writer.oracle.hung_sockets import release_stuck_threads
from services.writer.settings import WriterSettings


def connect(settings: WriterSettings) -> oracledb.Connection:
    """Return a connection.

    One try: a pool would make several at once, and with a wrong password each counts against the account.
    Raises: SinkError: code HANGS when nothing is answered within ORACLE_CONNECT_TIMEOUT and ORACLE_CALL_TIMEOUT.
    """
    oracledb.enable_thin_mode()  # type: ignore[no-untyped-call]
    connected: list[oracledb.Connection] = []
    failed: list[BaseException] = []

    def work() -> None:
        try:
            connected.append(
                oracledb.connect(
                    user=settings.oracle_user,
                    password=settings.oracle_password.get_secret_value(),
                    dsn=settings.dsn,
                    tcp_connect_timeout=settings.oracle_connect_timeout,
                )
            )
        except Exception as error:  # noqa: BLE001 - the driver raises more than its own errors; the caller gets it
            failed.append(error)

    # A listener that accepts and says nothing holds this thread for ever: no timeout of the driver's applies.
    thread = threading.Thread(target=work, name="connect", daemon=True)
    thread.start()
    wait_s = settings.oracle_connect_timeout + settings.oracle_call_timeout
    thread.join(wait_s)
    if connected:
        connected[0].call_timeout = int(settings.oracle_call_timeout * 1000)
        return connected[0]
    if failed:
        raise from_driver(failed[0], connecting=True) from failed[0]
    release_stuck_threads(settings.dsn)
    raise oracle_error("HANGS", f"no answer from {settings.dsn} within {wait_s:g} s")
