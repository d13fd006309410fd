"""Oracle's errors in plain words, each with its cure. Pure.

Sources: Oracle Database Error Messages (docs.oracle.com/error-help), python-oracledb's troubleshooting pages, trials.
"""

import re
from dataclasses import dataclass

from services.writer.sink import SinkError, Verdict

_CODE = re.compile(r"(?:ORA|DPY)-\d{4,5}")

_USER = "ORACLE_USER, ORACLE_PASSWORD (or ORACLE_PASSWORD_FILE)"


@dataclass(frozen=True)
class Cure:
    """What is wrong, and what to do about it."""

    cause: str
    cure: str


_UNKNOWN_SERVICE = Cure(
    "the listener knows no such service",
    "ORACLE_SERVICE_NAME (or ORACLE_DSN): `lsnrctl services` on the database's host lists them; "
    "while the database starts it is not there yet",
)
_UNREACHABLE = Cure(
    "nothing accepts connections there", "ORACLE_HOST, ORACLE_PORT (or ORACLE_DSN); is the listener up, a firewall?"
)
_NO_ALIAS = Cure("this is no address", "ORACLE_DSN as host:port/service, or ORACLE_HOST and ORACLE_SERVICE_NAME")
_NOT_OPEN = Cure("the database is starting or stopping", "wait, or ask the DBA; the writer waits by itself")
_LOST = Cure("the connection broke", "try again; when it stays: a firewall, or the database's alert log")
_SLOW = Cure("no answer in time", "ORACLE_CALL_TIMEOUT; is the database overloaded, or the table locked?")
_SPACE = Cure("no room in the table's tablespace", "DBA: add a data file or raise the quota")

_CURES: dict[str, Cure] = {
    "ORA-01017": Cure("user or password wrong", f"{_USER}; several wrong tries lock the account"),
    "ORA-28000": Cure(
        "the account is locked", f"DBA: ALTER USER ... ACCOUNT UNLOCK; before that, put right {_USER} on every writer"
    ),
    "ORA-28001": Cure("the password has expired", "DBA: ALTER USER ... IDENTIFIED BY ..., then ORACLE_PASSWORD"),
    "ORA-01045": Cure("the user may not log on", "DBA: GRANT CREATE SESSION TO the user"),
    "DPY-4001": Cure("no user or password", _USER),
    "ORA-12514": _UNKNOWN_SERVICE,
    "DPY-6001": _UNKNOWN_SERVICE,
    "ORA-12505": _UNKNOWN_SERVICE,
    "DPY-6003": _UNKNOWN_SERVICE,
    "DPY-6000": Cure("the listener refused", "the database's listener.log says why; has it free processes?"),
    "DPY-6005": _UNREACHABLE,
    "ORA-12541": _UNREACHABLE,
    "ORA-12154": _NO_ALIAS,
    "DPY-4000": _NO_ALIAS,
    "DPY-4026": _NO_ALIAS,
    "DPY-4027": _NO_ALIAS,
    "DPY-3001": Cure(
        "the database demands native network encryption, which this driver does not speak",
        "DBA: offer TLS (ORACLE_DSN=tcps://...) or SQLNET.ENCRYPTION_SERVER=ACCEPTED",
    ),
    "DPY-3010": Cure("the database is older than 12.1", "Oracle Database 12.1 or newer"),
    "DPY-3015": Cure(
        "the account has only an old password hash (10G)", "DBA: set the password anew with 11G or 12C verifiers"
    ),
    "ORA-01033": _NOT_OPEN,
    "ORA-01034": _NOT_OPEN,
    "ORA-01089": _NOT_OPEN,
    "ORA-01109": _NOT_OPEN,
    "ORA-16000": Cure("the database is a read-only standby", "ORACLE_DSN of the primary"),
    "ORA-00018": Cure("the database has no session left", "DBA: SESSIONS, PROCESSES; or ORACLE_POOL_MAX lower"),
    "ORA-00942": Cure(
        "there is no such table, or the user may not SELECT from it",
        "ORACLE_TABLE (schema.table if it is another user's); DBA: deploy/oracle/*.sql, GRANT SELECT, INSERT",
    ),
    "ORA-01031": Cure("a privilege is missing", "DBA: GRANT SELECT, INSERT ON the table TO the user"),
    "ORA-00904": Cure("a column is missing", "ORACLE_TABLE_LAYOUT, or the table against deploy/oracle/*.sql"),
    "ORA-00001": Cure("a unique key refuses the row", "a unique index other than the primary key? drop it"),
    "ORA-01400": Cure(
        "a column that the writer does not fill, or fills with no value, is NOT NULL",
        "give it a default, or allow NULL",
    ),
    "ORA-12899": Cure("a column is too short", "widen it: deploy/oracle/*.sql has the lengths"),
    "ORA-01653": _SPACE,
    "ORA-01654": _SPACE,
    "ORA-01688": _SPACE,
    "ORA-01536": _SPACE,
    "DPY-4011": _LOST,
    "DPY-1001": _LOST,
    "ORA-03113": _LOST,
    "DPY-4024": _SLOW,
    "DPY-4005": _SLOW,
    "HANGS": Cure(
        "it accepts connections and then says nothing", "a firewall that swallows packets, or a listener that hangs"
    ),
}

_BY_VERDICT: dict[Verdict, Cure] = {
    Verdict.SPACE: _SPACE,
    Verdict.CONNECTION_LOST: _LOST,
    Verdict.TRANSIENT: Cure("Oracle can't do it now", "try again"),
}


def cure_for(error: SinkError) -> Cure:
    """Return what an error means; for one that nobody foresaw, Oracle's own words and where they are explained."""
    # "Cannot connect" says in its text why not.
    inner = [code for code in _CODE.findall(str(error)) if code in _CURES and code != "DPY-6005"]
    code = inner[-1] if error.code == "DPY-6005" and inner else error.code
    known = _CURES.get(code) or _BY_VERDICT.get(error.verdict)
    return known or Cure("see the text", f"https://docs.oracle.com/error-help/db/{error.code.lower()}/")
