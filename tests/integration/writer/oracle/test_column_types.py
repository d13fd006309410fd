"""Tables whose columns are of other types: what the real driver and the sink make of a value, and of its redelivery."""

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import msgspec
import pytest

from services.writer.check.command import Checks
from services.writer.check.findings import Finding, Status
from services.writer.oracle.oracle_sink import OracleSink
from services.writer.sink import CONFLICT, BatchOutcome, SinkError, Verdict
from shared.models import TagValue
from tests.fakes import tag_values
from tests.oracle_target import OracleTarget

EMOJI = "🌡"
VALUE, KEY_TIME, NAME = (
    "tag_value VARCHAR2(255) NOT NULL",
    "timestamp TIMESTAMP(6)  NOT NULL",
    "tag_name  VARCHAR2(100) NOT NULL",
)


def ends(outcome: BatchOutcome) -> tuple[int, int, int, int]:
    """Return how many were written, duplicates, rejected, kept."""
    return outcome.written, len(outcome.duplicates), len(outcome.rejected), len(outcome.kept)


@contextmanager
def zone(name: str) -> Iterator[None]:
    """The driver sets a session's zone to that of its process."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = name
    time.tzset()
    try:
        yield
    finally:
        os.environ.pop("TZ") if before is None else os.environ.update(TZ=before)
        time.tzset()


@contextmanager
def sink_on(oracle: OracleTarget, column: str, declared: str) -> Iterator[OracleSink]:
    """A sink on a table with one column declared otherwise."""
    ddl = {"tag_value": VALUE, "timestamp": KEY_TIME, "tag_name": NAME}[column]
    with oracle.table(changes=((ddl, declared),)) as name:
        sink = OracleSink(oracle.settings(name))
        yield sink
        sink.close()


def with_text(text: str | None, seconds: int = 0) -> TagValue:
    value = tag_values(1)[0]
    return msgspec.structs.replace(value, tag_value=text, timestamp=value.timestamp + timedelta(seconds=seconds))


def stored(oracle: OracleTarget, sink: OracleSink, column: str = "tag_value") -> list[object]:
    return [row[0] for row in oracle.query(f"SELECT {column} FROM {sink.table.table} ORDER BY timestamp")]


def findings(oracle: OracleTarget, sink: OracleSink) -> dict[str, Finding]:
    checks = Checks(oracle.settings(sink.table.table), sink, leave_row=False)
    return {finding.check: finding for finding in checks.of_oracle()}


#: column type -> texts, what the table then holds
VALUES: dict[str, tuple[Sequence[str | None], Sequence[object]]] = {
    "NUMBER(10,2)": (("12.345", "-12.345", "0.004", "99999999.99"), (12.35, -12.35, 0, 99999999.99)),
    "NUMBER(5)": (("0.5", "99999.4"), (1, 99999)),
    "NUMBER": (("1e-150", "-1e-131", "4.9e-324", "1e-129", "12.345", None), (0, 0, 0, 1e-129, 12.345, None)),
    "FLOAT(10)": (("12.3456", "0.12344"), (12.35, 0.1234)),
    "BINARY_DOUBLE": (("0.1", "1e-150", "1e300", "-0.0"), (0.1, 1e-150, 1e300, 0.0)),
    "BINARY_FLOAT": (("0.1", "1e-50", "16777217", "-0.0"), (0.10000000149011612, 0.0, 16777216.0, 0.0)),
    "NVARCHAR2(4) NOT NULL": ((EMOJI * 2, "온도 é", "abcd"), (EMOJI * 2, "온도 é", "abcd")),
    "CHAR(6) NOT NULL": (("ab", "온도", "abcdef"), ("ab    ", "온도", "abcdef")),
    "NCHAR(6) NOT NULL": (("ab", EMOJI), ("ab    ", EMOJI + "    ")),
    "VARCHAR2(4 CHAR) NOT NULL": ((EMOJI * 4, "1"), (EMOJI * 4, "1")),
}


@pytest.mark.parametrize("declared", VALUES)
def test_what_a_column_changes_without_a_word_is_a_duplicate_when_it_comes_again(
    oracle: OracleTarget, declared: str
) -> None:
    """Kind: looked up by what was sent, where the table holds what it made of it: a false conflict each time."""
    texts, held = VALUES[declared]
    values = [with_text(text, seconds) for seconds, text in enumerate(texts)]
    with sink_on(oracle, "tag_value", f"tag_value {declared}") as sink:
        assert ends(sink.write(values)) == (len(values), 0, 0, 0)
        assert stored(oracle, sink) == list(held)
        assert ends(sink.write(values)) == (0, len(values), 0, 0)
        other = [msgspec.structs.replace(value, tag_value="7") for value in values]
        outcome = sink.write(other)
        assert ends(outcome) == (0, 0, len(values), 0)
        assert {error.code for error in outcome.rejected} == {CONFLICT}


@pytest.mark.parametrize(
    ("declared", "fits", "too_long"),
    [
        ("NVARCHAR2(4)", EMOJI * 2, EMOJI * 2 + "x"),
        ("NVARCHAR2(4)", "온도온도", "온도온도x"),
        ("VARCHAR2(8)", EMOJI * 2, "온도온"),
        ("CHAR(8)", EMOJI * 2, EMOJI * 2 + "x"),
    ],
)
def test_a_text_too_long_for_its_column_costs_itself_alone(
    oracle: OracleTarget, declared: str, fits: str, too_long: str
) -> None:
    """Kind: a length in a unit that is not the column's: NVARCHAR2 counts UTF-16 units, VARCHAR2 bytes."""
    with sink_on(oracle, "tag_value", f"tag_value {declared} NOT NULL") as sink:
        outcome = sink.write([with_text(fits, 1), with_text(too_long, 2), with_text("7", 3)])
        assert ends(outcome) == (2, 0, 1, 0)
        assert [error.code for error in outcome.rejected] == ["TOO_LONG"]
        assert str(stored(oracle, sink)[0]).rstrip() == fits


def test_a_number_too_large_for_a_binary_float_is_no_infinity(oracle: OracleTarget) -> None:
    """Kind: a value changed without a word. 1e39 was stored as infinity."""
    with sink_on(oracle, "tag_value", "tag_value BINARY_FLOAT") as sink:
        outcome = sink.write([with_text("1e39", 1), with_text("-3.5e38", 2), with_text("3.4e38", 3)])
        assert ends(outcome) == (1, 0, 2, 0)
        assert stored(oracle, sink) == [pytest.approx(3.4e38)]


@pytest.mark.parametrize("declared", ["CHAR(40)", "NCHAR(40)", "NVARCHAR2(40)"])
def test_a_key_of_another_text_type_is_found_again(oracle: OracleTarget, declared: str) -> None:
    """Kind: a key is looked up by what was sent; a CHAR holds it with blanks and compares it with those."""
    with sink_on(oracle, "tag_name", f"tag_name {declared} NOT NULL") as sink:
        values = tag_values(20)
        assert ends(sink.write(values)) == (20, 0, 0, 0)
        changed = [msgspec.structs.replace(value, tag_value="7") for value in values[:5]]
        assert ends(sink.write([*changed, *values[5:]])) == (0, 15, 5, 0)
        assert sink.lookup(values[:1]) == [("1.5", "GOOD")]


@pytest.mark.parametrize("name", ["UTC", "Asia/Seoul", "America/St_Johns"])
def test_a_key_in_the_local_time_zone_is_found_again_in_any_zone(oracle: OracleTarget, name: str) -> None:
    """Kind: a conflict taken for a duplicate. The driver shows such times as the database's clocks do."""
    with zone(name), sink_on(oracle, "timestamp", "timestamp TIMESTAMP(6) WITH LOCAL TIME ZONE NOT NULL") as sink:
        values = tag_values(20)
        assert ends(sink.write(values)) == (20, 0, 0, 0)
        changed = [msgspec.structs.replace(value, tag_value="7") for value in values[:5]]
        outcome = sink.write([*changed, *values[5:]])
        assert ends(outcome) == (0, 15, 5, 0)
        assert {error.code for error in outcome.rejected} == {CONFLICT}
        assert sink.lookup(values[:1]) == [("1.5", "GOOD")]
        finding = findings(oracle, sink)["column timestamp"]
        assert finding.status is Status.WARNING
        assert "another moment" in finding.detail


def test_a_key_in_the_local_time_zone_is_another_one_elsewhere(oracle: OracleTarget) -> None:
    """What `check` warns of: a writer, or a recover, in another zone stores the same value twice."""
    with sink_on(oracle, "timestamp", "timestamp TIMESTAMP(6) WITH LOCAL TIME ZONE NOT NULL") as sink:
        with zone("Asia/Seoul"):
            assert ends(sink.write(tag_values(5))) == (5, 0, 0, 0)
        sink.close()
        with zone("UTC"):
            elsewhere = OracleSink(oracle.settings(sink.table.table))
            assert ends(elsewhere.write(tag_values(5))) == (5, 0, 0, 0)
            elsewhere.close()


def test_a_unique_index_on_a_time_with_a_zone_serves_as_the_key(oracle: OracleTarget) -> None:
    """Oracle has no primary key of such a column (ORA-02329), but unique indexes of its UTC."""
    changes = ((KEY_TIME, "timestamp TIMESTAMP(6) WITH TIME ZONE NOT NULL"),)
    with pytest.raises(Exception, match="ORA-02329"), oracle.table(changes=changes):
        pass
    key = ",\n  CONSTRAINT tag_data_pk PRIMARY KEY (tag_name, timestamp) USING INDEX COMPRESS 1"
    with zone("Asia/Seoul"), oracle.table(changes=(*changes, (key, ""))) as name:
        oracle.execute(f"CREATE UNIQUE INDEX {name}_u ON {name} (tag_name, timestamp)")
        sink = OracleSink(oracle.settings(name))
        values = tag_values(5)
        assert ends(sink.write(values)) == (5, 0, 0, 0)
        changed = [msgspec.structs.replace(values[0], tag_value="7")]
        assert ends(sink.write([*changed, *values[1:]])) == (0, 4, 1, 0)
        assert findings(oracle, sink)["primary key"].status is Status.FAILED
        sink.close()


DEFERRED = (
    "CONSTRAINT tag_data_pk PRIMARY KEY (tag_name, timestamp)",
    "CONSTRAINT tag_data_pk PRIMARY KEY (tag_name, timestamp) DEFERRABLE INITIALLY DEFERRED",
)


def test_a_deferred_key_keeps_its_batch_and_is_told(oracle: OracleTarget) -> None:
    """Kind: one value that comes twice takes its whole batch back at the commit: none may count as written."""
    with oracle.table(changes=(DEFERRED,)) as name:
        sink = OracleSink(oracle.settings(name))
        values = tag_values(20)
        assert ends(sink.write(values[:10])) == (10, 0, 0, 0)
        with pytest.raises(SinkError, match="ORA-02091") as caught:
            sink.write(values[5:])
        assert caught.value.verdict is Verdict.CONFIGURATION
        assert oracle.count(name) == 10
        assert ends(sink.write(values[10:])) == (10, 0, 0, 0)
        finding = findings(oracle, sink)["primary key"]
        assert (finding.status, "DEFERRED" in finding.detail) == (Status.FAILED, True), finding
        sink.close()


def test_a_key_that_may_be_deferred_and_is_not_works(oracle: OracleTarget) -> None:
    immediate = (DEFERRED[0], DEFERRED[1].replace("INITIALLY DEFERRED", "INITIALLY IMMEDIATE"))
    with oracle.table(changes=(immediate,)) as name:
        sink = OracleSink(oracle.settings(name))
        values = tag_values(20)
        assert ends(sink.write(values[:10])) == (10, 0, 0, 0)
        changed = [msgspec.structs.replace(value, tag_value="7") for value in values[5:7]]
        assert ends(sink.write([*changed, *values[7:]])) == (10, 3, 2, 0)
        assert findings(oracle, sink)["primary key"].status is Status.OK
        sink.close()


#: declared type of tag_value -> how `check` judges it, and a word of what it says
JUDGED = {
    "NUMBER(10,2)": (Status.WARNING, "rounded away"),
    "BINARY_FLOAT": (Status.WARNING, "6 digits"),
    "BINARY_DOUBLE": (Status.OK, "no number"),
    "NVARCHAR2(100) NOT NULL": (Status.WARNING, "100 UTF-16 units"),
    "CHAR(255) NOT NULL": (Status.FAILED, "CHAR instead of"),
}


@pytest.mark.parametrize("declared", JUDGED)
def test_check_says_what_will_happen(oracle: OracleTarget, declared: str) -> None:
    with sink_on(oracle, "tag_value", f"tag_value {declared}") as sink:
        finding = findings(oracle, sink)["column tag_value"]
    status, word = JUDGED[declared]
    assert (finding.status, word in finding.detail) == (status, True), finding
