"""What is done to a connection between two calls: asked whether it lives, its transaction undone, parted with.

Survives whatever the driver raises: nobody who has nothing to do with a connection's end may fail of it.
"""

import oracledb

from services.writer.sink import SinkError
from shared.logs import get_logger

#: Seconds that the question whether it lives may take.
_PING_S = 2.0

_log = get_logger()


def lives(connection: oracledb.Connection, call_timeout_s: float) -> bool:
    """Ask a connection whether it lives; its calls have their own patience again then."""
    try:
        # Nothing was called on it since its last call went well: the driver would end the process (SIGSEGV) if it had
        # dropped the line meanwhile.
        connection.call_timeout = int(_PING_S * 1000)
        connection.ping()
        connection.call_timeout = int(call_timeout_s * 1000)
        return connection.is_healthy()
    except Exception as error:  # noqa: BLE001 - on a connection that died the driver raises AttributeError and others
        say("a connection died while it was idle", error)
        return False


def end_transaction(connection: oracledb.Connection) -> bool:
    """Undo what an insert that failed half-way left: the next batch on this connection must not commit it.

    False: it is not to be lent again, as where the server told it that its service stops soon.
    """
    try:
        if connection.transaction_in_progress:
            connection.rollback()
        return connection.is_healthy()
    except Exception as error:  # noqa: BLE001 - whatever it is, this connection is not lent again
        say("a connection broke while its transaction was undone", error)
        return False


def part_with(connection: oracledb.Connection) -> None:
    """Close a connection, whatever state it is in.

    Its call_timeout is not touched: on one that is dead the driver ends the process for it (SIGSEGV).
    """
    try:
        connection.close()
    except Exception as error:  # noqa: BLE001 - clean-up must survive whatever the driver raises
        say("a connection could not be closed in order", error)


def say(what: str, error: Exception) -> None:
    """Say what clean-up met: of what is known the outage tells already; of what nobody foresaw, where it was."""
    if isinstance(error, oracledb.Error | SinkError | AttributeError | OSError):
        _log.debug(f"{what}: {error}")
    else:
        _log.warning(f"{what}: {error!r}", exc_info=error)
