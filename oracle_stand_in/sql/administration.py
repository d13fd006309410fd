"""What a DBA's statements are made of: users, profiles, tablespaces, rights, and the end of a session."""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class SetUser:
    """CREATE USER or ALTER USER; None leaves a property as it is."""

    name: str
    creates: bool
    password: str | None = None
    tablespace: str | None = None
    profile: str | None = None
    locked: bool | None = None
    #: PASSWORD EXPIRE
    expired: bool = False
    #: READ ONLY and READ WRITE, of 23ai
    read_only: bool | None = None


@dataclass(frozen=True)
class DropUser:
    """DROP USER [CASCADE]."""

    name: str
    cascade: bool


@dataclass(frozen=True)
class SetProfile:
    """CREATE PROFILE or ALTER PROFILE; limits as they are written: a number, UNLIMITED or DEFAULT."""

    name: str
    creates: bool
    limits: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class DropProfile:
    """DROP PROFILE [CASCADE]."""

    name: str
    cascade: bool


@dataclass(frozen=True)
class CreateTablespace:
    """CREATE TABLESPACE; `file` is None where the server is to choose it."""

    name: str
    size_bytes: int
    file: str | None


@dataclass(frozen=True)
class AlterTablespace:
    """ALTER TABLESPACE ... READ ONLY or READ WRITE."""

    name: str
    read_only: bool


@dataclass(frozen=True)
class DropTablespace:
    """DROP TABLESPACE [INCLUDING CONTENTS ...]."""

    name: str
    with_contents: bool


@dataclass(frozen=True)
class Grant:
    """GRANT or REVOKE of system privileges."""

    privileges: tuple[str, ...]
    users: tuple[str, ...]
    takes_back: bool = False


@dataclass(frozen=True)
class KillSession:
    """ALTER SYSTEM KILL SESSION 'sid,serial#'."""

    session_id: int
    serial: int


@dataclass(frozen=True)
class AlterSystem:
    """ALTER SYSTEM SET COMMIT_WAIT."""

    commit_wait: str


Administration: TypeAlias = (
    SetUser | DropUser | SetProfile | DropProfile | CreateTablespace | AlterTablespace | DropTablespace | Grant
    | KillSession | AlterSystem
)  # fmt: skip
