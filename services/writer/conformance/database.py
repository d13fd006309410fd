"""What the report says of the database itself."""

import platform

import oracledb

from services.writer.conformance.place import Place

_ASKED = {
    "banner": "SELECT banner FROM v$version",
    "character set": "SELECT value FROM nls_database_parameters WHERE parameter = 'NLS_CHARACTERSET'",
    "national character set": "SELECT value FROM nls_database_parameters WHERE parameter = 'NLS_NCHAR_CHARACTERSET'",
    "time zones": "SELECT DBTIMEZONE || ', session ' || SESSIONTIMEZONE FROM dual",
    "NLS": "SELECT parameter, value FROM nls_session_parameters",
}
#: Settings of a session that change what a value becomes.
_OF_INTEREST = ("NLS_COMP", "NLS_SORT", "NLS_DATE_FORMAT", "NLS_TIMESTAMP_FORMAT", "NLS_NUMERIC_CHARACTERS",
                "NLS_LENGTH_SEMANTICS")  # fmt: skip


def facts_of(place: Place) -> dict[str, str]:
    """Return what is known of the database, and of what asks it. Raises: SinkError: there is no connection."""
    with place.connection() as connection, connection.cursor() as cursor:
        facts = {
            "version": connection.version,
            "driver": f"python-oracledb {oracledb.__version__}, Python {platform.python_version()}",
        }
        for name, sql in _ASKED.items():
            try:
                rows = cursor.execute(sql).fetchall()
            except oracledb.Error as error:
                facts[name] = f"not readable: {getattr(error.args[0], 'full_code', error)}"
                continue
            facts[name] = "; ".join(" ".join(map(str, row)) for row in rows if len(row) == 1 or row[0] in _OF_INTEREST)
    return facts
