"""A recording played again: a CSV file, at its own pace, N times as fast, or as fast as it is taken."""

import math
import unicodedata
from collections.abc import Generator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from services.poller.news import Tell, nobody
from services.poller.source import Reading, SourceError, SourceModel, TagSource
from services.poller.sources.csv_lines import Row, read_rows
from services.poller.sources.stamps import Stamper
from shared.logs import get_logger
from shared.texts import cut

#: Lines that are complained of one by one; the rest are counted.
MAX_COMPLAINTS = 20

#: Pause between two passes of a loop over a recording of one line.
_ONE_LINE_PAUSE = timedelta(seconds=1)

_log = get_logger()


class ReplayModel(SourceModel):
    """`type = "replay"`."""

    type: Literal["replay"]
    file: str = Field(min_length=1)
    timestamps: Literal["original", "now"] = "original"
    speed: float | Literal["max"] = 1.0
    loop: bool = False

    @field_validator("speed", mode="before")
    @classmethod
    def _number_or_max(cls, value: object) -> object:
        # Before pydantic's own check, which would complain once for each member of the union.
        number = isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < math.inf
        if number or value == "max":
            return value
        raise ValueError('use a number above 0 or "max"')

    def build(self, group: str, interval_s: float | None, directory: Path, tell: Tell = nobody) -> "Replay":
        """Return the recording; a relative path begins at the directory."""
        del tell
        return Replay(self, directory / self.file, group, interval_s)

    def polls_on_request(self) -> bool:
        """A recording has its own pace."""
        return False

    def default_plc_code(self) -> str | None:
        """Return what stands before the first underscore of the file's name: WELL-00004_20171031.csv -> WELL-00004.

        As it is typed: macOS writes each Hangul syllable of a name in its letters, and no query would find that.
        """
        return unicodedata.normalize("NFC", Path(self.file).stem.split("_")[0].strip()) or None

    def describe(self, interval_s: float | None, pace: str) -> str:
        """Return the file, the pace and the stamps."""
        if self.speed == "max":
            pace = "as fast as it is taken"
        elif self.timestamps == "now" and interval_s is not None:
            pace = f"a line every {interval_s * 1000 / self.speed:g} ms"
        else:
            pace = f"at {self.speed:g} times its speed"
        return f"replay of {self.file} {pace}, {'in a loop' if self.loop else 'once'}, {self.timestamps} timestamps"


class Replay(TagSource):
    """The recording of one polling group."""

    self_paced = True

    def __init__(self, model: ReplayModel, path: Path, group: str, interval_s: float | None) -> None:
        self._model = model
        self._path = path
        self._group = group
        self._interval_s = interval_s
        self._complaints = 0
        self._first_pass = True
        self._stamper = Stamper()
        self._readings: Generator[Reading] | None = None
        # As fast as it is taken: then it can wait, too.
        self.lossless = model.speed == "max"

    async def open(self) -> None:
        """Read up to the first good line, so that a file that is none is found out at once. Raises: SourceError."""
        next(read_rows(self._path, lambda _line, _reason: None), None)
        self._readings = self._play()

    async def read(self) -> Reading | None:
        """Return the next line's reading; None after the last.

        Raises: SourceError: the file can't be read any more, or there is nothing in it to loop over.
        """
        try:
            return next(self._readings, None) if self._readings is not None else None
        except SourceError:
            raise
        except Exception as error:
            # What is left can't be played: else the recording would seem to be at its end.
            raise SourceError(f"{self._path}: can't be played on: {type(error).__name__}: {cut(error)}") from error

    async def close(self) -> None:
        """Close the file."""
        if self._readings is not None:
            self._readings.close()
            self._readings = None

    def _play(self) -> Generator[Reading]:
        number, shift = 0, timedelta(0)
        begin: datetime | None = None
        while True:
            first: datetime | None = None
            latest: datetime | None = None
            gap = timedelta(0)
            for row in read_rows(self._path, self._complain):
                first, begin = first or row.timestamp, begin or row.timestamp
                if latest is not None and row.timestamp > latest:
                    gap = row.timestamp - latest
                latest = max(latest or row.timestamp, row.timestamp)
                yield self._reading(row, shift, begin, number)
                number += 1
            if self._first_pass and self._complaints > MAX_COMPLAINTS:
                more = self._complaints - MAX_COMPLAINTS
                _log.warning(f"Group '{self._group}': {self._path}: {more} more lines with faults")
            self._first_pass = False
            if not self._model.loop:
                return
            if first is None or latest is None:
                raise SourceError(f"{self._path}: no good line to loop over")
            # The next pass goes on where this one ended, a line's distance later.
            shift += latest - first + (gap or _ONE_LINE_PAUSE)

    def _reading(self, row: Row, shift: timedelta, begin: datetime, number: int) -> Reading:
        try:
            moment = row.timestamp + shift
            due_s = self._due_s(moment, begin, number)
            if self._model.timestamps == "now":
                return Reading(row.values, due_s=due_s)
            stamp = self._stamper.stamp(moment)
        except OverflowError:
            raise SourceError(f"{self._path}: line {row.line}: the times of the loop leave the calendar") from None
        if stamp != moment:
            self._complain(row.line, f"its time is not after the line before: stamped {stamp.isoformat()}")
        return Reading(row.values, timestamp=stamp, due_s=due_s)

    def _due_s(self, moment: datetime, begin: datetime, number: int) -> float | None:
        if self._model.speed == "max":
            return None
        if self._model.timestamps == "now" and self._interval_s is not None:
            return number * self._interval_s / self._model.speed
        return (moment - begin).total_seconds() / self._model.speed

    def _complain(self, line: int, reason: str) -> None:
        """Log a line that is left out or changed; a loop says it once."""
        if not self._first_pass:
            return
        self._complaints += 1
        if self._complaints <= MAX_COMPLAINTS:
            _log.warning(f"Group '{self._group}': {self._path}: line {line}: {reason}")
