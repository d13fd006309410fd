"""ALTER SESSION: which settings have an effect, which are none here, and which are refused."""

from collections.abc import Container
from dataclasses import replace

from oracle_stand_in.data.datetimes import elements
from oracle_stand_in.data.nls import Nls, checked_wait, zone_name
from oracle_stand_in.errors import OracleError, unsupported
from oracle_stand_in.sql.statements import AlterSession

#: settings with an effect, by the field of Nls
EFFECTIVE = {
    "NLS_DATE_FORMAT": "date_format",
    "NLS_TIMESTAMP_FORMAT": "timestamp_format",
    "NLS_TIMESTAMP_TZ_FORMAT": "timestamp_tz_format",
    "TIME_ZONE": "time_zone",
    "COMMIT_WAIT": "commit_wait",
}
#: settings that change nothing here, with any value
HARMLESS = frozenset(("STATISTICS_LEVEL", "OPTIMIZER_MODE", "DDL_LOCK_TIMEOUT", "CURSOR_SHARING", "PLSQL_WARNINGS"))
#: settings that change nothing here, as long as they say what holds anyway
FIXED = {
    "NLS_LANGUAGE": ("AMERICAN",),
    "NLS_TERRITORY": ("AMERICA",),
    "NLS_DATE_LANGUAGE": ("AMERICAN", "ENGLISH"),
    "NLS_NUMERIC_CHARACTERS": (".,",),
    "NLS_SORT": ("BINARY",),
    "NLS_COMP": ("BINARY",),
    "NLS_LENGTH_SEMANTICS": ("BYTE",),
    "ISOLATION_LEVEL": ("READ COMMITTED",),
}


def altered(nls: Nls, statement: AlterSession, users: Container[str]) -> Nls:
    """Return a session's settings after ALTER SESSION SET. Raises: OracleError: one of them is not to be had.

    Args: users: the names of those that there are, each of whom has a schema.
    """
    for name, value in statement.settings:
        if name in EFFECTIVE:
            if name == "TIME_ZONE":
                nls = replace(nls, time_zone=zone_name(value))
                continue
            if name == "COMMIT_WAIT":
                nls = replace(nls, commit_wait=checked_wait(value))
                continue
            elements(value)
            nls = replace(nls, **{EFFECTIVE[name]: value})
        elif name == "CURRENT_SCHEMA":
            if value not in users:
                raise OracleError(1435)
            nls = replace(nls, current_schema=value)
        elif name not in HARMLESS and value.upper() not in FIXED.get(name, ()):
            raise unsupported(f"ALTER SESSION SET {name} = {value}")
    return nls
