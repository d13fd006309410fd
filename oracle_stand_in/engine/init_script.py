"""SQL scripts that run at start: those the project gives to a real Oracle, so far as they mean anything here."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from oracle_stand_in.data.clock import now
from oracle_stand_in.data.nls import DEFAULT_NLS, Nls
from oracle_stand_in.engine.engine import Engine
from oracle_stand_in.engine.prepared import NO_BINDS, prepare
from oracle_stand_in.engine.storage.transactions import Transaction
from oracle_stand_in.errors import OracleError
from oracle_stand_in.sql.evaluation.context import Context
from oracle_stand_in.sql.parser.trigger import CREATE_TRIGGER

#: statements for the DBA's side of a real database; here there is one user who may do all, so they are skipped
SKIPPED = (
    r"ALTER\s+SESSION\s+SET\s+(CONTAINER|CURRENT_SCHEMA)\b",
    r"GRANT\b",
    r"REVOKE\b",
    r"CREATE\s+USER\b",
    r"ALTER\s+USER\b",
    r"COMMENT\s+ON\b",
    r"CREATE\s+(OR\s+REPLACE\s+)?(PUBLIC\s+)?SYNONYM\b",
    # PL/SQL
    r"BEGIN\b",
    r"DECLARE\b",
    r"CREATE\s+(OR\s+REPLACE\s+)?(PROCEDURE|FUNCTION|PACKAGE)\b",
    # SQL*Plus commands
    r"WHENEVER\b",
    r"SET\s+\w+",
    r"PROMPT\b",
    r"CONN(ECT)?\b",
    r"SHOW\b",
    r"EXIT\b",
    r"SPOOL\b",
)
SKIP = re.compile("|".join(f"(?:{each})" for each in SKIPPED), re.IGNORECASE)
#: what ends with a slash alone
PLSQL = re.compile(
    r"\s*(BEGIN|DECLARE|CREATE\s+(OR\s+REPLACE\s+)?(PROCEDURE|FUNCTION|PACKAGE|TRIGGER))\b", re.IGNORECASE
)
#: SQL*Plus commands end with their line
LINE_COMMAND = re.compile(r"\s*(WHENEVER|SET|PROMPT|CONN(ECT)?|SHOW|EXIT|SPOOL)\b", re.IGNORECASE)
#: objects of a script that has run before, over kept data
ALREADY_THERE = (955, 1408, 4081)


@dataclass
class ScriptClient:
    """Runs a script's statements; nobody else is there yet, so it never waits."""

    user: str
    txn: Transaction = field(default_factory=Transaction)
    nls: Nls = DEFAULT_NLS

    def context(self) -> Context:
        """Return what statements may ask about the session."""
        return Context(self.user, "", 0, "init script", "localhost", now(), self.nls)

    async def wait(self, event: object) -> None:
        """Never needed."""
        raise RuntimeError(f"an init script cannot wait for {event!r}")


#: what a script is cut at; strings, quoted names and comments are passed over, whatever is in them
PIECE = re.compile(
    r"""(?P<comment>--[^\n]*|/\*.*?\*/)|(?P<quoted>'[^']*'|"[^"]*")|(?P<end>;|^[ \t]*/[ \t]*$)|(?P<text>.)""",
    re.DOTALL | re.MULTILINE | re.VERBOSE,
)


def split_script(text: str) -> Iterator[str]:
    """Yield a script's statements; they end with a semicolon, or, as PL/SQL must, with a slash on a line of its own."""
    lines = text.splitlines(keepends=True)
    # SQL*Plus commands end with their line, so that nothing of theirs is taken for the next statement
    closed = [f"{line.strip().rstrip(';')};\n" if LINE_COMMAND.match(line) else line for line in lines]
    statement = ""
    for piece in PIECE.finditer("".join(closed)):
        if piece.lastgroup == "end" and not (piece[0] == ";" and PLSQL.match(statement)):
            yield from _finished(statement)
            statement = ""
        elif piece.lastgroup != "comment":
            statement += piece[0]
    yield from _finished(statement)


def _finished(text: str) -> Iterator[str]:
    if text.strip():
        yield text.strip()


async def run_script(engine: Engine, user: str, text: str) -> list[str]:
    """Run a script and commit; return what was skipped, with the reason.

    Raises: OracleError: a statement failed, with the statement in its text; those before it stay.
    """
    client = ScriptClient(user)
    notes = []
    for statement in split_script(text):
        summary = " ".join(statement.split())[:70]
        if SKIP.match(statement):
            notes.append(f"skipped: {summary}")
            continue
        try:
            prepared = prepare(statement)
            if prepared.is_query:
                await engine.query(prepared, client, NO_BINDS)
                continue
            outcome = await engine.run(prepared, client, NO_BINDS, collect_errors=False)
            if outcome.failure is not None:
                raise outcome.failure
        except OracleError as error:
            if error.code == 900 and CREATE_TRIGGER.match(statement):
                notes.append(f"skipped: {summary}: {error.text}")
                continue
            if error.code not in ALREADY_THERE:
                raise OracleError(error.code, text=f"{error.text} in: {summary}") from None
            notes.append(f"already there: {summary}")
    engine.commit(client)
    return notes
