"""A DBA's account, for claims about what only a DBA can do: what it makes is named TT_..._TAGPIPE_n, and dropped."""

import re
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import oracledb
from pydantic import SecretStr

from services.writer.conformance.claim import NotTriedError
from services.writer.oracle.connections.connecting import connect
from services.writer.oracle.errors import from_driver, one_line
from services.writer.settings import WriterSettings
from services.writer.sink import SinkError, Verdict

#: What a run makes, by the run: nobody else calls anything so.
NAMES = re.compile(r"(TT_[0-9A-F]{8})_TAGPIPE_\d+")

#: Kinds of things in the order in which they can be dropped, where those of a run are found, and how they are dropped.
KINDS = {
    "USER": ("SELECT username FROM dba_users", "CASCADE"),
    "TABLESPACE": ("SELECT tablespace_name FROM dba_tablespaces", "INCLUDING CONTENTS AND DATAFILES"),
    "PROFILE": ("SELECT DISTINCT profile FROM dba_profiles", "CASCADE"),
}

#: What says that a thing is not there; that its user is still logged on; that nobody chooses a file for a tablespace.
_NOT_THERE, _LOGGED_ON, _NO_FILE = ("ORA-01918", "ORA-00959", "ORA-02380"), "ORA-01940", "ORA-02236"

#: Seconds for which a session that was killed may keep its user from being dropped.
_GONE_WITHIN_S = 15.0


@dataclass(frozen=True)
class Credentials:
    """Who a DBA is."""

    user: str
    password: str = field(repr=False)


def credentials_of(text: str) -> Credentials:
    """Return what ORACLE_ADMIN says: user/password, the password in quotes or not. Raises: ValueError."""
    user, _, password = text.strip().partition("/")
    if not user or not password:
        raise ValueError("ORACLE_ADMIN is user/password, such as system/...")
    return Credentials(user, password[1:-1] if re.fullmatch(r'".+"', password) else password)


def logged_on_as(settings: WriterSettings, who: Credentials) -> WriterSettings:
    """Return settings that differ in who logs on."""
    return settings.model_copy(
        update={
            "oracle_user": who.user, "oracle_password": SecretStr(who.password), "oracle_password_file": None,
        }
    )  # fmt: skip


class Administrator:
    """Makes users, profiles and tablespaces, and drops them again."""

    def __init__(self, settings: WriterSettings, who: Credentials, prefix: str) -> None:
        """Connect to nothing yet. `prefix`: of this run's names."""
        self._settings = logged_on_as(settings, who)
        self._prefix = prefix
        self._made: list[tuple[str, str]] = []
        self._number = 0

    def log_on(self) -> None:
        """Try whether the DBA is let in: once, since each refusal counts against the account. Raises: SinkError."""
        with self._cursor():
            pass

    def run(self, statement: str) -> None:
        """Run a statement. Raises: NotTriedError: it is refused; the text holds no password."""
        try:
            self._run(statement)
        except SinkError as error:
            raise NotTriedError(f"ORACLE_ADMIN: {error} in {' '.join(statement.split()[:3])}") from error

    def run_all(self, statements: Iterable[str]) -> None:
        """Run statements in one session. Raises: NotTriedError: one is refused."""
        begun = "the logon"
        try:
            with self._cursor() as cursor:
                for statement in statements:
                    begun = " ".join(statement.split())[:60]
                    cursor.execute(statement)
        except SinkError as error:
            raise NotTriedError(f"ORACLE_ADMIN: {error} in {begun}...") from error

    def name_for(self, kind: str) -> str:
        """Return the name for a thing that statements of others make; it is dropped as if it were made here."""
        name = self._new_name()
        self._made.append((kind, name))
        return name

    def rows(self, sql: str, *binds: object) -> list[tuple[object, ...]]:
        """Ask. Raises: NotTriedError: it is refused."""
        try:
            with self._cursor() as cursor:
                cursor.execute(sql, list(binds))
                return list(cursor)
        except SinkError as error:
            raise NotTriedError(f"ORACLE_ADMIN: {error} in {sql}") from error

    def user(self, limits: str, tablespace_size: str) -> Credentials:
        """Make a user; limits: of its profile; tablespace_size: of a tablespace of its own, or empty.

        Raises: NotTriedError: the database refuses it.
        """
        who = Credentials(self._new_name(), f"Tt_{secrets.token_hex(10)}_9Z")
        options = ["ACCOUNT UNLOCK"]
        if limits:
            profile = self._new_name()
            self._create("PROFILE", profile, f"LIMIT {limits}")
            options.append(f"PROFILE {profile}")
        if tablespace_size:
            tablespace = self._tablespace(tablespace_size)
            options.append(f"DEFAULT TABLESPACE {tablespace} QUOTA UNLIMITED ON {tablespace}")
        self._create("USER", who.user, f'IDENTIFIED BY "{who.password}" {" ".join(options)}')
        self.run(f"GRANT CREATE SESSION, CREATE TABLE TO {who.user}")
        return who

    def tablespace_of(self, user: str) -> str:
        """Return where a user's tables are. Raises: NotTriedError."""
        return str(self.rows("SELECT default_tablespace FROM dba_users WHERE username = :1", user)[0][0])

    def _tablespace(self, size: str) -> str:
        name = self._new_name()
        try:
            self._create("SMALLFILE TABLESPACE", name, f"DATAFILE SIZE {size} AUTOEXTEND OFF")
        except NotTriedError as error:
            if _NO_FILE not in str(error):
                raise
            file = self._file_beside_others(name)
            self._create("SMALLFILE TABLESPACE", name, f"DATAFILE '{file}' SIZE {size} AUTOEXTEND OFF")
        return name

    def _create(self, kind: str, name: str, how: str) -> None:
        """Make one thing; what the database refuses is not there. Raises: NotTriedError."""
        made = kind.rpartition(" ")[2], name
        self._made.append(made)
        try:
            self._run(f"CREATE {kind} {name} {how}")
        except SinkError as error:
            if error.code.startswith("ORA-") and error.verdict is not Verdict.CONNECTION_LOST:
                self._made.remove(made)
            raise NotTriedError(f"ORACLE_ADMIN: {error} in CREATE {kind}") from error

    def _file_beside_others(self, name: str) -> str:
        """Return a file for a tablespace, in the directory (or the ASM disk group) of the database's own."""
        beside = str(self.rows("SELECT file_name FROM dba_data_files WHERE tablespace_name = 'SYSTEM'")[0][0])
        if beside.startswith("+"):
            return beside.partition("/")[0]
        return re.sub(r"[^/\\]+$", f"{name.lower()}.dbf", beside)

    def kill_sessions_of(self, user: str) -> int:
        """Kill the sessions of a user that this or an earlier run made; return how many.

        Raises: NotTriedError: that is not allowed. ValueError: the user is none of ours.
        """
        if not NAMES.fullmatch(user):
            raise ValueError(f"{user} was made by no run")
        sessions = self.rows("SELECT sid, serial#, inst_id FROM gv$session WHERE username = :1", user)
        for sid, serial, instance in sessions:
            self.run(f"ALTER SYSTEM KILL SESSION '{sid},{serial},@{instance}' IMMEDIATE")
        return len(sessions)

    def drop(self, kind: str, name: str) -> str:
        """Drop one thing; return why it is still there, empty where it is not. Never raises."""
        deadline = time.monotonic() + _GONE_WITHIN_S
        while True:
            try:
                self._run(f"DROP {kind} {name} {KINDS[kind][1]}")
            except SinkError as error:
                if error.code in _NOT_THERE:
                    break
                if error.code != _LOGGED_ON or time.monotonic() > deadline:
                    return f"{kind} {name}: {error}"
                with suppress(NotTriedError):
                    self.kill_sessions_of(name)
                time.sleep(0.2)
            else:
                break
        if (kind, name) in self._made:
            self._made.remove((kind, name))
        return ""

    @property
    def made(self) -> frozenset[tuple[str, str]]:
        """Kinds and names of what was made and not dropped yet."""
        return frozenset(self._made)

    def drop_all(self, besides: frozenset[tuple[str, str]] = frozenset()) -> list[str]:
        """Drop all that was made, `besides` what stays; return what is still there, and why."""
        ordered = sorted(set(self._made) - besides, key=lambda made: list(KINDS).index(made[0]))
        return list(filter(None, (self.drop(kind, name) for kind, name in ordered)))

    def of_earlier_runs(self) -> list[tuple[str, str]]:
        """Return kinds and names of what runs have left that are over. Raises: NotTriedError."""
        going_on = {str(action) for (action,) in self.rows("SELECT action FROM gv$session")} | {self._prefix}
        found = []
        for kind, (sql, _) in KINDS.items():
            for (name,) in self.rows(sql):
                match = NAMES.fullmatch(str(name))
                if match is not None and match[1] not in going_on:
                    found.append((kind, match[0]))
        return found

    def _new_name(self) -> str:
        self._number += 1
        return f"{self._prefix}_TAGPIPE_{self._number}"

    def _run(self, statement: str) -> None:
        with self._cursor() as cursor:
            cursor.execute(statement)

    @contextmanager
    def _cursor(self) -> Iterator[oracledb.Cursor]:
        connection = connect(self._settings, self._settings.current_password())
        try:
            with connection.cursor() as cursor:
                yield cursor
        except oracledb.Error as error:
            found = from_driver(error)
            raise SinkError(found.code, one_line(str(found)), found.verdict) from error
        finally:
            with suppress(oracledb.Error, OSError, AttributeError):
                connection.close()
