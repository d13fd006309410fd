"""Whom a refusal is blamed on: the row, the table, the database's state or the user's rights."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from oracle_stand_in.faults.control import OracleControl
from services.writer.deliver.insertion import Insertion
from services.writer.oracle import oracle_sink
from services.writer.oracle.oracle_sink import OracleSink
from services.writer.sink import SinkError, Verdict
from tests.fakes import tag_values
from tests.integration.writer.oracle.ends import ends
from tests.oracle_target import OracleTarget


def test_letters_that_the_database_cant_hold_are_refused_not_replaced(
    oracle: OracleTarget, faults: OracleControl, table: str
) -> None:
    """Kind: a value changed without a word. Oracle stores ? for what its character set has not, and names collide."""
    faults.character_set("WE8MSWIN1252")
    try:
        sink = OracleSink(oracle.settings(table))
        values = tag_values(5)
        values[1] = msgspec.structs.replace(values[1], tag_value="온도")
        values[2] = msgspec.structs.replace(values[2], tag_address="온도")
        values[3] = msgspec.structs.replace(values[3], tag_value="5 µm é €")
        outcome = sink.write(values)
        sink.close()
    finally:
        faults.character_set("AL32UTF8")
    assert ends(outcome) == (3, 0, 2, 0)
    assert [(error.offset, error.code) for error in outcome.rejected] == [
        (1, "NOT_IN_CHARACTER_SET"), (2, "NOT_IN_CHARACTER_SET"),
    ]  # fmt: skip


@pytest.mark.parametrize("code", [20001, 1400, 14400, 2290, 55555])
def test_one_row_refused_where_others_were_stored_is_that_rows_at_once(
    sink: OracleSink, faults: OracleControl, table: str, code: int
) -> None:
    """Kind: an unknown code takes its batch along. ORA-20001 of a trigger on 1 row in 500: 120,500 values backed up."""
    faults.refuse_rows(code, containing="D137", table=table)
    outcome = sink.write(tag_values(500))
    assert ends(outcome) == (499, 0, 1, 0)
    assert outcome.rejected[0].code == f"ORA-{code:05}"
    # A batch of this row alone: others are taken, so it is this row's
    assert ends(sink.write([value for value in tag_values(500) if value.tag_address == "D137"])) == (0, 0, 1, 0)


def test_the_sample_is_of_what_the_table_takes_though_every_batch_has_a_bad_row(oracle: OracleTarget) -> None:
    """Kind: a trial that fails for a reason of its own. A table may take certain names alone, and none of ours."""
    with oracle.table(changes=(("CONSTRAINT", "CHECK (tag_name LIKE 'PLC01.%'), CONSTRAINT"),)) as name:
        sink = OracleSink(oracle.settings(name))
        bad = [msgspec.structs.replace(value, plc_code="OTHER") for value in tag_values(2)]
        assert ends(sink.write([*tag_values(3), bad[0]])) == (3, 0, 1, 0)
        assert ends(sink.write([bad[1]])) == (0, 0, 1, 0)
        sink.close()


def test_a_redelivered_batch_with_one_bad_row_costs_that_row(
    sink: OracleSink, faults: OracleControl, table: str
) -> None:
    """Kind: proof of one thing taken for proof of another. A duplicate shows nothing of the bad row: a sample does."""
    sink.write(tag_values(7))
    faults.refuse_rows(2291, containing="D7", table=table)
    before = faults.status().rollbacks
    assert ends(sink.write(tag_values(8))) == (0, 7, 1, 0)
    assert faults.status().rollbacks > before


@pytest.mark.parametrize("rows", [1, 2, 500])
@pytest.mark.parametrize("code", [20001, 1400, 14400, 2290, 55555])
def test_a_code_that_every_row_is_refused_with_is_the_tables_fault(
    sink: OracleSink, faults: OracleControl, table: str, rows: int, code: int
) -> None:
    """Kind: rows blamed for the table's fault: no partition, a new NOT NULL column, a trigger that refuses all."""
    sink.write(tag_values(1, text="before"))
    faults.refuse_rows(code, table=table)
    outcome = sink.write(tag_values(rows + 1)[1:])
    assert ends(outcome) == (0, 0, 0, rows)
    assert {error.verdict for error in outcome.kept} == {Verdict.CONFIGURATION}
    faults.reset()
    assert ends(sink.write(tag_values(rows + 1)[1:])) == (rows, 0, 0, 0)


@pytest.mark.parametrize("rows", [1, 500])
@pytest.mark.parametrize(("code", "verdict"), [(14400, "CONFIGURATION"), (4098, "CONFIGURATION"), (55555, "UNKNOWN")])
def test_a_call_that_fails_for_every_row_is_not_blamed_on_one(
    sink: OracleSink, faults: OracleControl, code: int, verdict: str, rows: int
) -> None:
    faults.fail_next(None, ora_code=code, verb="INSERT")
    with pytest.raises(SinkError) as caught:
        sink.write(tag_values(rows))
    assert caught.value.verdict.name == verdict


def test_a_missing_partition_for_the_plants_own_time_is_the_tables_fault(
    oracle: OracleTarget,
) -> None:
    """Kind: as above; the sample must be of the rows' own day, or a zone's hours make it pass."""
    today = datetime.now(UTC).replace(tzinfo=None, microsecond=0) + timedelta(hours=9)
    values = [msgspec.structs.replace(value, timestamp=today) for value in tag_values(5)]
    with oracle.table(
        changes=(("PRIMARY KEY", f"CHECK (timestamp < TIMESTAMP '{today}'), PRIMARY KEY"),)
    ) as name:  # fmt: skip
        sink = OracleSink(oracle.settings(name))
        assert ends(sink.write(tag_values(5))) == (5, 0, 0, 0)
        assert ends(sink.write(values)) == (0, 0, 0, 5)
        # A clock that is years off is the rows' fault: others of today are taken
        wrong = [msgspec.structs.replace(value, timestamp=datetime(2099, 1, 1)) for value in tag_values(5)]
        assert ends(sink.write(wrong)) == (0, 0, 5, 0)
        sink.close()


@pytest.mark.parametrize("code", [1031, 41900])
def test_a_user_who_may_insert_and_not_select_has_his_values_written(
    sink: OracleSink, faults: OracleControl, oracle: OracleTarget, table: str, code: int
) -> None:
    """Kind: a wish taken for a need. Not a value was written, since the columns could not be asked for."""
    faults.fail_next(None, ora_code=code, verb="SELECT", table=table)
    sink.probe()
    assert ends(sink.write(tag_values(5))) == (5, 0, 0, 0)
    # If: the key refuses rows; expect: nobody can tell what they are, so they are set aside with what is known
    outcome = sink.write([*tag_values(7, text="2")[:5], *tag_values(7)[5:]])
    assert ends(outcome) == (2, 0, 5, 0)
    assert {(error.code, error.verdict) for error in outcome.rejected} == {("ORA-00001", Verdict.ROW)}
    assert "may not SELECT" in outcome.rejected[0].message
    # If: the grant is given; expect: it is noticed with the next row that the key refuses
    faults.reset()
    assert ends(sink.write([*tag_values(2), *tag_values(3, text="2")[2:]])) == (0, 2, 1, 0)
    assert oracle.count(table) == 7


def test_a_grant_that_is_taken_away_costs_the_rows_that_were_being_looked_up_a_try(
    sink: OracleSink, faults: OracleControl, table: str
) -> None:
    """Kind: as above, amid the work: what is known of the table is forgotten, and then known to be unreadable."""
    sink.write(tag_values(3))
    faults.fail_next(None, ora_code=1031, verb="SELECT", table=table)
    assert ends(sink.write(tag_values(5))) == (2, 0, 0, 3)
    assert ends(sink.write(tag_values(6))) == (1, 0, 5, 0)


@pytest.mark.parametrize(
    "code", [376, 1135, 1555, 1591, 1647, 2393, 4063, 4068, 6508, 8102, 8103, 14403, 2002, 2068, 14766]
)
def test_a_row_that_the_databases_state_refuses_is_kept_though_its_neighbours_were_stored(
    sink: OracleSink, faults: OracleControl, table: str, code: int
) -> None:
    """Kind: a state of the database taken for a row's fault, since others of its call were stored. The first row after
    a package was compiled anew (ORA-04068), and rows of a partition that was offline, were set aside as rejected.
    """
    faults.refuse_rows(code, count=1, table=table)
    values = tag_values(20)
    assert ends(sink.write(values)) == (19, 0, 0, 1)
    assert ends(sink.write(values)) == (1, 19, 0, 0)


TEXT = "tag_value VARCHAR2(255) NOT NULL"


@pytest.mark.parametrize(
    ("before", "after", "text", "first"),
    [
        (TEXT, "tag_value VARCHAR2(1000) NOT NULL", "x" * 300, (0, 0, 3, 0)),
        ("tag_value NUMBER", TEXT, "on", (0, 0, 3, 0)),
        (TEXT, "tag_value NUMBER", None, (3, 0, 0, 0)),
    ],
    ids=["wider", "text for numbers", "numbers for text"],
)
def test_a_table_that_was_changed_is_seen_before_a_row_is_refused(
    oracle: OracleTarget,
    monkeypatch: pytest.MonkeyPatch,
    before: str,
    after: str,
    text: str | None,
    first: tuple[int, ...],
) -> None:
    """Kind: what was learned once is believed for ever. The remedy was to widen the column; the DBA did, and the writer
    went on refusing what fits, until somebody started it anew.
    """
    monkeypatch.setattr(oracle_sink, "KNOWN_FOR_S", 0.0)
    values = [msgspec.structs.replace(value, tag_value=text) for value in tag_values(3)]
    with oracle.table(changes=((TEXT, before),)) as name, oracle.table(changes=((TEXT, after),)) as other:
        sink = OracleSink(oracle.settings(name))
        assert ends(sink.write(values)) == first
        # As a DBA puts a table with other columns in the place of one.
        oracle.execute(f"ALTER TABLE {name} RENAME TO {name}_before", f"ALTER TABLE {other} RENAME TO {name}")
        outcome = sink.write(values)
        if outcome.kept:
            outcome = sink.write(values)
        sink.close()
        assert ends(outcome) == (3, 0, 0, 0)
        assert oracle.count(name) == 3
        oracle.execute(f"DROP TABLE {name}_before")


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("quality   VARCHAR2(20)", "quality NUMBER(3)", "quality is NUMBER"),
        ("tag_value VARCHAR2(255)", "tag_value DATE", "tag_value is DATE"),
        ("timestamp TIMESTAMP(6)", "timestamp VARCHAR2(40)", "timestamp is VARCHAR2"),
        ("tag_name  VARCHAR2(100)", "tag_name NUMBER", "tag_name is NUMBER"),
    ],
)
def test_a_table_whose_columns_are_of_another_kind_is_no_fault_of_rows_or_of_ours(
    oracle: OracleTarget, before: str, after: str, said: str
) -> None:
    """Kind: rows blamed for the table's fault. Where the quality is a NUMBER each value was rejected, by a call of its
    own; where the time is a text the writer met a TypeError, gave its batches back and ended.
    """
    with oracle.table(changes=((before, after),)) as name:
        sink = OracleSink(oracle.settings(name))
        with pytest.raises(SinkError, match=said) as caught:
            sink.write(tag_values(5))
        sink.close()
        assert caught.value.verdict is Verdict.CONFIGURATION
        assert oracle.count(name) == 0


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (980, "synonym"), (903, "ORACLE_TABLE"), (3050, "a word of SQL's own"), (54013, "virtual"),
        (25128, "disabled and validated"), (28112, "policy"),
    ],
)  # fmt: skip
def test_what_only_a_person_can_mend_is_said_at_once_and_in_words(
    sink: OracleSink, faults: OracleControl, code: int, said: str
) -> None:
    """Kind: a code that nobody listed: three retries for each batch, and nothing but Oracle's own text at 3 a.m."""
    faults.fail_next(None, ora_code=code, verb="INSERT")
    with pytest.raises(SinkError) as caught:
        sink.write(tag_values(3))
    assert caught.value.verdict is Verdict.CONFIGURATION
    assert said in caught.value.hint


@pytest.mark.parametrize(
    ("code", "remedy"),
    [(14400, "PARTITION BY RANGE ... INTERVAL"), (1653, "add a data file"), (1502, "ALTER INDEX ... REBUILD")],
)
def test_the_remedy_comes_with_what_every_row_is_refused_for(
    sink: OracleSink, faults: OracleControl, table: str, code: int, remedy: str
) -> None:
    """Kind: a remedy that is lost on the way. The alert had Oracle's own text, and only `check` what to do."""
    faults.refuse_rows(code, table=table)
    error = Insertion(tag_values(3)).attempt(sink)
    assert error is not None
    assert remedy in error.plain
