"""What becomes of rows that Oracle refuses: duplicate, conflict, the row's fault, the table's, or unknown."""

from datetime import datetime, timedelta

import msgspec
import pytest

from oracle_stand_in.faults.control import OracleControl
from services.writer.oracle.oracle_sink import OracleSink
from services.writer.sink import CONFLICT, BatchOutcome, Verdict
from shared.models import TagValue
from tests.fakes import tag_values
from tests.integration.writer.oracle.ends import ends
from tests.oracle_target import SECOND_UNIQUE, OracleTarget

NUMBER_10_2 = (("tag_value VARCHAR2(255) NOT NULL", "tag_value NUMBER(10,2)"),)
PLAIN_NUMBER = (("tag_value VARCHAR2(255) NOT NULL", "tag_value NUMBER"),)


def test_a_second_unique_index_makes_no_duplicates(oracle: OracleTarget) -> None:
    """Kind: ORA-00001 taken for proof that the row is there. 1,999 of 2,000 values were in no table and no file."""
    with oracle.table(changes=SECOND_UNIQUE) as name:
        sink = OracleSink(oracle.settings(name))
        outcome = sink.write(tag_values(500))
        again = sink.write(tag_values(500))
        sink.close()
        assert oracle.count(name) == 1
    assert ends(outcome) == (1, 0, 499, 0)
    assert {error.code for error in outcome.rejected} == {"ORA-00001"}
    assert "unique constraint" in outcome.rejected[0].message
    assert ends(again) == (0, 1, 499, 0)


def test_the_name_in_the_error_decides_where_the_row_is_not_there(
    sink: OracleSink, faults: OracleControl, table: str
) -> None:
    """Kind: what is named in the error decides where the table can't: key, another index, a trigger's own table."""
    sink.write(tag_values(1))
    name = str(sink_key_name(sink))
    for refused, code in ((f"TAGPIPE.{name}", CONFLICT), ("TAGPIPE.AUDIT_PK", "ORA-00001")):
        faults.refuse_rows(1, message=f"ORA-00001: unique constraint ({refused}) violated", table=table)
        outcome = sink.write(tag_values(3, text="2")[1:])
        assert ends(outcome) == (0, 0, 2, 0), refused
        assert {error.code for error in outcome.rejected} == {code}
        faults.reset()


def test_a_key_that_refuses_a_row_and_has_none_is_asked_once_more(
    sink: OracleSink, faults: OracleControl, oracle: OracleTarget, table: str
) -> None:
    """Kind: an answer taken for proof. The row was gone by the time it was looked up, or a policy or a trigger hides
    it, or the key takes A for a: the value counted as a duplicate, and was in no table and no file.
    """
    sink.write(tag_values(1))
    refused = f"ORA-00001: unique constraint (TAGPIPE.{sink_key_name(sink)}) violated"
    values = tag_values(6, text="2")[1:]
    # If: what had the key is gone since; expect: the values are in the table
    faults.refuse_rows(1, message=refused, table=table, containing="D3", count=1)
    assert ends(sink.write(values[:4])) == (4, 0, 0, 0)
    # If: it stays, and nobody sees it; expect: the value is kept, with what is known
    faults.refuse_rows(1, message=refused, table=table, containing="D5")
    outcome = sink.write(values)
    assert ends(outcome) == (0, 4, 1, 0)
    assert (outcome.rejected[0].offset, outcome.rejected[0].code) == (4, CONFLICT)
    assert "no row is found under the key as sent" in outcome.rejected[0].message
    assert oracle.count(table) == 5


def test_a_batch_of_one_that_is_refused_by_an_exception_is_a_duplicate_all_the_same(
    sink: OracleSink, faults: OracleControl
) -> None:
    """Kind: what nobody has shown of Oracle. seerdb-mirror raises ORA-00001 for the only row of a batch."""
    value = tag_values(1)
    sink.write(value)
    name = f"TAGPIPE.{sink_key_name(sink)}"
    for stored, ended in ((value, (0, 1, 0, 0)), (tag_values(1, text="2"), (0, 0, 1, 0))):
        faults.fail_next(1, ora_code=1, message=f"ORA-00001: unique constraint ({name}) violated", verb="INSERT")
        assert ends(sink.write(stored)) == ended


def sink_key_name(sink: OracleSink) -> object:
    with sink.connection() as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT constraint_name FROM all_constraints WHERE table_name = :1 AND constraint_type = 'P'",
            [sink.table.table.upper()],
        )
        return next(cursor)[0]


def test_what_differs_under_one_key_is_a_conflict_whatever_differs(sink: OracleSink) -> None:
    """Kind: conflicts are values. An hour that came twice: 2,400 thrown away as duplicates, 250 counted."""
    values = tag_values(500)
    assert ends(sink.write(values)) == (500, 0, 0, 0)
    changed = [msgspec.structs.replace(value, tag_value="2") for value in values[:300]]
    changed += [msgspec.structs.replace(value, quality="UNCERTAIN") for value in values[300:400]]
    outcome = sink.write([*changed, *values[400:]])
    assert ends(outcome) == (0, 100, 400, 0)
    assert {error.code for error in outcome.rejected} == {CONFLICT}
    assert "'1.5' (GOOD)" in outcome.rejected[0].message


def test_the_other_layout_is_looked_up_by_its_own_key(oracle: OracleTarget) -> None:
    """Kind: as above; three columns, the time first among those that are bound."""
    with oracle.table("tag_values") as name:
        sink = OracleSink(oracle.settings(name, oracle_table_layout="tag_values"))
        values = tag_values(60)
        assert ends(sink.write(values)) == (60, 0, 0, 0)
        changed = [msgspec.structs.replace(value, tag_value="2") for value in values[:20]]
        assert ends(sink.write([*changed, *values[20:]])) == (0, 40, 20, 0)
        sink.close()


def test_times_that_the_column_rounds_into_one_are_told_apart_by_their_contents(oracle: OracleTarget) -> None:
    """Kind: a look-up by what was sent, where the table holds what it rounded (TIMESTAMP(3)): it found nothing."""
    with oracle.table(changes=(("TIMESTAMP(6)", "TIMESTAMP(3)"),)) as name:
        sink = OracleSink(oracle.settings(name))
        value = tag_values(1)[0]
        near = msgspec.structs.replace(value, timestamp=value.timestamp + timedelta(microseconds=300), tag_value="2")
        assert ends(sink.write([value])) == (1, 0, 0, 0)
        assert ends(sink.write([value, near])) == (0, 1, 1, 0)
        sink.close()


@pytest.mark.parametrize(("kind", "held"), [("TIMESTAMP(0)", 3), ("TIMESTAMP(2)", 6), ("DATE", 2)])
def test_a_key_that_holds_less_of_a_time_than_is_sent_loses_no_value(
    oracle: OracleTarget, kind: str, held: int
) -> None:
    """Kind: as above. The driver says no scale for TIMESTAMP(0), a DATE cuts: 8 other values counted as duplicates."""
    with oracle.table(changes=(("TIMESTAMP(6)", kind),)) as name:
        sink = OracleSink(oracle.settings(name))
        value = tag_values(1)[0]
        values = [
            msgspec.structs.replace(value, timestamp=datetime(2026, 1, 1, 0, 0, second, micro), tag_value=f"{micro}")
            for second in (1, 2)
            for micro in (100_000, 100_001, 499_999, 500_000, 999_999)
        ]
        assert ends(sink.write(values)) == (held, 0, len(values) - held, 0)
        other = [msgspec.structs.replace(value, tag_value="other") for value in values]
        assert ends(sink.write(other)) == (0, 0, len(values), 0)
        sink.close()


def test_an_empty_text_that_oracle_takes_for_none_is_no_conflict_when_it_comes_again(oracle: OracleTarget) -> None:
    """Kind: a comparison of what was sent with what the column made of it. To Oracle an empty text is NULL."""
    with oracle.table(changes=(("tag_value VARCHAR2(255) NOT NULL", "tag_value VARCHAR2(255)"),)) as name:
        sink = OracleSink(oracle.settings(name))
        values = tag_values(3, text="")
        assert ends(sink.write(values)) == (3, 0, 0, 0)
        assert ends(sink.write(values)) == (0, 3, 0, 0)
        assert ends(sink.write(tag_values(3, text=" "))) == (0, 0, 3, 0)
        sink.close()


def test_one_key_twice_in_one_batch(sink: OracleSink) -> None:
    first, second = tag_values(1), tag_values(1, text="2")
    assert ends(sink.write([*first, *second, *first])) == (1, 1, 1, 0)


def test_a_conflict_without_a_value_and_one_with(sink: OracleSink) -> None:
    value = tag_values(1)[0]
    nothing = msgspec.structs.replace(value, tag_value=None)
    assert ends(sink.write([nothing])) == (1, 0, 0, 0)
    assert ends(sink.write([nothing, value])) == (0, 1, 1, 0)


@pytest.mark.parametrize("code", [3113, 1031, 1653])
def test_a_look_up_that_fails_keeps_the_rows_and_loses_none(
    sink: OracleSink, faults: OracleControl, oracle: OracleTarget, table: str, code: int
) -> None:
    """Kind: an answer that could not be asked for taken for a good one."""
    sink.write(tag_values(3))
    faults.fail_next(1, ora_code=code, verb="SELECT")
    outcome = sink.write(tag_values(5))
    assert ends(outcome) == (2, 0, 0, 3)
    assert {error.verdict for error in outcome.kept} <= {Verdict.CONNECTION_LOST, Verdict.CONFIGURATION, Verdict.SPACE}
    assert ends(sink.write(tag_values(5))) == (0, 5, 0, 0)
    assert oracle.count(table) == 5


def test_a_number_column_that_rounds_makes_no_conflict(oracle: OracleTarget) -> None:
    """Kind: a false conflict at each redelivery, because NUMBER(10,2) rounds 12.345 without a word."""
    values = [msgspec.structs.replace(value, tag_value="12.345") for value in tag_values(3)]
    with oracle.table(changes=NUMBER_10_2) as name:
        sink = OracleSink(oracle.settings(name))
        assert ends(sink.write(values)) == (3, 0, 0, 0)
        assert ends(sink.write(values)) == (0, 3, 0, 0)
        other = msgspec.structs.replace(values[0], tag_value="12.34")
        assert ends(sink.write([other])) == (0, 0, 1, 0)
        sink.close()


@pytest.mark.parametrize(
    "kind", ["NUMBER", "NUMBER(10,2)", "NUMBER(10,-1)", "INTEGER", "FLOAT(24)", "FLOAT", "BINARY_DOUBLE"]
)
def test_whatever_a_number_column_makes_of_a_value_redelivery_is_no_conflict(oracle: OracleTarget, kind: str) -> None:
    """Kind: as above. FLOAT(24) is described by its bits and rounds to 8 digits."""
    texts = ["12.345678912", "0.1", "-7.005", "33333333.3", "0", "1e-140", "123456"]
    texts += ["123456.78901234567891", "7" * 38 if kind == "NUMBER" else "1"]
    values = [msgspec.structs.replace(value, tag_value=text) for value, text in zip(tag_values(9), texts, strict=True)]
    with oracle.table(changes=(("tag_value VARCHAR2(255) NOT NULL", f"tag_value {kind}"),)) as name:
        sink = OracleSink(oracle.settings(name))
        assert ends(sink.write(values)) == (9, 0, 0, 0)
        assert ends(sink.write(values)) == (0, 9, 0, 0)
        if kind == "NUMBER":
            # A value that differs in the twentieth digit alone is another one.
            near = msgspec.structs.replace(values[7], tag_value="123456.78901234567892")
            assert ends(sink.write([near])) == (0, 0, 1, 0)
        assert ends(sink.write([msgspec.structs.replace(values[0], tag_value="99")])) == (0, 0, 1, 0)
        sink.close()


@pytest.mark.parametrize(
    "text",
    ["ORA-00001: Unique Constraint ({}) verletzt", "ORA-00001: 무결성 제약 조건({})에 위배됩니다",
     "ORA-00001: unique constraint ({}) violated on table TAGPIPE.T columns (TAG_NAME)\nORA-03301: (details)"],
)  # fmt: skip
def test_the_name_is_found_in_whatever_language_oracle_speaks(
    sink: OracleSink, faults: OracleControl, table: str, text: str
) -> None:
    """Kind: a program that reads texts meant for people. Servers answer in NLS_LANG; only the name is the same."""
    sink.write(tag_values(1))
    for name, code in ((f"TAGPIPE.{sink_key_name(sink)}", CONFLICT), ("TAGPIPE.SECOND_UK", "ORA-00001")):
        faults.refuse_rows(1, message=text.format(name), table=table)
        outcome = sink.write(tag_values(3, text="2")[1:])
        assert {error.code for error in outcome.rejected} == {code}
        assert ends(outcome) == (0, 0, 2, 0)
        faults.reset()


def test_a_number_too_small_costs_nobody_anything(oracle: OracleTarget) -> None:
    """Kind: a value that fails in the driver costs its batch 8 s of halving."""
    values = tag_values(4)
    values[1] = msgspec.structs.replace(values[1], tag_value="1e-140")
    with oracle.table(changes=PLAIN_NUMBER) as name:
        sink = OracleSink(oracle.settings(name))
        assert ends(sink.write(values)) == (4, 0, 0, 0)
        assert ends(sink.write(values)) == (0, 4, 0, 0)
        sink.close()


def test_redelivery_costs_one_query_and_nothing_else(sink: OracleSink, faults: OracleControl) -> None:
    """Kind: safety that costs a query a row. Lost answers come by the batch."""
    sink.write(tag_values(500))
    sink.write(tag_values(500))
    before = faults.status()
    assert ends(sink.write(tag_values(500))) == (0, 500, 0, 0)
    after = faults.status()
    # The insert and the look-up.
    assert after.executions - before.executions == 2
    assert after.round_trips - before.round_trips <= 3


def values_of(outcome: BatchOutcome, values: list[TagValue]) -> list[TagValue]:
    return [values[error.offset] for error in outcome.rejected]


def test_many_more_keys_than_one_query_takes(oracle: OracleTarget, table: str) -> None:
    sink = OracleSink(oracle.settings(table))
    values = tag_values(1234)
    assert ends(sink.write(values)) == (1234, 0, 0, 0)
    changed = [*values[:-1], msgspec.structs.replace(values[-1], tag_value="other")]
    outcome = sink.write(changed)
    sink.close()
    assert ends(outcome) == (0, 1233, 1, 0)
    assert values_of(outcome, changed) == [changed[-1]]
