"""What tests of faults ask of a session that suffers them."""

from collections.abc import Callable

import oracledb
import pytest

from oracle_stand_in.process import OracleStandIn
from tests.integration.oracle_stand_in.connecting import connect

INSERT = "INSERT INTO k (id) VALUES (:1)"


def insert(connection: oracledb.Connection, *ids: int) -> None:
    connection.cursor().executemany(INSERT, [(each,) for each in ids])


def stored(stand_in: OracleStandIn) -> int:
    """Count the rows as a session sees them that has nothing to do with the fault."""
    with connect(stand_in) as other:
        result: int = other.cursor().execute("SELECT COUNT(*) FROM k").fetchone()[0]
        return result


def failure(call: Callable[[], object]) -> tuple[str, str, bool, bool]:
    """Return an error's class, full code, and what the driver says about recovering."""
    with pytest.raises(oracledb.Error) as caught:
        call()
    error = caught.value.args[0]
    return type(caught.value).__name__, error.full_code, error.isrecoverable, error.is_session_dead


CANNOT_CONNECT = ("OperationalError", "DPY-6005", False, False)


LINE_LOST = ("DatabaseError", "DPY-4011", True, True)
