"""What the table must hold after a recorded file was replayed, and whether it does: value by value.

The expectation is made from the file here, by rules of its own, not by the code that replays it: a slip in that code
must show.
"""

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from math import isfinite
from pathlib import Path

from sandbox.harness.oracle import Cells, Row
from sandbox.plan import PlanError
from shared.models import stored_timestamp

#: What stands for "no value" in a column that is NOT NULL.
NO_VALUE_TEXT = "NULL"

#: Differences that are shown; the rest is counted.
SHOWN = 5

_INTEGER = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")

#: Integers that 64 bits hold; a longer one is kept as the text that it is, with all its digits.
_INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True)
class Recording:
    """A recorded file: what each of its cells must become in the table.

    `left_out`: lines that nobody can read, each with the reason. `restamped`: lines whose time is not after that of the
    line before; they are stored one microsecond after it, since the table's key allows each time once.
    """

    rows: int
    tags: int
    cells: Cells
    left_out: list[str]
    restamped: int


@dataclass
class Comparison:
    """How the table compares with the file. `examples` are for people."""

    equal: int = 0
    different: int = 0
    unexpected: int = 0
    missing: int = 0
    examples: list[str] = field(default_factory=list)


def read_recording(path: Path, plc: str) -> Recording:
    """Return what the table must hold once this file was replayed for this PLC.

    Raises: PlanError: there is nothing to replay; the text says why.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig", errors="replace")
    except OSError as error:
        raise PlanError(f"{path}: can't be read ({error.strerror})") from None
    header, *lines = [line.removesuffix("\r") for line in text.split("\n")]
    names = [name.strip() for name in next(csv.reader([header]), [])]
    if len(names) < 2 or names[0].lower() != "timestamp":
        raise PlanError(f"{path}: its first line must be the header: timestamp, then the tags' names")
    recording = _read_lines(plc, names[1:], lines)
    if not recording.rows:
        raise PlanError(f"{path}: there is no line to replay below the header {'; '.join(recording.left_out[:1])}")
    return recording


def _read_lines(plc: str, tags: list[str], lines: list[str]) -> Recording:
    # A column without a name, or whose name stands before, is nobody's.
    columns = {f"{plc}.{tag}": index for index, tag in reversed(list(enumerate(tags))) if tag}
    cells_wanted: Cells = {}
    left_out: list[str] = []
    last: datetime | None = None
    rows = restamped = 0
    for number, line in enumerate(lines, start=2):
        if not line.strip():
            continue
        try:
            moment, cells = _read_line(line, len(tags))
        except (ValueError, OverflowError, csv.Error) as error:
            left_out.append(f"line {number}: {error}")
            continue
        if last is not None and moment <= last:
            moment = last + timedelta(microseconds=1)
            restamped += 1
        last = moment
        rows += 1
        cells_wanted |= {(name, moment): stored_cell(cells[index]) for name, index in columns.items()}
    return Recording(rows, len(columns), cells_wanted, left_out, restamped)


def _read_line(line: str, tags: int) -> tuple[datetime, list[str]]:
    if "\N{REPLACEMENT CHARACTER}" in line:
        raise ValueError("it is not UTF-8")
    time_text, *cells = next(csv.reader([line], strict=True))
    if len(cells) != tags:
        raise ValueError(f"it has {len(cells) + 1} cells, the header has {tags + 1}")
    return stored_timestamp(time_text.strip()), cells


def stored_cell(cell: str) -> tuple[str, str]:
    """Return the text and the quality that a cell is stored with.

    >>> stored_cell("1.335972e+07"), stored_cell("")
    (('13359720.0', 'GOOD'), ('NULL', 'BAD'))
    """
    text = cell.strip()
    if not text or text.lower().lstrip("+-") in ("nan", "inf", "infinity"):
        return NO_VALUE_TEXT, "BAD"
    if _INTEGER.fullmatch(text):
        # More than 20 characters never fit, and int() refuses thousands of them.
        return (str(int(text)) if len(text) <= 20 and int(text) in _INT64 else cell), "GOOD"
    if _DECIMAL.fullmatch(text):
        return (repr(float(text)), "GOOD") if isfinite(float(text)) else (NO_VALUE_TEXT, "BAD")
    return cell, "GOOD"


def compare(recording: Recording, rows: Iterable[Row], *, cut_short: bool = False) -> Comparison:
    """Return how the table's rows compare with what the file says, cell by cell.

    Args: cut_short: the replay was ended before its end, so cells that are missing need no example.
    """
    result = Comparison()
    left = dict(recording.cells)
    for name, text, moment, quality in rows:
        wanted = left.pop((name, moment), None)
        if wanted is None:
            result.unexpected += 1
            _show(result, f"{name} at {moment}: {text!r} {quality} is not in the file")
        elif wanted != (text, quality):
            result.different += 1
            _show(result, f"{name} at {moment}: {text!r} {quality} in the table, {wanted[0]!r} {wanted[1]} in the file")
        else:
            result.equal += 1
    result.missing = len(left)
    for name, moment in islice(left, 0 if cut_short else SHOWN):
        _show(result, f"{name} at {moment}: in the file, not in the table")
    return result


def _show(result: Comparison, line: str) -> None:
    if len(result.examples) < SHOWN:
        result.examples.append(line)
