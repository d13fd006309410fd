"""The database: users and what they have, profiles, tablespaces, sessions; and a DBA's statements."""

from dataclasses import dataclass, field
from typing import Protocol

from oracle_stand_in.data.nls import checked_wait
from oracle_stand_in.engine.storage.schemas import Schemas
from oracle_stand_in.errors import OracleError
from oracle_stand_in.flavour import Flavour
from oracle_stand_in.protocol.auth import Verifier
from oracle_stand_in.sql.administration import (
    Administration,
    AlterSystem,
    AlterTablespace,
    CreateTablespace,
    DropProfile,
    DropTablespace,
    DropUser,
    Grant,
    KillSession,
    SetProfile,
    SetUser,
)

#: who may administer; its password is the one that the user had at the start
ADMIN = "SYSTEM"
#: whoever has this right sees the DBA_ views
READS_ALL = "SELECT ANY DICTIONARY"
#: what every user has who was not made by CREATE USER
ALL_PRIVILEGES = frozenset(("CREATE SESSION", "CREATE TABLE", "CREATE TRIGGER", "UNLIMITED TABLESPACE", READS_ALL))
DIRECTORY = "/opt/oracle/oradata/STANDIN"
#: the first of those with files that are managed by the server where nobody names one
MANAGES_FILES_SINCE = 23


@dataclass(frozen=True)
class SessionFacts:
    """What V$SESSION and its like tell of a session."""

    session_id: int
    user: str
    program: str
    machine: str
    round_trips: int
    parses: int
    status: str = "INACTIVE"
    module: str = ""
    action: str = ""

    @property
    def serial(self) -> int:
        """What tells it from others that had its number."""
        return 1 + self.session_id % 60_000


class LiveSession(Protocol):
    """A session that is logged on."""

    def facts(self) -> SessionFacts:
        """Return what the dictionary tells of it."""

    def kill(self) -> None:
        """End it: what it has open is rolled back, and its next call gets ORA-00028."""


@dataclass
class Tablespace:
    """A tablespace; `size_bytes` is None where it grows as it must. What was taken of it once is never given back."""

    name: str
    file: str
    size_bytes: int | None = None
    used_bytes: int = 0
    read_only: bool = False

    def take(self, size_bytes: int, table: str, *, is_partitioned: bool) -> None:
        """Take room for a row. Raises: OracleError: 1653 or 1688, there is none."""
        if self.size_bytes is not None and self.used_bytes + size_bytes > self.size_bytes:
            segment = f"table {table} partition P1" if is_partitioned else f"table {table}"
            text = f"unable to extend {segment} by 8 in tablespace {self.name}"
            raise OracleError(1688 if is_partitioned else 1653, text=text)
        self.used_bytes += size_bytes

    def check_writable(self) -> None:
        """Raises: OracleError: 372, it is read-only."""
        if self.read_only:
            file = f"ORA-01110: data file 9: '{self.file}'"
            raise OracleError(372, text=f"file 9 cannot be modified at this time\n{file}")


@dataclass
class User:
    """An account, and what it may do."""

    name: str
    password: str
    tablespace: Tablespace
    privileges: frozenset[str] = frozenset()
    profile: str = "DEFAULT"
    locked: bool = False
    expired: bool = False
    read_only: bool = False
    verifier: Verifier = field(init=False)

    def __post_init__(self) -> None:
        self.set_password(self.password)

    def set_password(self, password: str) -> None:
        """Change the password; sessions that are logged on stay so."""
        self.password = password
        self.verifier = Verifier.of(password)

    @property
    def status(self) -> str:
        """What DBA_USERS calls it."""
        states = [name for name, is_so in (("EXPIRED", self.expired), ("LOCKED", self.locked)) if is_so]
        return " & ".join(states) or "OPEN"

    def check_may(self, privilege: str) -> None:
        """Raises: OracleError: 1031, it has not this right."""
        if privilege not in self.privileges:
            raise OracleError(1031)

    def check_writes(self) -> None:
        """Raises: OracleError: 28194, the user is read-only."""
        if self.read_only:
            raise OracleError(28194)


class Database:
    """One database. Whoever is made by CREATE USER is gone with the process, and so is all that is its own."""

    def __init__(self, user: str, password: str, flavour: Flavour) -> None:
        users = Tablespace("USERS", f"{DIRECTORY}/users01.dbf")
        self.flavour = flavour
        #: whether a commit waits until it is on disk, where the session does not say
        self.commit_wait = "WAIT"
        self.tablespaces = {users.name: users, "SYSTEM": Tablespace("SYSTEM", f"{DIRECTORY}/system01.dbf")}
        self.profiles: dict[str, dict[str, str]] = {"DEFAULT": {}}
        self.users = {name: User(name, password, users, ALL_PRIVILEGES) for name in (ADMIN, user)}
        self.sessions: list[LiveSession] = []
        self.schemas = Schemas()
        #: what the dictionary calls it; texts are stored in UTF-8 all the same
        self.character_set = "AL32UTF8"
        #: what it says that it is; it takes writes all the same
        self.role = "PRIMARY"

    def limit(self, user: User, name: str) -> int | None:
        """Return a limit of the user's profile; None: there is none."""
        text = self.profiles[user.profile].get(name, "DEFAULT")
        return int(text) if text.isdigit() else None

    def sessions_of(self, user: str) -> list[LiveSession]:
        """Return the sessions that a user has open."""
        return [session for session in self.sessions if session.facts().user == user]

    def administer(self, statement: Administration, by: str, session_id: int) -> None:
        """Run a DBA's statement. Raises: OracleError: it can't be done, or the user is no DBA; nothing is changed."""
        if by != ADMIN:
            raise OracleError(1031)
        if isinstance(statement, SetUser):
            self._set_user(statement)
        elif isinstance(statement, DropUser):
            self._drop_user(statement)
        elif isinstance(statement, SetProfile | DropProfile):
            self._profile(statement)
        elif isinstance(statement, KillSession):
            self._kill(statement, session_id)
        elif isinstance(statement, Grant):
            self._grant(statement)
        elif isinstance(statement, AlterSystem):
            self.commit_wait = checked_wait(statement.commit_wait)
        else:
            self._tablespace(statement)

    def user(self, name: str) -> User:
        """Return a user. Raises: OracleError: 1918, there is none."""
        if name not in self.users:
            raise OracleError(1918, name)
        return self.users[name]

    def _set_user(self, statement: SetUser) -> None:
        if statement.creates and statement.name in self.users:
            raise OracleError(1920, statement.name)
        if statement.tablespace and statement.tablespace not in self.tablespaces:
            raise OracleError(959, statement.tablespace)
        if statement.profile and statement.profile not in self.profiles:
            raise OracleError(2380, statement.profile)
        if statement.read_only is not None and self.flavour.version[0] < MANAGES_FILES_SINCE:
            raise OracleError(922)
        if statement.creates:
            user = User(statement.name, statement.password or "", self.tablespaces["USERS"])
            self.users[user.name] = user
        else:
            user = self.user(statement.name)
            if statement.password is not None:
                user.set_password(statement.password)
                user.expired = False
        user.tablespace = self.tablespaces[statement.tablespace] if statement.tablespace else user.tablespace
        user.profile = statement.profile or user.profile
        user.locked = user.locked if statement.locked is None else statement.locked
        user.read_only = user.read_only if statement.read_only is None else statement.read_only
        user.expired = user.expired or statement.expired

    def _drop_user(self, statement: DropUser) -> None:
        self.user(statement.name)
        if self.sessions_of(statement.name):
            raise OracleError(1940)
        owned = self.schemas.of(statement.name)
        if (owned.tables or owned.aliases) and not statement.cascade:
            raise OracleError(1922, statement.name)
        del self.users[statement.name]
        self.schemas.forget(statement.name)

    def _profile(self, statement: SetProfile | DropProfile) -> None:
        exists = statement.name in self.profiles
        if isinstance(statement, SetProfile) and statement.creates:
            if exists:
                raise OracleError(2379, statement.name)
            self.profiles[statement.name] = dict(statement.limits)
            return
        if not exists:
            raise OracleError(2380, statement.name)
        if isinstance(statement, SetProfile):
            self.profiles[statement.name].update(statement.limits)
            return
        holders = [user for user in self.users.values() if user.profile == statement.name]
        if holders and not statement.cascade:
            raise OracleError(2382, statement.name)
        for user in holders:
            user.profile = "DEFAULT"
        del self.profiles[statement.name]

    def _tablespace(self, statement: CreateTablespace | AlterTablespace | DropTablespace) -> None:
        if isinstance(statement, CreateTablespace):
            if statement.name in self.tablespaces:
                raise OracleError(1543, statement.name)
            if statement.file is None and self.flavour.version[0] < MANAGES_FILES_SINCE:
                raise OracleError(2236)
            file = statement.file or f"{DIRECTORY}/{statement.name.lower()}.dbf"
            self.tablespaces[statement.name] = Tablespace(statement.name, file, statement.size_bytes)
            return
        if statement.name not in self.tablespaces:
            raise OracleError(959, statement.name)
        if isinstance(statement, AlterTablespace):
            self.tablespaces[statement.name].read_only = statement.read_only
            return
        residents = [user.name for user in self.users.values() if user.tablespace.name == statement.name]
        if any(self.schemas.of(name).tables for name in residents):
            if not statement.with_contents:
                raise OracleError(1549)
            for name in residents:
                self.schemas.empty(name)
        del self.tablespaces[statement.name]

    def _grant(self, statement: Grant) -> None:
        for user in map(self.user, statement.users):
            if statement.takes_back:
                user.privileges -= frozenset(statement.privileges)
            else:
                user.privileges |= frozenset(statement.privileges)

    def _kill(self, statement: KillSession, own_id: int) -> None:
        if statement.session_id == own_id:
            raise OracleError(27)
        for session in self.sessions:
            facts = session.facts()
            if (facts.session_id, facts.serial) == (statement.session_id, statement.serial):
                session.kill()
                return
        raise OracleError(30)
