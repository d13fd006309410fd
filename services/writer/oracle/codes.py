"""Every code of Oracle and its driver that is known: what it asks of the writer, what it means, and its remedy. Pure.

The driver's own flags do not tell (FACTS measured for python-oracledb 26.1: DPY-6005 "cannot connect" is not
`isrecoverable`, DPY-4024 "call timeout" neither), so every known code is listed, once.

Sources: Oracle Database Error Messages (docs.oracle.com/error-help), python-oracledb `errors.py` and its
troubleshooting pages, and tests against a listener, a killed session, a full tablespace and the like.
"""

from dataclasses import dataclass

from services.writer.sink import Verdict

#: What is said to one who may do something else with the table, and not this.
NO_PRIVILEGE = ("ORA-01031", "ORA-41900")

#: What a driver, or a link of the database's own, says of an instance of a cluster that is gone.
_RAC_LOST = (25_401, 25_402, 25_403, 25_404, 25_405, 25_407, 25_408, 25_409)

#: RAISE_APPLICATION_ERROR: what the table's own triggers say.
_RAISED_BY_TRIGGERS = range(20_000, 21_000)


@dataclass(frozen=True)
class Meaning:
    """What a code asks for, what is wrong, and what to do about it."""

    verdict: Verdict
    cause: str
    remedy: str


_USER = "ORACLE_USER, ORACLE_PASSWORD (or ORACLE_PASSWORD_FILE)"
_SERVICE = (
    "the listener knows no such service",
    "ORACLE_SERVICE_NAME (or ORACLE_DSN): `lsnrctl services` on its host lists them; none while the database starts",
)
_UNREACHABLE = (
    "nothing accepts connections there", "ORACLE_HOST, ORACLE_PORT (or ORACLE_DSN); is the listener up, a firewall?"
)  # fmt: skip
_NO_ALIAS = ("this is no address", "ORACLE_DSN as host:port/service, or ORACLE_HOST and ORACLE_SERVICE_NAME")
_NOT_OPEN = ("the database is starting or stopping", "wait, or ask the DBA; the writer waits by itself")
LOST = ("the connection broke", "try again; when it stays: a firewall, or the database's alert log")
_CURSORS = (
    "the session has as many cursors open as it may",
    "a new session is tried; when it stays: DBA, OPEN_CURSORS, and does a trigger of the table leave its cursors open?",
)
_PROFILE = (
    "a limit of the account's profile was reached",
    "DBA: its profile's limits (CPU_PER_SESSION, CPU_PER_CALL, LOGICAL_READS_...) are for people, not for a service",
)
_SLOW = ("no answer in time", "ORACLE_CALL_TIMEOUT; is the database overloaded, or the table locked?")
_BUSY = ("locked, or busy with something else", "try again; when it stays: DBA, who locks the table (DDL, statistics)?")
_SESSIONS = (
    "the database allows no further session",
    "DBA: SESSIONS, PROCESSES, SESSIONS_PER_USER; or ORACLE_POOL_MAX lower",
)
_MEMORY = ("the database is short of memory", "DBA: shared pool, PGA")
TABLESPACE = ("no room in the table's or its index' tablespace", "DBA: add a data file, or let it grow")
_QUOTA = (
    "the owner's quota of the tablespace is used up, or there is none",
    "DBA: ALTER USER ... QUOTA ... ON the tablespace",
)
_EXTENTS = ("a segment may have no further extent", "DBA: MAXEXTENTS, or an ASSM tablespace")
_UNDO = ("no room for undo", "DBA: add a data file to the undo tablespace")
_TEMP = ("no room in the temporary tablespace", "DBA: add a temporary file")
_DISK = (
    "no room for the database's archived logs, or on its disk",
    "DBA: make room in the recovery area (RMAN), or raise it",
)
_OFFLINE = (
    "a tablespace, a data file or a partition of the table is offline, read-only or damaged",
    "DBA: the alert log and V$RECOVER_FILE say which; ALTER TABLESPACE ... ONLINE, READ WRITE, or recover it",
)
_COMPILED = (
    "what a trigger of the table calls was compiled anew meanwhile",
    "try again; when it stays: DBA, does the package compile?",
)
_MOVED = ("the table, or a partition or index of it, was moved meanwhile", "try again; when it stays: DBA")
_LIMITED = (
    "the resource manager ended the call",
    "DBA: the user's consumer group; or fewer rows: BUFFER_BATCH_SIZE_MAX",
)
_IN_DOUBT = (
    "locked by a distributed transaction that nobody ended, or by another session",
    "DBA: DBA_2PC_PENDING, V$LOCK: who holds it?",
)
_LIMIT = (
    "the database has reached its largest size",
    "DBA: delete old rows (deploy/oracle has the retention), or another edition",
)
_ROW = (
    "the value does not fit its column",
    "mend the source, or the column: deploy/oracle/*.sql has the types and lengths",
)

_CONNECTION_LOST, _TRANSIENT, _SPACE = Verdict.CONNECTION_LOST, Verdict.TRANSIENT, Verdict.SPACE
_CONFIGURATION, _CREDENTIALS, _OF_ROW = Verdict.CONFIGURATION, Verdict.CREDENTIALS, Verdict.ROW

#: One line a meaning: verdict, (cause, remedy), codes; a number alone is an ORA code.
_TABLE: tuple[tuple[Verdict, tuple[str, str], tuple[int | str, ...]], ...] = (
    (Verdict.DUPLICATE, ("a unique key refuses the row", "a unique index other than the primary key? drop it"), (1,)),
    # --- the connection is gone: reconnect and repeat; the rows may have been stored
    (_CONNECTION_LOST, LOST, (
        "DPY-4011", "DPY-1001", "DPY-1002", "DPY-4033", 28, 600, 602, 603, 609, 1012, 1041, 1043, 2396, 2399, 3113,
        3114, 3135, 12153, 12537, 12547, 12570, 12571, 12583, 12592, 12609, *_RAC_LOST,
    )),
    (_CONNECTION_LOST, _CURSORS, (1000,)),
    (_CONNECTION_LOST, _PROFILE, (2392, 2394)),
    (_CONNECTION_LOST, ("the session is in disorder: it does not know its statement any more",
                        "a new session is tried; when it stays: a dedicated server in the place of DRCP or a proxy"),
     (1001, 1003, 1006, 1008, 1023, 3106, 3137, 56_600)),
    (_CONNECTION_LOST, _NOT_OPEN, (31, 1033, 1034, 1089, 1090, 1092, 1109)),
    (_CONNECTION_LOST, _SERVICE, (12514,)),
    # --- not now; on whatever connection
    (_TRANSIENT, _SERVICE, ("DPY-6001", "DPY-6003", 12505)),
    (_TRANSIENT, _UNREACHABLE, ("DPY-6005", 12541)),
    (_TRANSIENT, ("the listener refused", "the database's listener.log says why; has it free processes?"),
     ("DPY-6000", 12516, 12519, 12520, 12528)),
    (_TRANSIENT, _SLOW, ("DPY-4005", "DPY-4024", 1013)),
    (_TRANSIENT, ("it accepts connections and then says nothing",
     "a firewall that swallows packets, a listener that hangs, or tcps:// to a port without TLS"), ("HANGS",)),
    (_CONFIGURATION, ("the wallet is encrypted, and the password does not open it, or there is none",
                      "ORACLE_WALLET_PASSWORD, better ORACLE_WALLET_PASSWORD_FILE"), ("WALLET",)),
    (_CONFIGURATION, ("the first certificate in ewallet.pem is not that of the key in it",
                      "ewallet.pem: our certificate first, then our key, then the authority's certificate"),
     ("WALLET_ORDER",)),
    (_TRANSIENT, ("our certificate in ewallet.pem has expired, or is not valid yet",
                  "a new ewallet.pem, which is read at the next try; is this machine's clock right?"),
     ("WALLET_EXPIRED",)),
    (_TRANSIENT, _BUSY, (51, 52, 53, 54, 55, 60, 4020, 4021, 4022, 4025, 8177, 30006)),
    (_TRANSIENT, _IN_DOUBT, (1591, 2049)),
    (_TRANSIENT, _COMPILED, (4045, 4061, 4063, 4064, 4065, 4067, 4068, 6508)),
    (_TRANSIENT, _MOVED, (1410, 1466, 8103, 14_403)),
    (_TRANSIENT, _LIMITED, (40, 12_751, 56_735)),
    (_TRANSIENT, _PROFILE, (2393, 2395)),
    (_TRANSIENT, ("the undo that a query needed is gone", "try again; when it stays: DBA, UNDO_RETENTION"),
     (1555, 8176)),
    (_TRANSIENT, ("a statement of the database's own failed", "the text's next code says why; DBA"), (604,)),
    (_TRANSIENT, _SESSIONS, (18, 20, 2391)),
    (_TRANSIENT, _MEMORY, (4030, 4031, 4036)),
    (_TRANSIENT, ("the database is open to administrators alone",
     "DBA: ALTER SYSTEM DISABLE RESTRICTED SESSION"), (1035,)),
    (_TRANSIENT, ("the database is read-only: a standby, or one that was switched over",
                  "ORACLE_DSN of the primary, best a service that moves with that role"), (16000,)),
    (_TRANSIENT, ("a switchover is going on", "wait; the writer waits by itself"), (16456,)),
    # --- no room: hold, alarm, never blame the rows
    (_SPACE, TABLESPACE, (1653, 1654, 1658, 1659, 1683, 1685, 1688, 1691, 1692, 3233, 3234)),
    (_SPACE, _QUOTA, (1536, 1950)),
    (_SPACE, _EXTENTS, (1631, 1632, 1693, 1694, 60_002, 60_003, 60_004, 60_005, 60_006, 60_007)),
    (_SPACE, _TEMP, (1652,)),
    (_SPACE, _UNDO, (1562, 1628, 1650, 30_032, 30_036)),
    (_SPACE, _DISK, (257, 15_041, 16_038, 19_804, 19_809)),
    (_SPACE, _OFFLINE, (
        372, 376, 1113, 1114, 1115, 1116, 1135, 1157, 1542, 1578, 1647, 8102, 14_466, 15_080, 15_081, 26_040, 27_072,
    )),
    (_SPACE, _LIMIT, (12_953, 12_954, 65_114)),
    # --- only a person can mend it
    (_CONFIGURATION, ("there is no such table, or the user may not SELECT from it",
                      "ORACLE_TABLE (schema.table if another user's); DBA: deploy/oracle/*.sql, GRANT SELECT, INSERT"),
     (942,)),
    (_CONFIGURATION, ("a synonym leads to no table",
                      "ORACLE_TABLE=schema.table; DBA: is the table still there? CREATE OR REPLACE SYNONYM"),
     (980, 1775, 2019)),
    (_CONFIGURATION, ("ORACLE_TABLE is no name that a table may have, or a word of SQL's own",
                      "ORACLE_TABLE; a table whose name needs quotes wants a synonym: CREATE SYNONYM ... FOR"),
     (903, 911, 1747, 3050)),
    (_CONFIGURATION, ("nothing can be inserted there: a view, or a virtual or generated column",
                      "ORACLE_TABLE: the table itself; DBA: its columns against deploy/oracle/*.sql"),
     (1732, 1733, 1776, 1779, 32_795, 42_399, 54_013)),
    (_CONFIGURATION, ("a constraint of the table is disabled and validated, which refuses every change",
                      "DBA: ALTER TABLE ... ENABLE CONSTRAINT, after the exchange of a partition or so"),
     (25_128,)),
    (_CONFIGURATION, ("a policy on the table (VPD) fails", "DBA: the policy's function: DBA_POLICIES names it"),
     (28_112, 28_113)),
    (_CONFIGURATION, ("a privilege is missing", "DBA: GRANT SELECT, INSERT ON the table TO the user"), (1031, 41_900)),
    (_CONFIGURATION, ("a column is missing", "ORACLE_TABLE_LAYOUT, or the table against deploy/oracle/*.sql"),
     (904, 913, 947)),
    (_CONFIGURATION, ("a column has a type that does not hold what is written there",
                      "the table against deploy/oracle/*.sql; ORACLE_TABLE, ORACLE_TABLE_LAYOUT: is it this table?"),
     (932, "WRONG_TYPE")),
    (_CONFIGURATION, ("the table is read-only", "DBA: ALTER TABLE ... READ WRITE"), (12_081,)),
    (_CONFIGURATION, ("the user is read-only", "DBA: ALTER USER ... READ WRITE"), (28_194,)),
    (_CONFIGURATION, ("an index of the table is unusable", "DBA: ALTER INDEX ... REBUILD"), (1502,)),
    (_CONFIGURATION, ("a trigger on the table does not compile", "DBA: mend or drop it; SHOW ERRORS TRIGGER says why"),
     (4098,)),
    (_CONFIGURATION, ("the key is checked at the commit (DEFERRABLE), where one duplicate takes the whole batch back",
                      "DBA: make the primary key NOT DEFERRABLE"), (2091,)),
    (_CONFIGURATION, ("the keystore that encrypts the table is closed",
     "DBA: ADMINISTER KEY MANAGEMENT SET KEYSTORE OPEN"),
     (28_353, 28_365, 28_374)),
    (_CONFIGURATION, _NO_ALIAS, (12_154, "DPY-4000", "DPY-4026", "DPY-4027")),
    (_CONFIGURATION, ("the database demands native network encryption, which this driver does not speak",
                      "DBA: offer TLS (ORACLE_DSN=tcps://...) or SQLNET.ENCRYPTION_SERVER=ACCEPTED"), ("DPY-3001",)),
    (_CONFIGURATION, ("the database is older than 12.1", "Oracle Database 12.1 or newer"), ("DPY-3010",)),
    (_CONFIGURATION, ("the database's national character set is not AL16UTF16, and the table has NVARCHAR2 columns",
                      "DBA: VARCHAR2 columns; this driver can't bind or read the others there"), ("DPY-3012",)),
    (_CREDENTIALS, ("the account has only an old password hash (10G)",
                    "DBA: set the password anew with 11G or 12C verifiers"), ("DPY-3015", 28_040)),
    (_CREDENTIALS, ("user or password wrong", f"{_USER}; several wrong tries lock the account"), (1017,)),
    (_CREDENTIALS, ("the account is locked",
                    f"DBA: ALTER USER ... ACCOUNT UNLOCK; before that, put right {_USER} on every writer"), (28_000,)),
    (_CREDENTIALS, ("the password has expired",
     "DBA: ALTER USER ... IDENTIFIED BY ..., then ORACLE_PASSWORD"), (28_001,)),
    (_CREDENTIALS, ("the user may not log on", "DBA: GRANT CREATE SESSION TO the user"), (1045,)),
    (_CREDENTIALS, ("no user or password", _USER), ("DPY-4001",)),
    # --- the row's own fault, unless a row is refused for it that the table would have taken before
    (_OF_ROW, _ROW, (
        1426, 1438, 1461, 1483, 1722, *range(1840, 1862), "DPY-3002", "DPY-3013", "DPY-4003", "DPY-4004",
        "TOO_LONG", "NOT_A_NUMBER", "NOT_IN_CHARACTER_SET",
    )),
    (_OF_ROW, ("a column is too short", "widen it: deploy/oracle/*.sql has the lengths"), (12_899,)),
    (_OF_ROW, ("a column that the writer does not fill, or fills with no value, is NOT NULL",
               "give it a default, or allow NULL"), (1400,)),
    (_OF_ROW, ("a constraint of the table refuses the row",
     "the constraint is named in the text: is the source wrong, or it?"),
     (2290, 2291)),
    (_OF_ROW, ("a policy on the table (VPD), or the view's own condition, does not admit the row",
               "is the source wrong, or it? DBA: DBA_POLICIES, or the view's WITH CHECK OPTION"),
     (1402, 28_115)),
    (_OF_ROW, ("no partition of the table takes this time",
     "DBA: add the partition, or PARTITION BY RANGE ... INTERVAL"),
     (14_300, 14_400)),
    (_OF_ROW, ("a trigger on the table refuses the row", "the text is the trigger's own: is the source wrong, or it?"),
     tuple(_RAISED_BY_TRIGGERS)),
)  # fmt: skip


def _by_code() -> dict[str, Meaning]:
    meanings: dict[str, Meaning] = {}
    for verdict, (cause, remedy), codes in _TABLE:
        for code in codes:
            name = f"ORA-{code:05}" if isinstance(code, int) else code
            if name in meanings:
                raise ValueError(f"{name} stands twice in the table of codes")
            meanings[name] = Meaning(verdict, cause, remedy)
    return meanings


CODES = _by_code()

#: What drivers name while they bind a value; any other error of theirs comes from the connection.
RAISED_WHILE_BINDING = frozenset({"DPY-3002", "DPY-3013", "DPY-4003", "DPY-4004"})


def verdict_of(code: str) -> Verdict:
    """Return what a full code such as `ORA-00001` asks for.

    >>> verdict_of("ORA-01653").value
    'space'
    """
    known = CODES.get(code)
    return known.verdict if known else Verdict.UNKNOWN
