"""Who plays a sink on trial: the scripted one of the unit tests, and Oracle, each with the trouble it may be in."""

from datetime import datetime
from typing import Protocol

import msgspec

from oracle_stand_in.faults.control import OracleControl
from services.writer.oracle.oracle_sink import OracleSink
from services.writer.sink import RowError, Sink, SinkError, Verdict
from shared.models import TagValue
from tests.fakes import AnswerLost, ScriptedSink, tag_values
from tests.oracle_target import OracleTarget

#: tag name and timestamp -> value as text (None: no value) and quality.
Stored = dict[tuple[str, datetime], tuple[str | None, str]]


class Stage(Protocol):
    """A sink over an empty table, and what may befall it: until `mend`, or for the `next` write alone."""

    @property
    def sink(self) -> Sink:
        """The sink on trial."""

    def stored(self) -> Stored:
        """Return what the table holds, whatever trouble there is."""

    def lose_next_answer(self) -> None:
        """Store the next batch and lose the answer."""

    def fail_next(self, verdict: Verdict) -> None:
        """Fail the next write as a whole; nothing of it is stored."""

    def refuse_every_row(self) -> None:
        """Refuse each row with what would be a row's fault, as a table does that lacks a partition."""

    def refuse_the_logon(self) -> None:
        """Let nobody in with these credentials."""

    def go_away(self) -> None:
        """Be out of reach."""

    def fall_silent(self) -> None:
        """Be reachable and answer nothing, neither on the connections there are nor on new ones."""

    def mend(self) -> None:
        """End all trouble."""


class ScriptedStage:
    """The sink of the unit tests."""

    def __init__(self) -> None:
        self.sink = ScriptedSink()

    def stored(self) -> Stored:
        return {(v.tag_name, v.timestamp): (v.tag_value, v.quality) for v in self.sink.stored}

    def lose_next_answer(self) -> None:
        self.sink.steps.append(AnswerLost(SinkError("LOST", "lost", Verdict.CONNECTION_LOST)))

    def fail_next(self, verdict: Verdict) -> None:
        self.sink.steps.append(SinkError("FAILED", "failed", verdict))

    def refuse_every_row(self) -> None:
        self.sink.steps.append(
            lambda values: [RowError(n, "PARTITION", "none", Verdict.CONFIGURATION) for n in range(len(values))]
        )

    def refuse_the_logon(self) -> None:
        self.sink.trouble = SinkError("PASSWORD", "wrong", Verdict.CREDENTIALS)

    def go_away(self) -> None:
        self.sink.trouble = SinkError("AWAY", "nobody is there", Verdict.TRANSIENT)

    def fall_silent(self) -> None:
        self.sink.trouble = SinkError("SILENT", "no answer in time", Verdict.TRANSIENT)

    def mend(self) -> None:
        self.sink.trouble = None
        self.sink.steps.clear()


#: What the real sink takes for each verdict.
_ORA_CODES = {Verdict.SPACE: 1653, Verdict.TRANSIENT: 60, Verdict.CONNECTION_LOST: 3113, Verdict.CONFIGURATION: 942}

#: ORA-14400: inserted partition key does not map to any partition.
_NO_PARTITION = 14400


class OracleStage:
    """The real sink with the real driver, over the Oracle of the tests."""

    def __init__(self, oracle: OracleTarget, faults: OracleControl, table: str) -> None:
        self._oracle, self._faults, self._table = oracle, faults, table
        self.sink = OracleSink(oracle.settings(table))

    def stored(self) -> Stored:
        found = self._oracle.cells(self._table).items()
        return {
            (name, moment): (None if text == "NULL" else str(text), quality)
            for (name, moment), (text, quality) in found
            if isinstance(moment, datetime)
        }

    def lose_next_answer(self) -> None:
        self._faults.lose_reply_after_commit(1)

    def fail_next(self, verdict: Verdict) -> None:
        self._faults.fail_next(1, ora_code=_ORA_CODES[verdict], verb="INSERT")

    def refuse_every_row(self) -> None:
        self._faults.refuse_rows(_NO_PARTITION, table=self._table)

    def refuse_the_logon(self) -> None:
        self._faults.fail_logons(1017)
        self._faults.cut_sessions()

    def go_away(self) -> None:
        self._faults.stop_listening("rst")

    def fall_silent(self) -> None:
        self._faults.hang_new_connections()
        self._faults.hang_calls("before")

    def mend(self) -> None:
        self._faults.reset()


def unfit() -> TagValue:
    """Return a value that no table of the project can hold."""
    return msgspec.structs.replace(tag_values(1)[0], tag_address="TOO-LONG", tag_value="x" * 300)
