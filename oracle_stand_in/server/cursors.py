"""The cursors of a session: statements that its client may execute again by a number."""

from dataclasses import dataclass, field

from oracle_stand_in.data.binds import BindType
from oracle_stand_in.data.column_types import Column
from oracle_stand_in.engine.prepared import Prepared
from oracle_stand_in.errors import OracleError
from oracle_stand_in.protocol.auth import MAX_OPEN_CURSORS

#: a session cannot have more; ids are 16 bits wide
MAX_CURSOR_ID = 65_535


@dataclass
class Cursor:
    """A statement that the client may execute again by its number."""

    id: int
    prepared: Prepared
    bind_types: tuple[BindType, ...] = ()
    #: what the client was told about the columns, None before the first time
    described: list[Column] | None = None
    rows: list[bytes] = field(default_factory=list)
    sent: int = 0


class Cursors:
    """Those that are open."""

    def __init__(self) -> None:
        self._open: dict[int, Cursor] = {}
        self._last_id = 0

    def get(self, cursor_id: int) -> Cursor | None:
        """Return an open cursor."""
        return self._open.get(cursor_id)

    def cursor(self, cursor_id: int) -> Cursor:
        """Return an open cursor. Raises: OracleError: it is not open (ORA-01001)."""
        if cursor_id not in self._open:
            raise OracleError(1001)
        return self._open[cursor_id]

    def new_id(self) -> int:
        """Return a number that is free. Raises: OracleError: too many are open (ORA-01000)."""
        if len(self._open) >= MAX_OPEN_CURSORS:
            raise OracleError(1000)
        while True:
            self._last_id = self._last_id % MAX_CURSOR_ID + 1
            if self._last_id not in self._open:
                return self._last_id

    def keep(self, cursor: Cursor) -> None:
        """Have a cursor open."""
        self._open[cursor.id] = cursor

    def close(self, ids: list[int]) -> None:
        """Forget cursors; ids that are not known are ignored, as Oracle does."""
        for cursor_id in ids:
            self._open.pop(cursor_id, None)
