"""Oracle's errors, as far as the stand-in raises them, with the texts Oracle uses.

Source: Oracle Database Error Messages (docs.oracle.com, "Database Error Messages" of 19c).
"""

from dataclasses import dataclass

#: texts by code; {} are filled in by the caller
MESSAGES = {
    1: "unique constraint ({}) violated",
    18: "maximum number of sessions exceeded",
    27: "cannot kill current session",
    28: "your session has been killed",
    30: "User session ID does not exist.",
    36: "maximum number of recursive SQL levels (50) exceeded",
    54: "resource busy and acquire with NOWAIT specified or timeout expired",
    60: "deadlock detected while waiting for resource",
    257: "Archiver error. Connect AS SYSDBA only until resolved.",
    372: "file {} cannot be modified at this time",
    600: "internal error code, arguments: [{}], [], [], [], [], [], [], [], [], [], [], []",
    900: "invalid SQL statement",
    902: "invalid datatype",
    903: "invalid table name",
    904: "{}: invalid identifier",
    905: "missing keyword",
    906: "missing left parenthesis",
    907: "missing right parenthesis",
    908: "missing NULL keyword",
    911: "invalid character",
    913: "too many values",
    918: "{}: column ambiguously defined",
    922: "missing or invalid option",
    926: "missing VALUES keyword",
    927: "missing equal sign",
    923: "FROM keyword not found where expected",
    932: "inconsistent datatypes: expected {} got {}",
    933: "SQL command not properly ended",
    934: "group function is not allowed here",
    936: "missing expression",
    937: "not a single-group group function",
    938: "not enough arguments for function",
    939: "too many arguments for function",
    942: "table or view does not exist",
    947: "not enough values",
    955: "name is already used by an existing object",
    957: "duplicate column name",
    959: "tablespace '{}' does not exist",
    971: "missing SET keyword",
    979: "not a GROUP BY expression",
    980: "synonym translation is no longer valid",
    1000: "maximum open cursors exceeded",
    1001: "invalid cursor",
    1008: "not all variables bound",
    1012: "not logged on",
    1013: "user requested cancel of current operation",
    1017: "invalid username/password; logon denied",
    1031: "insufficient privileges",
    1033: "ORACLE initialization or shutdown in progress",
    1034: "ORACLE not available",
    1045: "user {} lacks CREATE SESSION privilege; logon denied",
    1089: "immediate shutdown or close in progress - no operations are permitted",
    1400: "cannot insert NULL into ({})",
    1403: "no data found",
    1407: "cannot update ({}) to NULL",
    1408: "such column list already indexed",
    1418: "specified index does not exist",
    1426: "numeric overflow",
    1428: "argument '{}' is out of range",
    1427: "single-row subquery returns more than one row",
    1430: "column being added already exists in table",
    1435: "user does not exist",
    1438: "value larger than specified precision allowed for this column",
    1452: "cannot CREATE UNIQUE INDEX; duplicate keys found",
    1465: "invalid hex number",
    1476: "divisor is equal to zero",
    1481: "invalid number format model",
    1489: "result of string concatenation is too long",
    1536: "space quota exceeded for tablespace '{}'",
    1543: "tablespace '{}' already exists",
    1549: "tablespace not empty, use INCLUDING CONTENTS option",
    1653: "unable to extend table {} by 128 in tablespace USERS",
    1654: "unable to extend index {} by 128 in tablespace USERS",
    1688: "unable to extend table {} partition  by 128 in tablespace USERS",
    1722: "invalid number",
    1704: "string literal too long",
    1747: "invalid user.table.column, table.column, or column specification",
    1749: "you may not GRANT/REVOKE privileges to/from yourself",
    1756: "quoted string not properly terminated",
    1785: "ORDER BY item must be the number of a SELECT-list expression",
    1789: "query block has incorrect number of result columns",
    1790: "expression must have same datatype as corresponding expression",
    1792: "maximum number of columns in a table or view is 1000",
    1795: "maximum number of expressions in a list is 1000",
    1820: "format code cannot appear in date input format",
    1821: "date format not recognized",
    1830: "date format picture ends before converting entire input string",
    1840: "input value not long enough for date format",
    1841: "(full) year must be between -4713 and +9999, and not be 0",
    1843: "not a valid month",
    1847: "day of month must be between 1 and last day of month",
    1857: "not a valid time zone",
    1858: "a non-numeric character was found where a numeric was expected",
    1861: "literal does not match format string",
    1867: "the interval is invalid",
    1874: "time zone hour must be between -15 and 15",
    1882: "timezone region not found",
    1917: "user or role '{}' does not exist",
    1918: "user '{}' does not exist",
    1920: "user name '{}' conflicts with another user or role name",
    1922: "CASCADE must be specified to drop '{}'",
    1927: "cannot REVOKE privileges you did not grant",
    1935: "missing user or role name",
    1940: "cannot drop a user that is currently connected",
    2091: "transaction rolled back",
    2236: "invalid file name",
    2260: "table can have only one primary key",
    2261: "such unique or primary key already exists in the table",
    2264: "name already used by an existing constraint",
    2256: "number of referencing columns must match referenced columns",
    2266: "unique/primary keys in table referenced by enabled foreign keys",
    2267: "column type incompatible with referenced column type",
    2268: "referenced table does not have a primary key",
    2270: "no matching unique or primary key for this column-list",
    2289: "sequence does not exist",
    2290: "check constraint ({}) violated",
    2291: "integrity constraint ({}) violated - parent key not found",
    2292: "integrity constraint ({}) violated - child record found",
    2329: "column of datatype {} cannot be unique or a primary key",
    2379: "profile {} already exists",
    2380: "profile {} does not exist",
    2382: "profile {} has users assigned, cannot drop without CASCADE",
    2391: "exceeded simultaneous SESSIONS_PER_USER limit",
    2396: "exceeded maximum idle time, please connect again",
    2449: "unique/primary keys in table referenced by foreign keys",
    3001: "unimplemented feature",
    3113: "end-of-file on communication channel",
    3114: "not connected to ORACLE",
    3115: "unsupported network datatype or representation",
    3135: "connection lost contact",
    4031: 'unable to allocate {} bytes of shared memory ("shared pool","unknown object","sga heap","kglsim")',
    4080: "trigger '{}' does not exist",
    4081: "trigger '{}' already exists",
    4095: "trigger '{}' already exists on another table, cannot replace it",
    4098: "trigger '{}' is invalid and failed re-validation",
    6535: "statement string in EXECUTE IMMEDIATE is NULL or 0 length",
    12081: "update operation not allowed on table {}",
    12516: "TNS:listener could not find available handler with matching protocol stack",
    12520: "TNS:listener could not find available handler for requested type of server",
    12528: "TNS:listener: all appropriate instances are blocking new connections",
    12537: "TNS:connection closed",
    12570: "TNS:packet reader failure",
    12571: "TNS:packet writer failure",
    12899: "value too large for column {} (actual: {}, maximum: {})",
    14400: "inserted partition key does not map to any partition",
    16000: "database or pluggable database open for read-only access",
    24381: "error(s) in array DML",
    28000: "The account is locked.",
    28001: "the password has expired",
    28002: "the password will expire within 7 days",
    28150: "proxy not authorized to connect as client",
    28194: "Can perform read operations only.",
    30036: "unable to extend segment by 8 in undo tablespace 'UNDOTBS1'",
    30484: "missing window specification for this function",
    30485: "missing ORDER BY expression in the window specification",
}


class OracleError(Exception):
    """An ORA error for the client.

    `code` is the number, `text` the whole line the client sees, `position` the offset in the statement that the
    error points at (0: nowhere in particular).
    """

    def __init__(self, code: int, *arguments: object, text: str | None = None, position: int = 0) -> None:
        message = MESSAGES.get(code, "error raised by the stand-in") if text is None else text
        if text is None:
            message = message.format(*arguments, *("" for _ in range(message.count("{}"))))
        self.code = code
        self.text = message if message.startswith("ORA-") else f"ORA-{code:05d}: {message}"
        self.position = position
        super().__init__(self.text)


def unsupported(what: str, position: int = 0) -> OracleError:
    """Return the error for SQL that Oracle may know and the stand-in does not."""
    return OracleError(900, text=f"invalid SQL statement (the stand-in does not support {what})", position=position)


@dataclass(frozen=True, slots=True)
class RowError:
    """One row of a batch that was refused."""

    offset: int
    code: int
    text: str
