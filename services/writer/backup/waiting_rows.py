"""Rejected rows that no file could take: they wait in Redis, counted as rejected, until a file can be written.

A batch's settling puts them there in the same step (`shared/lua/settle.lua`). Any writer of the namespace puts them
into its own file. Who dies between the file and Redis does it again: a row may then stand in two files, never in none.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from services.writer.backup.csv_backup import CsvBackup
from services.writer.backup.format import NOT_A_VALUE
from shared.errors import AnswerTooLargeError
from shared.keys import Keys
from shared.models import Oversize
from shared.queues.lightening import lighten
from shared.redis.link import RedisLink

#: Rows that are put into a file at once: with the bound in bytes of all that wait, at most some MB.
ROWS_AT_ONCE = 200


def waiting_row(cells: Sequence[Any]) -> bytes:
    """Return the form in which a row of a rejected file waits in Redis."""
    return msgspec.json.encode(cells)


def file_waiting_rows(link: RedisLink, keys: Keys, rejects: CsvBackup) -> tuple[Path, int] | None:
    """Put the oldest of them into the rejected file; return that file and how many, None when none waits.

    Raises: RedisUnavailableError; BackupFailedError: they go on waiting.
    """
    try:
        raws: list[bytes] = link.command("LRANGE", keys.rejected_rows, 0, ROWS_AT_ONCE - 1)
    except AnswerTooLargeError:
        kept = lighten(link, keys.rejected_rows, most=ROWS_AT_ONCE)
        raws = link.command("LRANGE", keys.rejected_rows, 0, kept - 1)
    if not raws:
        return None
    path = rejects.append([waiting_cells(raw) for raw in raws])
    link.run("rows_filed", [keys.rejected_rows, keys.rejected_rows_bytes], raws)
    return path, len(raws)


def waiting_cells(raw: bytes) -> list[Any]:
    """Return a row's cells; what is no row of ours goes as text, or it would hold up all behind it."""
    try:
        return msgspec.json.decode(raw, type=list[str | None])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        cut = Oversize.of(raw)
        shown = (raw if cut is None else cut.head).decode(errors="backslashreplace")
        reason = error if cut is None else f"{cut.size_bytes:,} bytes, of which the beginning is kept"
        return ["", "", "", "", shown, "BAD", "", NOT_A_VALUE, f"not a row of a rejected file: {reason}"]
