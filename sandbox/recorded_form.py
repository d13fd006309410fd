"""A recorded file of whatever form -> the one form that the poller replays, or what must be done to it first.

That form is UTF-8 with commas, `timestamp,<tag>,...`, a line for each time. A file that has it is taken as it is.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sandbox.plan import FORM_OPTIONS, PlanError, plc_code
from shared.foreign_csv.dialect import Dialect, DialectError, Said, find_dialect
from shared.foreign_csv.lines import Record, Records
from shared.foreign_csv.times import Times
from shared.models import stored_timestamp

#: How many of the first lines must begin with what may be a time.
_MOST = 0.9

#: Of a file that seems to have a value a line though its header does not say so: columns at most, and how many of its
#: lines repeat a time at least.
_FEW_COLUMNS, _REPEATED = 5, 0.3

#: What may be a time, of whatever form; letters are those of time zones and of halves of the day.
_TIMELIKE = re.compile(r"\d[\d\s./:,TZ+-]*(?:(?:AM|PM|오전|오후)[\d\s:.,]*)?", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?[\d.,]+([eE][+-]?\d+)?|")

_ONE_VALUE_A_LINE = (
    "Where it has one value a line, name its columns timestamp,tag_name,tag_value,quality; "
    "`python -m services.writer import` then puts it into a table"
)

Table = list[list[str]]


@dataclass(frozen=True)
class Played:
    """The file that is replayed, the PLC that it stands for, and what a person should know of how it was read."""

    path: Path
    plc: str
    notes: tuple[str, ...] = ()


def playable(path: Path, said: Said, directory: Path) -> Played:
    """Return what to replay for a recorded file: the file itself, or one made of it in `directory`.

    Raises: PlanError: it can't be read for certain; the text says why, and the remedy.
    """
    try:
        with path.open("rb") as file:
            dialect = find_dialect(file, said, _Fits(said.time_format), _value_columns)
            records = Records(file, dialect)
            found = list(records)
            records.detach()
        return _played(path, dialect, found, directory)
    except DialectError as error:
        remedy = f"Say which: DEMO_CSV_FORM='{error.option}={FORM_OPTIONS[error.option]}'" if error.option else ""
        raise PlanError(f"{path}: {error}. {remedy}".rstrip(" .")) from None
    except OSError as error:
        raise PlanError(f"{path}: can't be read ({error.strerror})") from None


def _played(path: Path, dialect: Dialect, records: Sequence[Record], directory: Path) -> Played:
    notes = [f"{path.name} is read as {dialect}"]
    if _is_long(dialect.header):
        plc, table = _of_long_form(dialect, records)
        notes.append("it has one value a line: its tags become columns")
    elif _is_plain(dialect, records):
        _check_plain(dialect, records)
        return Played(path, plc_code(path))
    else:
        plc, table = plc_code(path), _of_wide_form(dialect, records)
        first = dialect.header[0]
        notes += [f"its first column, {first!r}, is taken for the time"] if first.lower() != "timestamp" else []
    directory.mkdir(exist_ok=True)
    made = directory / f"{path.stem}.csv"
    with made.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(table)
    return Played(made, plc, tuple(notes))


class _Fits:
    """Tells whether cells are the header of a recording, by the lines below it."""

    def __init__(self, time_format: str | None) -> None:
        self._time_format = time_format

    def __call__(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> bool:
        if header[0].lower() == "timestamp" or _is_long(header):
            return True
        timely = sum(self._may_be_time(row[0]) for row in rows if row)
        return bool(rows) and not self._may_be_time(header[0]) and timely >= _MOST * len(rows)

    def _may_be_time(self, cell: str) -> bool:
        if self._time_format is None:
            return _TIMELIKE.fullmatch(cell.strip()) is not None
        try:
            Times(self._time_format).read(cell)
        except (ValueError, OverflowError):
            return False
        return True


def _is_long(header: Sequence[str]) -> bool:
    names = {name.lower() for name in header}
    return {"timestamp", "tag_value"} <= names and ("tag_name" in names or {"plc_code", "tag_address"} <= names)


def _value_columns(header: Sequence[str]) -> Iterator[int]:
    for place, name in enumerate(header):
        if (name.lower() == "tag_value") if _is_long(header) else place:
            yield place


def _is_plain(dialect: Dialect, records: Sequence[Record]) -> bool:
    """Tell whether the poller reads a file as it is. Lines that it can't read it leaves out by itself, and says so."""
    form = dialect.encoding.removesuffix("-sig"), dialect.delimiter, dialect.decimal, dialect.header[0].lower()
    times = [record.cells[0].strip() for record in records if record.cells]
    return form == ("utf-8", ",", "point", "timestamp") and dialect.times == Times() and any(map(_is_plain_time, times))


def _is_plain_time(text: str) -> bool:
    try:
        return stored_timestamp(text) is not None and ":" in text
    except (ValueError, OverflowError):
        return False


def _check_plain(dialect: Dialect, records: Sequence[Record]) -> None:
    """Raises: DialectError: something would be read as what it is not."""
    rows = [(record, record.cells) for record in records if record.cells and _is_plain_time(record.cells[0].strip())]
    for record, cells in rows:
        for cell in cells[1:]:
            if "," in cell:
                _value(dialect, record, cell)
    _check_times(dialect, [(record, stored_timestamp(cells[0].strip())) for record, cells in rows])


def _of_wide_form(dialect: Dialect, records: Sequence[Record]) -> Table:
    """Raises: DialectError."""
    times = [(record, _time(dialect, record, record.cells[:1])) for record in records]
    _check_times(dialect, times)
    _check_columns(dialect, records, len({moment for _, moment in times}))
    rows = [
        [_time_text(moment), *(_value(dialect, record, cell) for cell in record.cells[1:])] for record, moment in times
    ]
    return [["timestamp", *dialect.header[1:]], *rows]


def _of_long_form(dialect: Dialect, records: Sequence[Record]) -> tuple[str, Table]:
    """Return the PLC and the table. Raises: DialectError: no table of all tags at all times can be made of it."""
    place = {name.lower(): number for number, name in enumerate(dialect.header)}
    at: dict[datetime, dict[tuple[str, str], str]] = {}
    for record in records:
        moment = _time(dialect, record, record.cells[place["timestamp"] : place["timestamp"] + 1])
        cells = {name: record.cells[number].strip() for name, number in place.items()}
        name = cells.get("tag_name", "")
        plc, _, address = (
            name.partition(".") if "plc_code" not in place else (cells["plc_code"], "", cells["tag_address"])
        )
        value = _value(dialect, record, record.cells[place["tag_value"]])
        if cells.get("quality", "").upper() not in ("", "GOOD" if value.strip() else "BAD"):
            raise DialectError(
                f"line {record.line}: a replay has no qualities such as {cells['quality']!r}. {_ONE_VALUE_A_LINE}"
            )
        if not plc or not address:
            raise DialectError(f"line {record.line}: {name!r} is no PLC code, dot, address. {_ONE_VALUE_A_LINE}")
        if at.setdefault(moment, {}).setdefault((plc, address), value) != value:
            raise DialectError(f"line {record.line}: {plc}.{address} has two values at {moment}")
    tags = list(dict.fromkeys(tag for values in at.values() for tag in values))
    plcs = {plc for plc, _ in tags}
    if len(plcs) > 1 or any(len(values) < len(tags) for values in at.values()):
        why = f"of {len(plcs)} PLCs" if len(plcs) > 1 else "that have values at different times"
        raise DialectError(f"it holds tags {why}, which a replay can't. {_ONE_VALUE_A_LINE}")
    header = ["timestamp", *(address for _, address in tags)]
    return plcs.pop() if plcs else "", [header, *([_time_text(m), *(at[m][tag] for tag in tags)] for m in sorted(at))]


def _time(dialect: Dialect, record: Record, cell: Sequence[str]) -> datetime:
    if record.trouble is not None:
        raise DialectError(f"line {record.line}: {record.trouble}; mend it, or take the line out")
    try:
        return dialect.times.read(cell[0])
    except (ValueError, OverflowError) as error:
        raise DialectError(f"line {record.line}: {error}", "time_format") from None


def _value(dialect: Dialect, record: Record, cell: str) -> str:
    try:
        return dialect.value(cell)
    except ValueError as error:
        raise DialectError(f"line {record.line}: {error}", "decimal") from None


def _check_times(dialect: Dialect, times: Sequence[tuple[Record, datetime]]) -> None:
    """Raises: DialectError: times have lost their seconds."""
    seen: dict[datetime, int] = {}
    for record, moment in times:
        before = seen.setdefault(moment, record.line)
        if before != record.line and dialect.times.is_to_the_minute(record.cells[0]):
            raise DialectError(
                f"lines {before} and {record.line} have one time, {record.cells[0].strip()!r}, without seconds: "
                "save it with them (in Excel: cell format yyyy-mm-dd hh:mm:ss, then save as CSV again)"
            )


def _check_columns(dialect: Dialect, records: Sequence[Record], moments: int) -> None:
    """Raises: DialectError: it seems to have one value a line."""
    if len(dialect.header) > _FEW_COLUMNS or moments > (1 - _REPEATED) * len(records):
        return
    for place in range(1, len(dialect.header)):
        if not any(_NUMBER.fullmatch(record.cells[place].strip()) for record in records):
            raise DialectError(f"its times repeat, and {dialect.header[place]!r} holds no numbers. {_ONE_VALUE_A_LINE}")


def _time_text(moment: datetime) -> str:
    return moment.isoformat(sep=" ", timespec="microseconds")
