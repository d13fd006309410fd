"""Views of the server and its sessions: versions, settings, privileges, counters."""

from collections.abc import Iterator

from oracle_stand_in.data.nls import DATABASE_ZONE
from oracle_stand_in.engine.dictionary.dictionary import Cells, Dictionary, none, view
from oracle_stand_in.sql.evaluation.context import Context

#: settings that are the same for every session
FIXED_PARAMETERS = {
    "NLS_LANGUAGE": "AMERICAN", "NLS_TERRITORY": "AMERICA", "NLS_CURRENCY": "$", "NLS_ISO_CURRENCY": "AMERICA",
    "NLS_NUMERIC_CHARACTERS": ".,", "NLS_CALENDAR": "GREGORIAN", "NLS_DATE_LANGUAGE": "AMERICAN", "NLS_SORT": "BINARY",
    "NLS_COMP": "BINARY", "NLS_LENGTH_SEMANTICS": "BYTE", "NLS_NCHAR_CONV_EXCP": "FALSE",
}  # fmt: skip
#: numbers of the counters in V$STATNAME and V$SESSTAT
ROUND_TRIPS, PARSES = 1, 2


def _parameters(values: dict[str, str]) -> Iterator[Cells]:
    return ({"PARAMETER": name, "VALUE": value} for name, value in values.items())


def _session_parameters(_d: Dictionary, context: Context) -> Iterator[Cells]:
    nls = context.nls
    of_session = {
        "NLS_DATE_FORMAT": nls.date_format, "NLS_TIMESTAMP_FORMAT": nls.timestamp_format,
        "NLS_TIMESTAMP_TZ_FORMAT": nls.timestamp_tz_format,
    }  # fmt: skip
    return _parameters(FIXED_PARAMETERS | of_session)


def _database_parameters(d: Dictionary, _context: Context) -> Iterator[Cells]:
    of_database = {"NLS_CHARACTERSET": d.catalog.character_set, "NLS_NCHAR_CHARACTERSET": "AL16UTF16"}
    return _parameters(FIXED_PARAMETERS | of_database | {"NLS_DATE_FORMAT": "DD-MON-RR", "DBTIMEZONE": DATABASE_ZONE})


view("NLS_SESSION_PARAMETERS V$NLS_PARAMETERS NLS_INSTANCE_PARAMETERS", "PARAMETER VALUE", _session_parameters)
view("NLS_DATABASE_PARAMETERS", "PARAMETER VALUE", _database_parameters)


def _version(d: Dictionary, _context: Context) -> Iterator[Cells]:
    text = f"Oracle stand-in {d.flavour.name} Release {d.flavour.version_text} - a test double, not Oracle Database"
    yield {"BANNER": text, "BANNER_FULL": text, "BANNER_LEGACY": text, "CON_ID": 0}


def _product(d: Dictionary, _context: Context) -> Iterator[Cells]:
    yield {
        "PRODUCT": f"Oracle stand-in {d.flavour.name}", "VERSION": f"{d.flavour.version[0]}.0.0.0.0",
        "VERSION_FULL": d.flavour.version_text, "STATUS": "Test double",
    }  # fmt: skip


def _instance(d: Dictionary, _context: Context) -> Iterator[Cells]:
    yield {
        "INSTANCE_NUMBER": 1, "INSTANCE_NAME": "STANDIN", "HOST_NAME": "localhost", "VERSION": d.flavour.version_text,
        "STATUS": "OPEN", "DATABASE_STATUS": "ACTIVE", "INSTANCE_ROLE": "PRIMARY_INSTANCE",
    }  # fmt: skip


def _database(_d: Dictionary, context: Context) -> Iterator[Cells]:
    name = context.service.upper()
    yield {
        "NAME": name, "DB_UNIQUE_NAME": name, "OPEN_MODE": "READ WRITE", "DATABASE_ROLE": "PRIMARY", "CDB": "NO",
        "LOG_MODE": "NOARCHIVELOG",
    }  # fmt: skip


view("V$VERSION", "BANNER:t BANNER_FULL:t BANNER_LEGACY:t CON_ID:n", _version)
view("PRODUCT_COMPONENT_VERSION", "PRODUCT VERSION VERSION_FULL STATUS", _product)
view("V$INSTANCE", "INSTANCE_NUMBER:n INSTANCE_NAME HOST_NAME VERSION STATUS DATABASE_STATUS INSTANCE_ROLE", _instance)
view("V$DATABASE", "NAME DB_UNIQUE_NAME OPEN_MODE DATABASE_ROLE CDB LOG_MODE", _database)
view("GLOBAL_NAME", "GLOBAL_NAME", lambda _d, context: iter(({"GLOBAL_NAME": context.service.upper()},)))


def _users(d: Dictionary, _context: Context) -> Iterator[Cells]:
    yield {
        "USERNAME": d.catalog.schema, "USER_ID": 100, "ACCOUNT_STATUS": "OPEN", "DEFAULT_TABLESPACE": "USERS",
        "TEMPORARY_TABLESPACE": "TEMP",
    }  # fmt: skip


def _privileges(_d: Dictionary, _context: Context) -> Iterator[Cells]:
    return ({"PRIVILEGE": each} for each in ("CREATE SESSION", "CREATE TABLE", "UNLIMITED TABLESPACE"))


view("USER_USERS", "USERNAME USER_ID:n ACCOUNT_STATUS DEFAULT_TABLESPACE TEMPORARY_TABLESPACE", _users)
view("ALL_USERS DBA_USERS", "USERNAME USER_ID:n ACCOUNT_STATUS", _users)
view("SESSION_PRIVS", "PRIVILEGE", _privileges)
view("SESSION_ROLES", "ROLE", none)
view("USER_SYS_PRIVS", "USERNAME PRIVILEGE ADMIN_OPTION", none)
view("USER_ROLE_PRIVS", "USERNAME GRANTED_ROLE ADMIN_OPTION DEFAULT_ROLE", none)
view("USER_TAB_PRIVS ALL_TAB_PRIVS", "GRANTEE OWNER TABLE_SCHEMA TABLE_NAME GRANTOR PRIVILEGE GRANTABLE", none)
view("USER_TABLESPACES", "TABLESPACE_NAME STATUS CONTENTS", none)


def _sessions(d: Dictionary, _context: Context) -> Iterator[Cells]:
    for each in d.sessions:
        facts = each()
        yield {
            "SID": facts.session_id, "SERIAL#": 1 + facts.session_id % 60_000, "USERNAME": facts.user,
            "STATUS": "ACTIVE", "PROGRAM": facts.program, "MACHINE": facts.machine, "TYPE": "USER",
        }  # fmt: skip


def _statistics(d: Dictionary, _context: Context) -> Iterator[Cells]:
    for each in d.sessions:
        facts = each()
        yield {"SID": facts.session_id, "STATISTIC#": ROUND_TRIPS, "VALUE": facts.round_trips}
        yield {"SID": facts.session_id, "STATISTIC#": PARSES, "VALUE": facts.parses}


def _statistic_names(_d: Dictionary, _context: Context) -> Iterator[Cells]:
    yield {"STATISTIC#": ROUND_TRIPS, "NAME": "SQL*Net roundtrips to/from client"}
    yield {"STATISTIC#": PARSES, "NAME": "parse count (total)"}


view("V$SESSION", "SID:n SERIAL#:n USERNAME STATUS PROGRAM MACHINE TYPE", _sessions)
view("V$SESSTAT", "SID:n STATISTIC#:n VALUE:n", _statistics)
view("V$STATNAME", "STATISTIC#:n NAME", _statistic_names)
view("DUAL", "DUMMY:1", lambda _d, _context: iter(({"DUMMY": "X"},)))
