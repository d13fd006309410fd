"""Claims that no probe tries, and why: so that the list is whole."""

from services.writer.conformance.claim import Claim, NotTriedError
from services.writer.conformance.place import Place

_OTHERS_ACCOUNT = "it needs an account of its own that a DBA makes, limits and locks"


def _untried(name: str, text: str, relied_on_by: str, why: str) -> Claim[Place]:
    def probe(_place: Place) -> str:
        raise NotTriedError(why)

    return Claim(name, text, relied_on_by, probe)


_CODES = "services.writer.oracle.codes.verdict_of"

CLAIMS: tuple[Claim[Place], ...] = (
    _untried(
        "killed-session", "A session that a DBA kills, or that is past IDLE_TIME, is lost (ORA-00028, DPY-4011).",
        _CODES, _OTHERS_ACCOUNT,
    ),
    _untried(
        "sessions-per-user", "One session too many is refused (ORA-02391), the others work on.",
        "services.writer.oracle.connections.pool.Connections", _OTHERS_ACCOUNT,
    ),
    _untried(
        "account", "A wrong password, a locked account and an expired password each have a code of their own.",
        _CODES, f"a refused logon counts against the account; {_OTHERS_ACCOUNT}",
    ),
    _untried(
        "tablespace-full", "A full tablespace (ORA-01653, ORA-01688) is no row's fault, said of a row or of the call.",
        _CODES, "it needs a tablespace of 1 MB that a DBA makes",
    ),
    _untried(
        "read-only", "A database that is read-only says ORA-16000.",
        _CODES, "it needs a standby, or a database to close",
    ),
    _untried(
        "out-of-band-break", "A break may be sent as TCP urgent data.",
        "services.writer.oracle.connections.connecting.connect",
        "the driver does not say how it breaks a call off: see call-timeout",
    ),
    _untried(
        "recover", "Backup files are put back by recover, after check found the table sound.",
        "services.writer.recover.command.recover", "it needs Redis: `check`, then `recover`, where the writer runs",
    ),
)  # fmt: skip
