"""`GET /api/rejections`: what was rejected, by code, with the newest examples; the same as CSV. No I/O."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Self

from pydantic import Field

from services.monitor.api.answers.schemas import Answer, Count, moment_if_known
from services.monitor.assess.humanize import moment
from services.monitor.read.overview import Overview
from services.monitor.read.rejected import RejectedOfCode
from shared.counters import Counter
from shared.records.files import REJECTED_HEADER, FileKind
from shared.records.rejected import Rejected, RejectedExample

#: Examples that an answer shows of each code; the downloads hold all that are kept.
EXAMPLES_SHOWN = 50

#: The columns of the download of messages and tags.
MESSAGE_COLUMNS = (
    "at", "kind", "code", "reason", "consumer", "tag", "tags", "message", "size_bytes", "can_retry", "id",
)  # fmt: skip

#: How a formula begins, in whatever language (the full-width forms among them); and what begins so and is none.
_FORMULA = re.compile("^[\\s]*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


class RejectedRow(Answer):
    """One row that Oracle refused."""

    id: str = Field(description="By which it can be retried or set aside", examples=["9f86d081884c7d65"])
    at: datetime = Field(description="When it was refused, UTC", examples=["2025-11-02T14:30:52Z"])
    file: str | None = Field(
        description="The file that has it; null: it waited in Redis for one", examples=["rejected_20251102_143052.csv"]
    )
    reason: str = Field(description="Oracle's text", examples=["ORA-12899: value too large for column"])
    tag_name: str | None = Field(description="Tag; null where the row is too long to be shown", examples=["PLC01.D100"])
    timestamp: str | None = Field(
        description="Collection time, as the file has it", examples=["2025-11-02 14:30:51.500000"]
    )
    tag_value: str | None = Field(description="Value, as the file has it", examples=["12.5"])
    quality: str | None = Field(description="Quality, as the file has it", examples=["GOOD"])

    @classmethod
    def of(cls, example: RejectedExample) -> Self:
        """Return an example of a row as it is answered."""
        cells = dict(zip(REJECTED_HEADER, example.cells, strict=False))
        names = ("tag_name", "timestamp", "tag_value", "quality")
        return cls.like(example, at=moment(example.at), **{name: cells.get(name) for name in names})


class RejectedMessage(Answer):
    """One message that nobody understood, or the tags of one that can't be values."""

    id: str = Field(description="By which it can be retried or dropped", examples=["9f86d081884c7d65"])
    at: datetime = Field(description="When it was refused, UTC", examples=["2025-11-02T14:30:52Z"])
    reason: str = Field(description="Why", examples=["the time can't be read: 'yesterday'"])
    consumer: str | None = Field(description="Who refused it", examples=["plant-1"])
    tag: str | None = Field(description="Of tags: the address of the first", examples=["D100"])
    tags: Count | None = Field(description="How many", examples=[1])
    message: str | None = Field(description="Its beginning", examples=['{"plc_code": "PLC01"...'])
    size_bytes: Count | None = Field(description="Its size, in bytes", examples=[80])
    can_retry: bool = Field(description="Whether all of it is kept", examples=[True])


class _Group(Answer):
    """What all of one code have in common."""

    code: str = Field(description="Oracle's code, or ours; OTHER: counted without one", examples=["ORA-12899"])
    count: Count = Field(description="How many ever, exactly", examples=[10])
    first_at: datetime | None = Field(description="The first, UTC; null where nobody told", examples=[None])
    last_at: datetime | None = Field(description="The last, UTC", examples=["2025-11-02T14:30:52Z"])
    kept: Count = Field(description="Examples that are kept: what the download holds", examples=[10])


class RejectedRows(_Group):
    """All rows refused with one code."""

    again: Count = Field(description="Refused again, when their file was recovered; not in `count`", examples=[0])
    examples: list[RejectedRow] = Field(description=f"The newest, {EXAMPLES_SHOWN} at most", examples=[[]])


class RejectedMessages(_Group):
    """All messages, or all tags, refused with one code."""

    kind: str = Field(description="message, or tag: of a message that was understood otherwise", examples=["tag"])
    examples: list[RejectedMessage] = Field(description=f"The newest, {EXAMPLES_SHOWN} at most", examples=[[]])


class RejectedFile(Answer):
    """A file of rejected rows that waits for a person."""

    name: str = Field(description="File name in BACKUP_DIR", examples=["rejected_20251102_143052.csv"])
    rows: Count = Field(description="Rows in it", examples=[10])
    state: str = Field(description="As in /api/backups", examples=["waiting"])
    host: str | None = Field(description="Host that has it", examples=["plant-1"])
    directory: str | None = Field(description="Its directory there", examples=["/var/lib/tagpipe/backup"])


class Rejections(Answer):
    """What was rejected and why."""

    rows: list[RejectedRows] = Field(description="Rows by code, the most frequent first", examples=[[]])
    messages: list[RejectedMessages] = Field(
        description="Messages and tags by code, the most frequent first", examples=[[]]
    )
    files: list[RejectedFile] = Field(description="Where the rows are, the newest first", examples=[[]])
    rows_rejected: Count = Field(description="Of the ledger: all rows ever", examples=[10])
    rows_waiting: Count = Field(description="Of these, those that wait in Redis for a file", examples=[0])
    rows_dropped: Count = Field(description="Of these, those lost: too many waited", examples=[0])
    messages_rejected: Count = Field(description="Messages ever", examples=[2])
    tags_rejected: Count = Field(description="Tags ever, of other messages", examples=[3])
    entries_waiting: Count = Field(description="Messages and tags on the rejected list now", examples=[4])
    entries_dropped: Count = Field(description="Those dropped from it: it has bounds, or a person did", examples=[0])
    entries_retried: Count = Field(description="Those put back on the DataQueue", examples=[1])
    downloads: list[str] = Field(
        description="The examples as CSV", examples=[["/api/rejections/rows.csv", "/api/rejections/messages.csv"]]
    )


def rejections(overview: Overview) -> Rejections:
    """Return what was rejected, with the newest examples of each code."""
    ledger = overview.ledger
    return Rejections(
        rows=[
            RejectedRows.like(
                found,
                **_group(found),
                examples=[RejectedRow.of(example) for example in found.examples[:EXAMPLES_SHOWN]],
            )
            for found in _of_rows(overview)
        ],
        messages=[
            RejectedMessages.like(
                found,
                **_group(found),
                kind=found.what,
                examples=[
                    RejectedMessage.like(example, at=moment(example.at)) for example in found.examples[:EXAMPLES_SHOWN]
                ],
            )
            for found in _of_messages(overview)
        ],
        files=[RejectedFile.like(file, name=name) for name, file in overview.files_waiting(FileKind.REJECTED).items()],
        rows_rejected=ledger[Counter.REJECTED],
        rows_waiting=ledger.rejected_rows_waiting,
        rows_dropped=ledger[Counter.ROWS_DROPPED],
        messages_rejected=ledger[Counter.MESSAGES_REJECTED],
        tags_rejected=ledger[Counter.TAGS_REJECTED],
        entries_waiting=ledger.rejected_messages_kept,
        entries_dropped=ledger[Counter.REJECTED_DROPPED],
        entries_retried=ledger[Counter.REJECTED_RETRIED],
        downloads=["/api/rejections/rows.csv", "/api/rejections/messages.csv"],
    )


def rows_csv(overview: Overview, code: str | None, *, spreadsheet: bool) -> bytes:
    """Return the rows that are kept, oldest first, as a file of rejected rows has them.

    spreadsheet: what a spreadsheet would take for a formula has an apostrophe before it; else the cells are exact.
    """
    cells = (
        example.cells
        for found in _of_rows(overview)
        if code in (None, found.code)
        for example in reversed(found.examples)
        if example.cells
    )
    return _csv(REJECTED_HEADER, cells, spreadsheet=spreadsheet)


def messages_csv(overview: Overview, code: str | None, *, spreadsheet: bool) -> bytes:
    """Return the messages and tags that are kept, oldest first; `spreadsheet` as for rows."""
    cells = (
        _message_cells(found, example)
        for found in _of_messages(overview)
        if code in (None, found.code)
        for example in reversed(found.examples)
    )
    return _csv(MESSAGE_COLUMNS, cells, spreadsheet=spreadsheet)


def harmless(cell: str) -> str:
    """Return a cell that no spreadsheet runs.

    Source: OWASP, CSV Injection.
    >>> harmless("=1+1"), harmless("-1.5"), harmless("plain")
    ("'=1+1", '-1.5', 'plain')
    """
    return f"'{cell}" if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell) else cell


def _of_rows(overview: Overview) -> Iterator[RejectedOfCode]:
    return (found for found in overview.rejected if found.what is Rejected.ROW)


def _of_messages(overview: Overview) -> Iterator[RejectedOfCode]:
    return (found for found in overview.rejected if found.what is not Rejected.ROW)


def _group(found: RejectedOfCode) -> dict[str, Any]:
    return {
        "first_at": moment_if_known(found.first_at),
        "last_at": moment_if_known(found.last_at),
        "kept": len(found.examples),
    }


def _message_cells(found: RejectedOfCode, example: RejectedExample) -> Sequence[str]:
    cells = (
        moment(example.at).isoformat(), found.what, found.code, example.reason, example.consumer, example.tag,
        example.tags, example.message, example.size_bytes, str(example.can_retry).lower(), example.id,
    )  # fmt: skip
    return ["" if cell is None else str(cell) for cell in cells]


def _csv(header: Sequence[str], rows: Iterable[Sequence[str]], *, spreadsheet: bool) -> bytes:
    text = io.StringIO(newline="")
    # Quoted all: a lone carriage return would else end a line for some readers.
    writer = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    text.write(",".join(header) + "\n")
    writer.writerows([harmless(cell) for cell in row] if spreadsheet else row for row in rows)
    return text.getvalue().encode()
