"""What a DBA makes of the table while values go in, and no insert is refused for it."""

from contextlib import suppress
from pathlib import Path

import oracledb
import pytest

from oracle_stand_in.faults.control import OracleControl
from oracle_stand_in.process import OracleStandIn
from sandbox.harness.oracle import SCHEMAS
from services.writer.oracle.oracle_sink import OracleSink
from services.writer.settings import WriterSettings
from services.writer.sink import SinkError, Verdict
from tests.fakes import tag_values
from tests.integration.writer.oracle.ends import ends
from tests.oracle_target import NO_KEY, OracleTarget


def take_its_place(oracle: OracleTarget, name: str, other: str) -> None:
    """Put another table under a name, as a DBA does."""
    oracle.execute(f"ALTER TABLE {name} RENAME TO {name}_before", f"ALTER TABLE {other} RENAME TO {name}")
    oracle.execute(f"DROP TABLE {name}_before")


def test_a_key_that_is_gone_is_said_before_values_are_there_twice(oracle: OracleTarget) -> None:
    """Kind: a guarantee that is looked at once. The key was left out when the table was made anew, and what came again
    after a lost answer was stored twice; `check` was run a year ago.
    """
    with oracle.table() as name, oracle.table(changes=NO_KEY) as other:
        sink = OracleSink(oracle.settings(name))
        sink.inspect()
        assert sink.table_warning is None
        assert ends(sink.write(tag_values(3))) == (3, 0, 0, 0)
        take_its_place(oracle, name, other)
        sink.inspect()
        assert "has no key on (tag_name, timestamp): what comes twice is stored twice" in (sink.table_warning or "")
        # As it says
        assert ends(sink.write(tag_values(3))) == ends(sink.write(tag_values(3))) == (3, 0, 0, 0)
        # If: the DBA puts one back, in whatever form and order; expect: the warning ends
        oracle.execute(f"TRUNCATE TABLE {name}", f"CREATE UNIQUE INDEX {name}_u ON {name} (timestamp, tag_name)")
        sink.inspect()
        sink.close()
        assert sink.table_warning is None


def test_another_type_is_seen_though_no_row_is_refused_for_it(oracle: OracleTarget) -> None:
    """Kind: what was learned once is believed for ever. A number went into a text column as Oracle writes numbers: .5
    for 0.5, and with a comma where the database's country has one.
    """
    text = "tag_value VARCHAR2(255) NOT NULL"
    with oracle.table(changes=((text, "tag_value NUMBER"),)) as name, oracle.table() as other:
        sink = OracleSink(oracle.settings(name))
        sink.write(tag_values(1, text="0.5"))
        take_its_place(oracle, name, other)
        sink.inspect()
        sink.write(tag_values(1, text="0.5"))
        sink.close()
        assert [value for value, _ in oracle.cells(name).values()] == ["0.5"]


def test_what_was_committed_and_is_gone_is_found(oracle: OracleTarget) -> None:
    """Kind: what was acknowledged, taken for stored for ever. A standby took over that lagged: the seconds before were
    in no place, counted as written, and the ledger balanced.
    """
    with oracle.table() as name:
        sink = OracleSink(oracle.settings(name))
        assert sink.gone() == (0, [])
        sink.write(tag_values(3))
        assert sink.gone() == (1, [])
        oracle.execute(f"DELETE FROM {name}", "COMMIT")
        assert sink.gone() == (1, tag_values(3)[2:])
        assert sink.gone() == (0, [])
        sink.close()


#: What makes it one whose rows are gone with the commit.
TEMPORARY = (("CREATE TABLE tag_data (", "CREATE GLOBAL TEMPORARY TABLE tag_data ("),)


def test_a_table_whose_rows_vanish_with_the_commit_is_given_none(oracle: OracleTarget) -> None:
    """Kind: an acknowledgement taken for proof. Where a DBA's tool, or a hand, made the table as a temporary one, each
    insert went well, each commit went well, and the table was empty; the ledger balanced.
    """
    with oracle.table(changes=TEMPORARY) as name:
        sink = OracleSink(oracle.settings(name))
        with pytest.raises(SinkError, match="is a temporary table") as refused:
            sink.write(tag_values(3))
        sink.close()
        assert (refused.value.code, refused.value.verdict) == ("TEMPORARY", Verdict.CONFIGURATION)


def test_a_temporary_table_that_took_the_place_is_seen(oracle: OracleTarget) -> None:
    """Kind: a guarantee that is looked at once."""
    with oracle.table() as name, oracle.table(changes=TEMPORARY) as other:
        sink = OracleSink(oracle.settings(name))
        assert ends(sink.write(tag_values(3))) == (3, 0, 0, 0)
        take_its_place(oracle, name, other)
        for look in (sink.inspect, lambda: sink.write(tag_values(3))):
            with pytest.raises(SinkError, match="is a temporary table"):
                look()
        sink.close()


def test_a_database_that_will_be_put_back_is_given_nothing(oracle: OracleTarget, faults: OracleControl) -> None:
    """Kind: an acknowledgement taken for proof. A standby that was opened for a trial (a snapshot standby) takes rows
    and throws them away when it becomes a standby again: with one address alone nobody had asked what it is.
    """
    with oracle.table() as name:
        sink = OracleSink(oracle.settings(name))
        assert ends(sink.write(tag_values(3))) == (3, 0, 0, 0)
        faults.database_role("SNAPSHOT STANDBY")
        for look in (sink.inspect, lambda: sink.write(tag_values(3))):
            with pytest.raises(SinkError, match="is in a snapshot standby") as refused:
                look()
            assert refused.value.verdict is Verdict.CONFIGURATION
        # And when the service has moved
        faults.database_role("PRIMARY")
        sink.inspect()
        assert ends(sink.write(tag_values(3))) == (0, 3, 0, 0)
        sink.close()


@pytest.mark.parametrize("code", [2003, 1013, 1652], ids=["not known", "too slow", "no room to sort"])
def test_a_dictionary_that_can_t_be_asked_keeps_no_value_from_the_table(
    oracle: OracleTarget, faults: OracleControl, code: int
) -> None:
    """Kind: a side path that ends the main one. Since rows of temporary tables are looked for, a dictionary that does
    not answer in time, as ALL_TABLES of a large database, had every value go to the backup: the table takes them.
    """
    with oracle.table() as name:
        sink = OracleSink(oracle.settings(name))
        faults.fail_next(count=None, ora_code=code, table="all_tables")
        assert ends(sink.write(tag_values(3))) == (3, 0, 0, 0)
        sink.probe()
        sink.close()


def test_what_a_database_that_waits_for_no_disk_confirms_is_there_after_its_crash(tmp_path: Path) -> None:
    """Kind: a confirmation of less than one takes it for. With COMMIT_WAIT=NOWAIT, which somebody set for speed, a
    database answers before its redo is written: the crash took what was counted as written.
    """
    with OracleStandIn(init_sql=SCHEMAS["tag_data"], data=tmp_path / "journal") as server:
        with oracledb.connect(user="system", password=server.password, dsn=server.dsn) as system:
            system.cursor().execute("ALTER SYSTEM SET COMMIT_WAIT = NOWAIT")
        settings = {"oracle_dsn": server.dsn, "oracle_user": server.user, "oracle_password": server.password}
        sink = OracleSink(WriterSettings.model_validate(settings))
        assert ends(sink.write(tag_values(3))) == (3, 0, 0, 0)
        server.kill()
        server.start()
        assert sink.gone() == (1, [])
        sink.close()


@pytest.mark.parametrize("kind", ["VIEW {} AS SELECT * FROM {}", "SYNONYM {} FOR {}"])
@pytest.mark.parametrize("has_key", [True, False], ids=["with a key", "without one"])
def test_a_key_that_is_not_there_is_said_of_what_is_no_table_too(
    oracle: OracleTarget, kind: str, has_key: bool
) -> None:
    """Kind: a guarantee that nobody looks at. Behind a view, as a redefinition by editions makes it of each table, what
    came again after a lost answer was stored twice, and nothing said so: the dictionary knows no keys of a view.
    """
    with oracle.table(changes=() if has_key else NO_KEY) as name:
        other = f"{name}_x"
        oracle.execute(f"CREATE {kind.format(other, name)}")
        sink = OracleSink(oracle.settings(other))
        assert ends(sink.write(tag_values(3))) == (3, 0, 0, 0)
        # A trial that fails is no answer: the next look tries again.
        oracle.control.fail_next(1, ora_code=4031, verb="INSERT")
        with suppress(SinkError):
            sink.inspect()
        oracle.control.reset()
        sink.inspect()
        assert (sink.table_warning is None) is has_key
        again = ends(sink.write(tag_values(3)))
        assert again == ((0, 3, 0, 0) if has_key else (3, 0, 0, 0))
        sink.inspect()
        assert (sink.table_warning is None) is has_key
        # Of the trial nothing stays.
        assert len(oracle.cells(name)) == 3
        sink.close()
        oracle.execute(f"DROP {kind.split(maxsplit=1)[0]} {other}")


def test_a_column_that_is_invisible_is_written_as_it_is(oracle: OracleTarget) -> None:
    """Kind: what `*` does not stand for is not there. A NUMBER that a DBA had made INVISIBLE was given text, which
    Oracle converts by the session's settings; and `check` called it missing.
    """
    text = "tag_value VARCHAR2(255) NOT NULL"
    with oracle.table(changes=((text, "tag_value NUMBER INVISIBLE"),)) as name:
        sink = OracleSink(oracle.settings(name))
        sink.probe()
        assert sink.table.layout.columns[1].is_number
        outcome = sink.write([*tag_values(2, text="0.5"), *tag_values(3, text="on")[2:]])
        sink.close()
        assert ends(outcome) == (2, 0, 1, 0)
        assert {error.code for error in outcome.rejected} == {"NOT_A_NUMBER"}
