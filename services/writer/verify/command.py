"""The command `verify`: what the table holds against what should be there, and who knows of the rest."""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic

from rich.console import Console

from services.writer.leave import close_and_leave
from services.writer.oracle.minutes import Minute, Span, read_minutes
from services.writer.oracle.oracle_sink import OracleSink
from services.writer.settings import WriterSettings
from services.writer.sink import SinkError
from services.writer.verify.causes import RedisCauses
from services.writer.verify.files import GapsByTag, explain_by_files
from services.writer.verify.gaps import Judge, Rhythm
from services.writer.verify.period import table_time
from services.writer.verify.report import Verdict, show
from shared.errors import RedisUnavailableError, SettingsError
from shared.keys import Keys
from shared.lifecycle import StopFlag, stop_on_signals
from shared.redis.link import RedisLink

#: Exit status: nothing is missing, or all of it is explained; something is not, or nothing could be judged; a signal.
WELL, UNEXPLAINED, INTERRUPTED = 0, 1, 130

#: Time that is read before the one asked for: what came last before it.
LEAD = timedelta(minutes=10)

#: Time from whose rows the rhythm is learned: at the beginning, in the middle and at the end.
SAMPLE = timedelta(minutes=20)

#: Minutes of tags that one query should bring, and the time that it covers: at first, at least and at most.
WANTED_MINUTES = 50_000
FIRST_SPAN, LEAST_SPAN, MOST_SPAN = timedelta(minutes=10), timedelta(minutes=1), timedelta(hours=6)

#: Milliseconds that one query may take.
_QUERY_MS = 600_000

#: Seconds between two words of how far it is, where there is no terminal.
_SAY_EVERY_S = 5.0

#: How many times as long as its group's interval a tag must take to be thinned out, and how near that is to a whole
#: number of times.
_THINNED, _NEAR_WHOLE = 1.8, 0.1


@dataclass(frozen=True)
class Question:
    """What a person wants to know."""

    begin: str
    end: str
    plcs: Sequence[str] = ()
    interval_s: float | None = None  #: None: learned from the rows, and from the polling groups
    as_json: bool = False


class _Stopped(Exception):  # noqa: N818 - not an error: the way out of a long look
    """A person does not want to wait for the end."""


def verify(settings: WriterSettings, question: Question) -> int:
    """Look, print what was found, and return the exit status."""
    sink = OracleSink(settings)
    zone, now = settings.source_zone, datetime.now(UTC)
    try:
        begin, end = (table_time(text, zone, now) for text in (question.begin, question.end))
    except ValueError as error:
        raise SettingsError([str(error)]) from error
    if begin >= end:
        what = f"--from {question.begin} ({begin:%F %T}) is not before --to {question.end} ({end:%F %T})"
        raise SettingsError([what])
    with stop_on_signals() as stop:
        try:
            verdict = Verification(settings, sink, question, (begin, end), stop).verdict()
        except SinkError as error:
            raise SettingsError([f"Oracle: {error}. `check` finds the cause"]) from error
        except _Stopped:
            close_and_leave(sink, INTERRUPTED)
            return INTERRUPTED
    if question.as_json:
        print(json.dumps(verdict.as_fields(), ensure_ascii=False, indent=2))  # noqa: T201 - what was asked for
    else:
        show(verdict)
    status = UNEXPLAINED if verdict.unexplained or verdict.without_rows else WELL
    sys.stdout.flush()
    close_and_leave(sink, status)
    return status


class Verification:
    """One run: learn how often each tag comes, find what is missing, ask who knows of it."""

    def __init__(
        self, settings: WriterSettings, sink: OracleSink, question: Question, period: Span, stop: StopFlag
    ) -> None:
        self._settings = settings
        self._sink = sink
        self._question = question
        self._begin, self._end = period
        self._zone = settings.source_zone
        self._separator = sink.table.separator
        self._stop = stop
        self._progress = Progress()
        self._notes: list[str] = []

    def verdict(self) -> Verdict:
        """Return what was found. Raises: SinkError, _Stopped."""
        self._sink.inspect()
        if self._sink.table_warning is not None:
            self._notes.append(f"{self._sink.table_warning}; here each counts once")
        causes = list(self._partitions())
        judge = Judge(self._intervals(causes), self._begin, self._end, self._zone)
        for minutes in self._minutes(self._begin - LEAD, self._end):
            judge.see(minutes)
        judge.finish()
        self._explain(judge, causes)
        self._progress.end()
        return Verdict(
            table=self._sink.target.table or self._settings.oracle_table,
            time_zone=self._settings.source_time_zone,
            separator=self._separator,
            judge=judge,
            without_rows=self._without_rows(judge),
            notes=self._notes,
        )

    def _without_rows(self, judge: Judge) -> list[str]:
        """Return the PLCs asked for of which nothing was there to be judged."""
        if not self._question.plcs:
            return [] if judge.seen else ["any PLC"]
        tags = tuple(judge.seen)
        return [plc for plc in self._question.plcs if not any(tag.startswith(plc + self._separator) for tag in tags)]

    def _intervals(self, causes: Iterable[RedisCauses]) -> Mapping[str, float | None]:
        length = self._end - self._begin
        if length <= 3 * SAMPLE:
            spans = [(self._begin - LEAD, self._end)]
        else:
            begins = (self._begin - LEAD, self._begin + (length - SAMPLE) / 2, self._end - SAMPLE)
            spans = [(begin, begin + SAMPLE) for begin in begins]
        rhythm = Rhythm(self._zone, len(spans))
        for begin, end in spans:
            for minutes in self._minutes(begin, end):
                rhythm.see(minutes)
            rhythm.next_sample()
        learned = rhythm.intervals()
        if self._question.interval_s is not None:
            return dict.fromkeys(learned, self._question.interval_s)
        return as_configured(learned, self._groups(causes), self._separator)

    def _groups(self, causes: Iterable[RedisCauses]) -> dict[str, float]:
        """Return the interval of each PLC of which only one polling group is known."""
        found: dict[str, list[float | None]] = {}
        for one in causes:
            with suppress(RedisUnavailableError):  # said where the causes are asked for
                for plc_code, interval_s in one.intervals():
                    found.setdefault(plc_code, []).append(interval_s)
        return {plc: interval for plc, (interval, *others) in found.items() if interval and not others}

    def _minutes(self, begin: datetime, end: datetime) -> Iterator[list[Minute]]:
        """Yield what the table holds, in pieces that follow each other."""
        at, span = begin, FIRST_SPAN
        while at < end:
            if self._stop.is_set():
                raise _Stopped
            self._progress.say(f"Reading {at:%Y-%m-%d %H:%M}, up to {end:%Y-%m-%d %H:%M}")
            until = min(end, at + span)
            with self._sink.connection() as connection:
                connection.call_timeout = _QUERY_MS
                has_doubles = self._sink.table_warning is not None
                plcs = self._question.plcs
                minutes = read_minutes(connection, self._sink.table, (at, until), plcs, has_doubles=has_doubles)
            yield minutes
            at = until
            if len(minutes) > WANTED_MINUTES:
                span = max(LEAST_SPAN, span / 2)
            elif len(minutes) < WANTED_MINUTES / 4:
                span = min(MOST_SPAN, span * 2)

    def _explain(self, judge: Judge, causes: Sequence[RedisCauses]) -> None:
        gaps = GapsByTag(judge.gaps, self._separator, self._sink.lacking)
        if judge.gaps:
            explain_by_files(self._settings.backup_dir, gaps, self._progress.say, self._notes.append)
        for number, one in enumerate(causes):
            try:
                gaps.explain(one.waiting_rows(), "rejected rows in Redis: they wait for a file that can be written")
                for cause in one.all():
                    for gap in gaps.of(cause.tags):
                        cause.explain(gap)
                self._notes += one.notes
            except RedisUnavailableError as error:
                where = f" of partition {number}" if len(causes) > 1 else ""
                self._notes.append(f"Redis{where} can't be read, nobody knows what is on its way, or lost: {error}")
        if judge.gaps:
            with suppress(RedisUnavailableError):
                self._notes += [note for one in causes for note in one.files_elsewhere(self._settings.backup_dir)]

    def _partitions(self) -> Iterator[RedisCauses]:
        for number in range(self._settings.partitions):
            settings = self._settings.in_partition(number)
            link = RedisLink.of(settings, "tagpipe-verify")
            yield RedisCauses(link, Keys(settings.namespace), self._zone, self._begin, self._separator)


def as_configured(
    learned: Mapping[str, float | None], groups: Mapping[str, float], separator: str
) -> dict[str, float | None]:
    """Return how often each tag should come: as learned, but for those of which a polling group knows better.

    >>> as_configured({"P.a": 2.0, "P.b": 1.01, "Q.c": None, "R.d": 5.0}, {"P": 1.0, "Q": 60.0}, ".")
    {'P.a': 1.0, 'P.b': 1.01, 'Q.c': 60.0, 'R.d': 5.0}
    """
    expected: dict[str, float | None] = {}
    for tag, interval_s in learned.items():
        of_group = next((groups[plc] for plc in _plcs(tag, separator) if plc in groups), None)
        if of_group is not None and interval_s is not None:
            times = interval_s / of_group
            is_thinned = times >= _THINNED and abs(times - round(times)) <= _NEAR_WHOLE * times
            expected[tag] = of_group if is_thinned else interval_s
        else:
            expected[tag] = interval_s if interval_s is not None else of_group
    return expected


def _plcs(tag: str, separator: str) -> Iterator[str]:
    """Yield what may be the PLC of a tag: what stands before any separator."""
    place = tag.find(separator)
    while place > 0:
        yield tag[:place]
        place = tag.find(separator, place + 1)


class Progress:
    """Says on standard error how far it is: on one line of a terminal, else every few seconds."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._status = self._console.status("") if self._console.is_terminal else None
        self._next_at = monotonic() + _SAY_EVERY_S
        if self._status is not None:
            self._status.start()

    def say(self, text: str) -> None:
        """Say it, if it is time to."""
        if self._status is not None:
            self._status.update(text)
        elif monotonic() >= self._next_at:
            self._next_at = monotonic() + _SAY_EVERY_S
            self._console.print(text, markup=False)

    def end(self) -> None:
        """Clear the line."""
        if self._status is not None:
            self._status.stop()
