"""What an Oracle or driver error means for the rows it concerns. Pure: an explicit table.

The driver's own flags do not tell (FACTS measured for python-oracledb 26.1: DPY-6005 "cannot connect" is not
`isrecoverable`, DPY-4024 "call timeout" neither), so every code that is known is listed with its meaning.

Sources: Oracle Database Error Messages (docs.oracle.com/error-help), python-oracledb `errors.py`, and trials against a
listener, a killed session, a full tablespace and the like.
"""

import re

import oracledb

from services.writer.sink import RowError, SinkError, Verdict

_CONNECTION_ID = re.compile(r" ?\(CONNECTION_ID=[^)]*\)")


def _ora(*numbers: int) -> tuple[str, ...]:
    return tuple(f"ORA-{number:05}" for number in numbers)


_TABLE: dict[Verdict, tuple[str, ...]] = {
    Verdict.DUPLICATE: _ora(1),
    Verdict.CONNECTION_LOST: (
        "DPY-4011",  # the database or network closed the connection
        "DPY-1001",  # not connected: any use after DPY-4011
        # killed, internal error, instance going down or coming up, end-of-file, TNS errors
        *_ora(28, 31, 600, 602, 603, 609, 1012, 1033, 1034, 1041, 1043, 1089, 1090, 1092, 2396, 3113, 3114, 3135),
        *_ora(12153, 12514, 12537, 12547, 12570, 12571, 12583),
    ),
    Verdict.TRANSIENT: (
        "DPY-6005",  # cannot connect
        "DPY-6000",  # listener refused
        "DPY-6001",  # service not (yet) registered with the listener
        "DPY-4005",  # no free connection in time
        "DPY-4024",  # call timeout
        # sessions, processes, locked, deadlock, serialization, cancelled, listener has no handler, wait timed out
        *_ora(18, 20, 54, 60, 1013, 4031, 8177, 12516, 12519, 12520, 30006),
    ),
    Verdict.SPACE: _ora(1536, 1631, 1653, 1654, 1688, 1691, 12954, 19809, 257, 30036),
    # table, column, too few or many values, grant, alias
    Verdict.CONFIGURATION: _ora(942, 904, 913, 947, 1031, 12154),
    Verdict.CREDENTIALS: ("DPY-4001", *_ora(1017, 28000, 28001, 1045)),  # none, password, locked, expired, no session
    Verdict.ROW: (
        *_ora(1400, 1438, 1426, 12899, 1722, *range(1840, 1862), 2290, 2291, 14300, 14400, 1461, 1483),
    ),
}  # fmt: skip
_VERDICTS = {code: verdict for verdict, codes in _TABLE.items() for code in codes}


def oracle_error(code: str, message: str) -> SinkError:
    """Return the error of a whole call, with what this code asks for."""
    return SinkError(code, message, verdict_of(code))


def row_error(offset: int, code: str, message: str) -> RowError:
    """Return the error of one row, with what this code asks for."""
    return RowError(offset, code, message, verdict_of(code))


def verdict_of(code: str) -> Verdict:
    """Return the meaning of a full code such as `ORA-00001`.

    >>> verdict_of("ORA-01653").value
    'space'
    """
    verdict = _VERDICTS.get(code)
    if verdict is None and code.startswith(("DPY-2", "DPY-3", "DPY-4004")):
        # The driver itself could not bind a value (wrong type in a column, not a number).
        return Verdict.ROW
    return verdict or Verdict.UNKNOWN


def from_driver(error: BaseException) -> SinkError:
    """Return our error for one that the driver raised."""
    detail = error.args[0] if isinstance(error, oracledb.Error) and error.args else None
    code = getattr(detail, "full_code", None)
    if isinstance(error, AttributeError):
        # The driver touches the socket of a connection that it has dropped.
        return oracle_error("DPY-1001", f"the connection was lost ({error})")
    if not code:
        return oracle_error("UNKNOWN", one_line(f"{type(error).__name__}: {error}"))
    return oracle_error(code, one_line(str(getattr(detail, "message", error))))


def one_line(message: str) -> str:
    """Return an error's text on one line, without the driver's help links and connection ids."""
    lines = (line.strip() for line in message.splitlines())
    text = " ".join(line for line in lines if line and not line.startswith(("Help:", "https://")))
    return _CONNECTION_ID.sub("", text)
