"""Views of the server and its sessions: versions, settings, privileges, counters."""

from collections.abc import Iterator

from oracle_stand_in.data.nls import DATABASE_ZONE
from oracle_stand_in.engine.dictionary.dictionary import Cells, Dictionary, none, view
from oracle_stand_in.protocol.auth import MAX_OPEN_CURSORS
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
    of_database = {"NLS_CHARACTERSET": d.database.character_set, "NLS_NCHAR_CHARACTERSET": "AL16UTF16"}
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
        "NAME": name, "DB_UNIQUE_NAME": name, "OPEN_MODE": "READ WRITE", "CDB": "NO",
        "DATABASE_ROLE": context.database_role,
        "LOG_MODE": "NOARCHIVELOG",
    }  # fmt: skip


view("V$VERSION", "BANNER:t BANNER_FULL:t BANNER_LEGACY:t CON_ID:n", _version)
view("PRODUCT_COMPONENT_VERSION", "PRODUCT VERSION VERSION_FULL STATUS", _product)
view("V$INSTANCE", "INSTANCE_NUMBER:n INSTANCE_NAME HOST_NAME VERSION STATUS DATABASE_STATUS INSTANCE_ROLE", _instance)
view("V$DATABASE", "NAME DB_UNIQUE_NAME OPEN_MODE DATABASE_ROLE CDB LOG_MODE", _database)
view("GLOBAL_NAME", "GLOBAL_NAME", lambda _d, context: iter(({"GLOBAL_NAME": context.service.upper()},)))


def _users(d: Dictionary, _context: Context) -> Iterator[Cells]:
    for number, user in enumerate(d.database.users.values(), 100):
        yield {
            "USERNAME": user.name, "USER_ID": number, "ACCOUNT_STATUS": user.status, "PROFILE": user.profile,
            "DEFAULT_TABLESPACE": user.tablespace.name, "TEMPORARY_TABLESPACE": "TEMP",
        }  # fmt: skip


def _own_user(d: Dictionary, context: Context) -> Iterator[Cells]:
    return (user for user in _users(d, context) if user["USERNAME"] == context.user)


def _profiles(d: Dictionary, _context: Context) -> Iterator[Cells]:
    for name, limits in d.database.profiles.items():
        for limit, value in (limits or {"IDLE_TIME": "UNLIMITED"}).items():
            yield {"PROFILE": name, "RESOURCE_NAME": limit, "RESOURCE_TYPE": "KERNEL", "LIMIT": value}


def _tablespaces(d: Dictionary, _context: Context) -> Iterator[Cells]:
    for tablespace in d.database.tablespaces.values():
        status = "READ ONLY" if tablespace.read_only else "ONLINE"
        yield {"TABLESPACE_NAME": tablespace.name, "STATUS": status, "CONTENTS": "PERMANENT"}


def _data_files(d: Dictionary, _context: Context) -> Iterator[Cells]:
    for tablespace in d.database.tablespaces.values():
        yield {
            "FILE_NAME": tablespace.file, "TABLESPACE_NAME": tablespace.name, "BYTES": tablespace.size_bytes,
            "STATUS": "AVAILABLE",
        }  # fmt: skip


def _privileges(d: Dictionary, context: Context) -> Iterator[Cells]:
    user = d.database.users.get(context.user)
    return ({"PRIVILEGE": each} for each in sorted(user.privileges if user else ()))


view("USER_USERS", "USERNAME USER_ID:n ACCOUNT_STATUS DEFAULT_TABLESPACE TEMPORARY_TABLESPACE", _own_user)
view("ALL_USERS DBA_USERS", "USERNAME USER_ID:n ACCOUNT_STATUS DEFAULT_TABLESPACE PROFILE", _users)
view("DBA_PROFILES", "PROFILE RESOURCE_NAME RESOURCE_TYPE LIMIT", _profiles)
view("DBA_DATA_FILES", "FILE_NAME:t TABLESPACE_NAME BYTES:n STATUS", _data_files)
view("SESSION_PRIVS", "PRIVILEGE", _privileges)
view("SESSION_ROLES", "ROLE", none)
view("USER_SYS_PRIVS", "USERNAME PRIVILEGE ADMIN_OPTION", none)
view("USER_ROLE_PRIVS", "USERNAME GRANTED_ROLE ADMIN_OPTION DEFAULT_ROLE", none)
view("USER_TABLESPACES DBA_TABLESPACES", "TABLESPACE_NAME STATUS CONTENTS", _tablespaces)


def _sessions(d: Dictionary, _context: Context) -> Iterator[Cells]:
    for each in d.database.sessions:
        facts = each.facts()
        yield {
            "INST_ID": 1, "SID": facts.session_id, "SERIAL#": facts.serial, "USERNAME": facts.user, "TYPE": "USER",
            "STATUS": facts.status, "PROGRAM": facts.program, "MACHINE": facts.machine, "MODULE": facts.module,
            "ACTION": facts.action,
        }  # fmt: skip


def _statistics(d: Dictionary, _context: Context) -> Iterator[Cells]:
    for each in d.database.sessions:
        facts = each.facts()
        yield {"SID": facts.session_id, "STATISTIC#": ROUND_TRIPS, "VALUE": facts.round_trips}
        yield {"SID": facts.session_id, "STATISTIC#": PARSES, "VALUE": facts.parses}


def _statistic_names(_d: Dictionary, _context: Context) -> Iterator[Cells]:
    yield {"STATISTIC#": ROUND_TRIPS, "NAME": "SQL*Net roundtrips to/from client"}
    yield {"STATISTIC#": PARSES, "NAME": "parse count (total)"}


def _parameters_of_the_server(_d: Dictionary, _context: Context) -> Iterator[Cells]:
    values = {"resource_limit": "TRUE", "processes": "300", "open_cursors": str(MAX_OPEN_CURSORS), "db_domain": None}
    for name, value in values.items():
        yield {"NAME": name, "VALUE": value}


view("V$SESSION", "SID:n SERIAL#:n USERNAME STATUS PROGRAM MACHINE TYPE MODULE ACTION", _sessions)
view("GV$SESSION", "INST_ID:n SID:n SERIAL#:n USERNAME STATUS PROGRAM MACHINE TYPE MODULE ACTION", _sessions)
view("V$PARAMETER", "NAME VALUE:t", _parameters_of_the_server)
view("V$SESSTAT", "SID:n STATISTIC#:n VALUE:n", _statistics)
view("V$STATNAME", "STATISTIC#:n NAME", _statistic_names)
view("DUAL", "DUMMY:1", lambda _d, _context: iter(({"DUMMY": "X"},)))
