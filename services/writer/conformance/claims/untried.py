"""Claims that no probe tries, and why: so that the list is whole."""

from services.writer.conformance.claim import Claims, NotTriedError
from services.writer.conformance.place import Place

CLAIMS = Claims[Place]()


@CLAIMS.relied_on_by("services.writer.recover.command.recover")
def recover(_place: Place) -> str:
    """Backup files are recovered after check found the table sound."""
    raise NotTriedError("it needs Redis: `check`, then `recover`, where the writer runs")
