"""Claims that no probe tries, and why: so that the list is whole."""

from services.writer.conformance.claim import Claim, NotTriedError
from services.writer.conformance.place import Place


def _untried(name: str, text: str, relied_on_by: str, why: str) -> Claim[Place]:
    def probe(_place: Place) -> str:
        raise NotTriedError(why)

    return Claim(name, text, relied_on_by, probe)


CLAIMS: tuple[Claim[Place], ...] = (
    _untried(
        "out-of-band-break", "A break may be sent as TCP urgent data.",
        "services.writer.oracle.connections.connecting.connect",
        "the driver does not say how it breaks a call off: see call-timeout",
    ),
    _untried(
        "recover", "Backup files are recovered after check found the table sound.",
        "services.writer.recover.command.recover", "it needs Redis: `check`, then `recover`, where the writer runs",
    ),
)  # fmt: skip
