"""Our error for what the driver raised, or said of a row. What a code asks for stands in codes.py. Pure."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import oracledb

from services.writer.oracle.codes import AT_LOGON, hint_of, meaning_of, verdict_of
from services.writer.sink import SinkError, Verdict

_CONNECTION_ID = re.compile(r" ?\(CONNECTION_ID=[^)]*\)")


def oracle_error(code: str, message: str) -> SinkError:
    """Return the error of a whole call, with what this code asks for and what it means."""
    return SinkError(code, message, verdict_of(code), hint_of(code, message))


def from_driver(error: BaseException, *, connecting: bool = False) -> SinkError:
    """Return our error for one that the driver raised.

    connecting: it was raised before there was a connection, and so is nothing that a row could be blamed for.
    """
    detail = error.args[0] if isinstance(error, oracledb.Error) and error.args else None
    code = getattr(detail, "full_code", None)
    if isinstance(error, AttributeError):
        # The driver touches the socket of a connection that it has dropped.
        return oracle_error("DPY-1001", f"the connection was lost ({error})")
    text = str(getattr(detail, "message", error)) if code else f"{type(error).__name__}: {error}"
    found = oracle_error(code or "UNKNOWN", one_line(text))
    return _while_connecting(found) if connecting else found


@contextmanager
def translated() -> Iterator[None]:
    """Raise what the driver raises as our error."""
    try:
        yield
    except oracledb.Error as error:
        raise from_driver(error) from error


def _while_connecting(error: SinkError) -> SinkError:
    if error.verdict not in (Verdict.ROW, Verdict.DUPLICATE, Verdict.UNKNOWN):
        # "Cannot connect" may be one that only a person can mend: a certificate, a wallet.
        needs_a_person, otherwise = meaning_of(error).verdict is Verdict.CONFIGURATION, error.verdict
    else:
        # DPY-2xxx: the DSN or a parameter; DPY-3xxx: what the server wants and this driver does not speak.
        needs_a_person, otherwise = error.code.startswith(("DPY-2", "DPY-3", "DPY-4")), Verdict.TRANSIENT
        if error.code.startswith("ORA-"):
            return _refused_at_the_logon(error)
    return SinkError(error.code, str(error), Verdict.CONFIGURATION if needs_a_person else otherwise, error.hint)


def _refused_at_the_logon(error: SinkError) -> SinkError:
    """Return the error of a logon that was refused with a code that is a row's, or that nobody knows: by a trigger."""
    text = f"{AT_LOGON}{error}"
    return SinkError(error.code, text, Verdict.TRANSIENT, hint_of(error.code, text))


def one_line(message: str) -> str:
    """Return an error's text on one line, without the driver's help links and connection ids."""
    lines = (line.strip() for line in message.splitlines())
    text = " ".join(line for line in lines if line and not line.startswith(("Help:", "https://")))
    return _CONNECTION_ID.sub("", text)
