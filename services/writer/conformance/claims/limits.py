"""Claims about what a DBA does to an account and its sessions: kills, limits, locks, makes read-only."""

from collections.abc import Callable
from contextlib import suppress

import oracledb

from services.writer.conformance.administrator import logged_on_as
from services.writer.conformance.claim import Claims, DiffersError, NotTriedError, expect
from services.writer.conformance.place import Place, ends, values
from services.writer.oracle.codes import verdict_of
from services.writer.oracle.connections.connecting import connect
from services.writer.oracle.errors import from_driver
from services.writer.oracle.oracle_sink import OracleSink
from services.writer.sink import SinkError, Verdict

#: Sessions that a limited account may have.
_SESSIONS = 3

#: Seconds for which an idle session is looked at at most, and those between two looks: the database looks itself by the
#: minute, and says SNIPED of what it has ended.
_IDLE_S, _LOOK_S = 120.0, 1.0

#: The claim whose session is opened before all others are tried.
_IDLE = "idle-time"

#: Verdicts that hold values until somebody has acted.
_NO_ROWS_FAULT = (Verdict.SPACE, Verdict.CONFIGURATION)

#: Tries of a write by a sink whose connections were ended: it repairs one of them at a time.
_TRIES = 5


CLAIMS = Claims[Place]()


def _error_of(action: Callable[[], object]) -> SinkError:
    """Return the error of what must fail. Raises: DiffersError: it does not."""
    try:
        action()
    except SinkError as error:
        return error
    except oracledb.Error as error:
        return from_driver(error)
    raise DiffersError("there is no error")


def _expect_lost(error: SinkError, code: str) -> str:
    seen = f"{error.code}: {error}"
    expect(error.verdict is Verdict.CONNECTION_LOST, seen)
    expect(code in seen or error.code in ("DPY-4011", "ORA-03113"), seen)
    return seen


def _written_in_the_end(sink: OracleSink, place: Place) -> int:
    """Write until it goes well; return the number of writes that failed before. Raises: DiffersError, NotTriedError."""
    for tried in range(_TRIES):
        with suppress(SinkError):
            outcome = sink.write(values(3, first=100))
            expect(not (outcome.rejected or outcome.kept), ends(outcome))
            return tried
        place.pause(_LOOK_S)
    raise DiffersError(f"no write goes well in {_TRIES} tries")


@CLAIMS.relied_on_by("services.writer.oracle.codes.verdict_of")
def killed_session(place: Place) -> str:
    """A session that a DBA kills is lost (ORA-00028, DPY-4011), and the sink repairs itself."""
    with place.guest() as guest:
        table = guest.table()
        with guest.connection() as victim, guest.sink(table) as sink:
            sink.write(values(3))
            killed = place.dba.kill_sessions_of(guest.settings.oracle_user)
            seen = _expect_lost(_error_of(lambda: victim.cursor().execute("SELECT 1 FROM dual")), "ORA-00028")
            failed = _written_in_the_end(sink, place)
    return f"{killed} killed, then {seen}; the sink writes again after {failed} failed writes"


@CLAIMS.relied_on_by("services.writer.oracle.connections.pool.Connections")
def sessions_per_user(place: Place) -> str:
    """One session too many is refused (ORA-02391), the others work on."""
    with place.guest(limits=f"SESSIONS_PER_USER {_SESSIONS}") as guest:
        table = guest.table()
        with guest.connection() as first, guest.connection():
            with guest.connection():
                refused = _error_of(lambda: connect(guest.settings, guest.settings.current_password()).close())
                expect(
                    (refused.code, refused.verdict) == ("ORA-02391", Verdict.TRANSIENT), f"{refused.code}: {refused}"
                )
                alive = first.cursor().execute("SELECT 1 FROM dual").fetchone()
                expect(alive == (1,), f"a session from before then answers {alive}")
            with guest.sink(table) as sink:
                _written_in_the_end(sink, place)
                opened, _ = sink.connections
                expect(opened == 1, f"the sink has {opened} connections, where there is room for one")
    return f"session {_SESSIONS + 1} gets ORA-02391, the others work on; a sink makes do with the one that is left"


@CLAIMS.relied_on_by("services.writer.oracle.codes.verdict_of")
def account(place: Place) -> str:
    """A wrong password, a missing CREATE SESSION, a locked account and an expired password have codes of their own."""
    with place.guest() as guest:
        user, password = guest.settings.oracle_user, guest.settings.current_password()
        seen = [_refused(guest, f"{password}x", "ORA-01017")]
        steps = {
            "ORA-01045": (f"REVOKE CREATE SESSION FROM {user}", f"GRANT CREATE SESSION TO {user}"),
            "ORA-28000": (f"ALTER USER {user} ACCOUNT LOCK", f"ALTER USER {user} ACCOUNT UNLOCK"),
            "ORA-28001": (f"ALTER USER {user} PASSWORD EXPIRE", ""),
        }
        for code, (change, back) in steps.items():
            place.dba.run(change)
            seen.append(_refused(guest, password, code))
            if back:
                place.dba.run(back)
    return ", ".join(seen)


def _refused(guest: Place, password: str, code: str) -> str:
    error = _error_of(lambda: connect(guest.settings, password).close())
    expect((error.code, error.verdict) == (code, Verdict.CREDENTIALS), f"{error.code} for {code}: {error}")
    return error.code


@CLAIMS.relied_on_by("services.writer.oracle.codes.verdict_of")
def read_only(place: Place) -> str:
    """What lies in a read-only tablespace, or is a read-only user's, takes no row and blames none."""
    with place.guest(tablespace_size="1M") as guest:
        table, user = guest.table(), guest.settings.oracle_user
        tablespace = place.dba.tablespace_of(user)
        with guest.sink(table) as sink:
            sink.write(values(3))
            place.dba.run(f"ALTER TABLESPACE {tablespace} READ ONLY")
            seen = [_kept(sink, "ORA-00372")]
            place.dba.run(f"ALTER TABLESPACE {tablespace} READ WRITE")
            expect(sink.write(values(3, first=3)).written == 3, "no row is stored once it is READ WRITE")  # noqa: PLR2004 - all
            try:
                place.dba.run(f"ALTER USER {user} READ ONLY")
            except NotTriedError:
                seen.append("a user can't be READ ONLY here (23ai)")
            else:
                seen.append(_kept(sink, "ORA-28194"))
    return "; ".join(seen)


def _kept(sink: OracleSink, code: str) -> str:
    """Write where nothing can be written: no row may be blamed for it."""
    try:
        outcome = sink.write(values(5, first=10))
    except SinkError as error:
        expect(code in str(error), f"{error.code}: {error}")
        expect(error.verdict in _NO_ROWS_FAULT, f"{error.verdict}: {error}")
        return f"{code} of the call"
    blamed = [error for error in (*outcome.kept, *outcome.rejected) if error.verdict not in _NO_ROWS_FAULT]
    expect(len(outcome.kept) == outcome.size and not blamed, f"{ends(outcome)}: {blamed[:1]}")
    return f"{code} of each row"


def _open_idle_session(place: Place) -> None:
    settings = logged_on_as(place.settings, place.dba.user("IDLE_TIME 1", ""))
    place.early[_IDLE] = connect(settings, settings.current_password())


@CLAIMS.relied_on_by("services.writer.oracle.codes.verdict_of", early=_open_idle_session)
def idle_time(place: Place) -> str:
    """A session that is idle past its profile's IDLE_TIME is lost (ORA-02396, DPY-4011)."""
    idle = place.early[_IDLE]
    if isinstance(idle, str):
        raise NotTriedError(idle)
    looks = int(_IDLE_S / _LOOK_S)
    asked = "SELECT status FROM gv$session WHERE username = :1"
    while ("SNIPED",) not in place.dba.rows(asked, str(idle.username)):
        looks -= 1
        if looks <= 0:
            limit = place.dba.rows("SELECT value FROM v$parameter WHERE name = 'resource_limit'")
            raise NotTriedError(f"not ended within {_IDLE_S:.0f} s more; RESOURCE_LIMIT {limit}")
        place.pause(_LOOK_S)
    return _expect_lost(_error_of(lambda: idle.cursor().execute("SELECT 1 FROM dual")), "ORA-02396")


@CLAIMS.relied_on_by("services.writer.oracle.codes.verdict_of")
def standby(place: Place) -> str:
    """A database that is read-only as a whole, such as a standby, says ORA-16000."""
    # Where ORACLE_DSN is that of a database that takes writes, there is nothing to try.
    try:
        place.table()
    except NotTriedError as error:
        expect("ORA-16000" in str(error), str(error))
        expect(verdict_of("ORA-16000") is Verdict.TRANSIENT, "it is not waited for")
        return str(error)
    raise NotTriedError("this database takes writes: ask with the ORACLE_DSN of its standby")
