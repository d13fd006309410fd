"""A DBA's statements: users, profiles, tablespaces, system privileges, ALTER SYSTEM KILL SESSION."""

import re
from dataclasses import replace

from oracle_stand_in.errors import OracleError, unsupported
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
from oracle_stand_in.sql.parser.lexer import TokenKind, TokenStream
from oracle_stand_in.sql.parser.query import table_ref
from oracle_stand_in.sql.statements import GrantOn

#: bytes in a size as it is written: 1M, 64K
UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}
#: size, behind which the tokenizer has split a letter off
SIZE = re.compile(r"(\d+)([KMG]?)")
SESSION = re.compile(r"(\d+)\s*,\s*(\d+)(?:\s*,\s*@\d+)?")
#: what is to be had by GRANT: the rest has no meaning here
PRIVILEGES = frozenset((
    "CREATE SESSION", "CREATE TABLE", "CREATE TRIGGER", "UNLIMITED TABLESPACE", "SELECT ANY DICTIONARY",
))  # fmt: skip
#: the same ON a table
TABLE_PRIVILEGES = frozenset(("SELECT", "INSERT", "UPDATE", "DELETE"))
ALL = frozenset(("ALL", "ALL PRIVILEGES"))


def at_administration(stream: TokenStream) -> bool:
    """Whether a DBA's statement comes next."""
    if stream.at_any("GRANT", "REVOKE") or stream.at("ALTER", "SYSTEM"):
        return True
    kind = stream.peek(2).text if stream.peek().text in ("SMALLFILE", "BIGFILE") else stream.peek().text
    return stream.at_any("CREATE", "ALTER", "DROP") and kind in ("USER", "PROFILE", "TABLESPACE")


def administration(stream: TokenStream) -> Administration | GrantOn:
    """Parse a DBA's statement, or what anybody lets others do with his table.

    Raises: OracleError: it has an option that is not known here.
    """
    verb = stream.next().text
    if verb in ("GRANT", "REVOKE"):
        return _grant(stream, takes_back=verb == "REVOKE")
    if stream.accept("SYSTEM"):
        return _alter_system(stream)
    if not stream.accept("SMALLFILE"):
        stream.accept("BIGFILE")
    kind = stream.next().text
    if kind == "USER":
        return _drop_user(stream) if verb == "DROP" else _user(stream, creates=verb == "CREATE")
    if kind == "PROFILE":
        return _drop_profile(stream) if verb == "DROP" else _profile(stream, creates=verb == "CREATE")
    if verb == "CREATE":
        return _create_tablespace(stream)
    return _alter_tablespace(stream) if verb == "ALTER" else _drop_tablespace(stream)


def _at_end(stream: TokenStream) -> bool:
    return stream.current.kind is TokenKind.END or stream.at_symbol(";")


def _no_such_option(stream: TokenStream) -> OracleError:
    return OracleError(922, text="missing or invalid option", position=stream.current.position)


def _user(stream: TokenStream, creates: bool) -> SetUser:
    user = SetUser(stream.name(1935), creates)
    while not _at_end(stream):
        user = _user_option(stream, user)
    if creates and user.password is None:
        raise _no_such_option(stream)
    return user


def _user_option(stream: TokenStream, user: SetUser) -> SetUser:
    if stream.accept("IDENTIFIED", "BY"):
        token = stream.next()
        # as it is written: without quotes, too, a password is not put in capitals
        user = replace(user, password=stream.sql[token.position : token.end].strip('"'))
    elif stream.accept("NO", "AUTHENTICATION"):
        user = replace(user, password="")
    elif stream.accept("DEFAULT", "TABLESPACE"):
        user = replace(user, tablespace=stream.name())
    elif stream.accept("PROFILE"):
        # DEFAULT is a word that is no name elsewhere
        user = replace(user, profile=stream.next().text)
    elif stream.accept("ACCOUNT"):
        user = replace(user, locked=_one_of(stream, "LOCK", "UNLOCK"))
    elif stream.accept("PASSWORD", "EXPIRE"):
        user = replace(user, expired=True)
    elif stream.accept("READ"):
        user = replace(user, read_only=_one_of(stream, "ONLY", "WRITE"))
    elif stream.accept("QUOTA"):
        _quota(stream)
    else:
        raise _no_such_option(stream)
    return user


def _one_of(stream: TokenStream, first: str, second: str) -> bool:
    """Consume one of two words; return whether it is the first."""
    is_first = stream.accept(first)
    if not is_first:
        stream.expect(second)
    return is_first


def _quota(stream: TokenStream) -> None:
    """Skip a quota, which limits nobody here: a tablespace's size does."""
    if not stream.accept("UNLIMITED"):
        _size(stream)
    stream.expect("ON")
    stream.name()


def _size(stream: TokenStream) -> int:
    text = stream.next().text
    if stream.current.text in UNITS and stream.current.kind is TokenKind.WORD:
        text += stream.next().text
    match = SIZE.fullmatch(text)
    if match is None:
        raise OracleError(2180, text="invalid option for this statement", position=stream.current.position)
    return int(match[1]) * UNITS[match[2]]


def _drop_user(stream: TokenStream) -> DropUser:
    name = stream.name(1935)
    return DropUser(name, stream.accept("CASCADE"))


def _profile(stream: TokenStream, creates: bool) -> SetProfile:
    name = stream.name()
    stream.expect("LIMIT")
    limits = []
    while not _at_end(stream):
        limit = stream.name()
        limits.append((limit, stream.next().text))
    return SetProfile(name, creates, tuple(limits))


def _drop_profile(stream: TokenStream) -> DropProfile:
    name = stream.name()
    return DropProfile(name, stream.accept("CASCADE"))


def _create_tablespace(stream: TokenStream) -> CreateTablespace:
    name = stream.name()
    stream.expect("DATAFILE")
    file = stream.next().text if stream.current.kind is TokenKind.STRING else None
    stream.expect("SIZE")
    size_bytes = _size(stream)
    stream.accept("AUTOEXTEND", "OFF")
    return CreateTablespace(name, size_bytes, file)


def _alter_tablespace(stream: TokenStream) -> AlterTablespace:
    name = stream.name()
    stream.expect("READ")
    return AlterTablespace(name, _one_of(stream, "ONLY", "WRITE"))


def _drop_tablespace(stream: TokenStream) -> DropTablespace:
    name = stream.name()
    with_contents = stream.accept("INCLUDING", "CONTENTS")
    if with_contents and stream.accept("AND"):
        stream.expect("DATAFILES")
    stream.accept("CASCADE", "CONSTRAINTS")
    return DropTablespace(name, with_contents)


def _grant(stream: TokenStream, takes_back: bool) -> Grant | GrantOn:
    privileges = []
    while True:
        words = []
        while not (stream.at_any("TO", "FROM", "ON") or stream.at_symbol(",") or _at_end(stream)):
            words.append(stream.next().text)
        privileges.append(" ".join(words))
        if not stream.accept_symbol(","):
            break
    table = table_ref(stream) if stream.accept("ON") else None
    _check_known(privileges, PRIVILEGES if table is None else TABLE_PRIVILEGES | ALL)
    stream.expect("FROM" if takes_back else "TO")
    users = [stream.name()]
    while stream.accept_symbol(","):
        users.append(stream.name())
    if table is None:
        return Grant(tuple(privileges), tuple(users), takes_back)
    wanted = frozenset(privileges)
    return GrantOn(TABLE_PRIVILEGES if wanted & ALL else wanted, table, tuple(users), takes_back)


def _check_known(privileges: list[str], known: frozenset[str]) -> None:
    """Raises: OracleError: 900, one of them has no meaning here."""
    if not known.issuperset(privileges):
        raise unsupported(f"GRANT {', '.join(privileges)}: only {', '.join(sorted(known))}")


def _alter_system(stream: TokenStream) -> KillSession | AlterSystem:
    if not stream.accept("SET", "COMMIT_WAIT"):
        return _kill(stream)
    stream.expect_symbol("=", 927)
    return AlterSystem(stream.next().text)


def _kill(stream: TokenStream) -> KillSession:
    if not stream.accept("KILL", "SESSION"):
        raise unsupported(f"ALTER SYSTEM {stream.current.text}", stream.current.position)
    match = SESSION.fullmatch(stream.next().text)
    if match is None:
        raise OracleError(26, text="missing or invalid session ID")
    stream.accept("IMMEDIATE")
    return KillSession(int(match[1]), int(match[2]))
