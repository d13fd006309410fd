"""Rows, overlays and locks, without a server."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle_stand_in.data.column_types import NUMBER_TYPE, varchar
from oracle_stand_in.data.rows import pack_row
from oracle_stand_in.engine.storage.catalog import Catalog
from oracle_stand_in.engine.storage.journal import Journal
from oracle_stand_in.engine.storage.table import Table, TableColumn, UniqueKey
from oracle_stand_in.engine.storage.transactions import BusyError, Transaction, TransactionLog
from oracle_stand_in.errors import OracleError
from oracle_stand_in.faults.state import Faults, Shots
from oracle_stand_in.sql.parser.statement import parse_statement
from oracle_stand_in.sql.statements import CreateTable


def new_table(*, unique: bool = False) -> Table:
    table = Table("APP", "T", [TableColumn("K", NUMBER_TYPE), TableColumn("V", varchar(10))])
    table.primary, table.primary_name = (0,), "PK"
    if unique:
        table.unique_keys.append(UniqueKey("UK", (1,), is_constraint=True))
    return table


def put(log: TransactionLog, table: Table, txn: Transaction, key: bytes, value: bytes = b"v") -> None:
    row = (key, value)
    log.insert(table, txn, table.keys([row])[0], pack_row(row), row)


def keys(log: TransactionLog, table: Table, txn: Transaction) -> set[bytes]:
    return {table.unpack(row)[0] for _, row in log.visible(table, txn)}


def remove(log: TransactionLog, table: Table, txn: Transaction, key: bytes) -> None:
    log.delete(table, txn, pack_row([key]))


def test_changes_are_private_until_the_commit() -> None:
    log, table, one, two = TransactionLog(), new_table(), Transaction(), Transaction()
    put(log, table, one, b"1")
    assert (keys(log, table, one), keys(log, table, two)) == ({b"1"}, set())
    log.commit(one)
    remove(log, table, two, b"1")
    assert (keys(log, table, one), keys(log, table, two)) == ({b"1"}, set())
    assert (log.count(table, one), log.count(table, two)) == (1, 0)
    log.rollback(two)
    assert keys(log, table, two) == {b"1"}


def test_taken_keys_are_busy_or_duplicate() -> None:
    log, table, one, two = TransactionLog(), new_table(), Transaction(), Transaction()
    put(log, table, one, b"1")
    with pytest.raises(BusyError) as caught:
        put(log, table, two, b"1")
    assert caught.value.holder is one
    assert not two.is_open
    with pytest.raises(OracleError, match="ORA-00001"):
        put(log, table, one, b"1")
    log.commit(one)
    with pytest.raises(OracleError, match=r"\(APP.PK\)"):
        put(log, table, two, b"1")


def test_unique_values_are_guarded_like_keys() -> None:
    log, table, one, two = TransactionLog(), new_table(unique=True), Transaction(), Transaction()
    put(log, table, one, b"1", b"same")
    with pytest.raises(BusyError):
        put(log, table, two, b"2", b"same")
    put(log, table, two, b"3", b"")
    put(log, table, two, b"4", b"")
    remove(log, table, one, b"1")
    put(log, table, one, b"5", b"same")
    log.commit(one)
    with pytest.raises(OracleError, match=r"\(APP.UK\)"):
        put(log, table, two, b"2", b"same")


def test_batch_goes_in_at_once_or_not_at_all() -> None:
    log, table, one, two = TransactionLog(), new_table(), Transaction(), Transaction()

    def all_at_once(txn: Transaction, *names: bytes) -> bool:
        rows = [(name, b"v") for name in names]
        return log.insert_all(table, txn, table.keys(rows), table.pack(rows))

    assert all_at_once(one, b"1", b"2")
    assert not all_at_once(two, b"2", b"3")
    assert not all_at_once(two, b"3", b"3")
    assert not two.is_open
    log.commit(one)
    assert not all_at_once(two, b"1")
    assert all_at_once(two, b"3")
    assert keys(log, table, two) == {b"1", b"2", b"3"}


def test_waiting_in_a_circle_is_refused() -> None:
    async def scenario() -> None:
        log, table = TransactionLog(), new_table()
        one, two, three = Transaction(), Transaction(), Transaction()
        for txn, key in ((one, b"1"), (two, b"2"), (three, b"3")):
            put(log, table, txn, key)
        first = log.wait_for(one, two)
        log.wait_for(two, three)
        with pytest.raises(OracleError, match="ORA-00060"):
            log.wait_for(three, one)
        log.rollback(two)
        await asyncio.wait_for(first, 1)

    asyncio.run(scenario())


class Model:
    """What three sessions on one table should see, in plain sets."""

    def __init__(self) -> None:
        self.committed: set[int] = set()
        self.added: list[set[int]] = [set(), set(), set()]
        self.touched: list[set[int]] = [set(), set(), set()]

    def seen_by(self, who: int) -> set[int]:
        return (self.committed - self.touched[who]) | self.added[who]

    def is_held(self, who: int, number: int) -> bool:
        return any(number in self.touched[other] for other in range(3) if other != who)

    def end(self, who: int, *, commit: bool) -> None:
        if commit:
            self.committed = self.seen_by(who)
        self.added[who], self.touched[who] = set(), set()

    def change(self, who: int, number: int, *, insert: bool) -> str:
        """Insert or delete a number and return what should come of it."""
        exists = number in self.seen_by(who)
        if not insert and not exists:
            return "nothing"
        if self.is_held(who, number):
            return "busy"
        if insert and exists:
            return "duplicate"
        self.touched[who].add(number)
        self.added[who] ^= {number} if insert or number in self.added[who] else set()
        return "done"


def attempt(log: TransactionLog, table: Table, txn: Transaction, number: int, *, insert: bool) -> str:
    """Insert or delete a number and return what came of it."""
    key = b"%d" % number
    if not insert and key not in keys(log, table, txn):
        return "nothing"
    try:
        (put if insert else remove)(log, table, txn, key)
    except BusyError:
        return "busy"
    except OracleError:
        return "duplicate"
    return "done"


@given(st.lists(st.tuples(st.sampled_from("idcr"), st.integers(0, 2), st.integers(0, 4)), max_size=40))
def test_sessions_see_what_a_plain_model_says(steps: list[tuple[str, int, int]]) -> None:
    log, table, model = TransactionLog(), new_table(), Model()
    sessions = [Transaction() for _ in range(3)]
    for step, who, number in steps:
        if step in "cr":
            (log.commit if step == "c" else log.rollback)(sessions[who])
            model.end(who, commit=step == "c")
        else:
            expected = model.change(who, number, insert=step == "i")
            assert attempt(log, table, sessions[who], number, insert=step == "i") == expected
        for other, session in enumerate(sessions):
            assert keys(log, table, session) == {b"%d" % seen for seen in model.seen_by(other)}
            assert log.count(table, session) == len(model.seen_by(other))


def test_journal_brings_back_what_was_committed(tmp_path: Path) -> None:
    sql = "CREATE TABLE t (k NUMBER PRIMARY KEY, v VARCHAR2(300) UNIQUE)"
    catalog, journal = Catalog("APP"), Journal(tmp_path / "log")
    assert journal.open(catalog) == 0
    statement, _ = parse_statement(sql)
    assert isinstance(statement, CreateTable)
    catalog.run(statement, Transaction())
    journal.write_ddl(sql, "APP")
    txn = Transaction()
    for number in range(3):
        put(catalog.log, catalog.tables["T"], txn, b"%d" % number, b"v%d" % number * 100)
    journal.write_commit(txn)
    catalog.log.commit(txn)
    remove(catalog.log, catalog.tables["T"], txn, b"1")
    journal.write_commit(txn)
    catalog.log.commit(txn)
    journal.close()
    size = journal.path.stat().st_size
    for damage in (b"", b"\x00", b"\x00\x00\x00\x05\x00\x00\x00\x00D12", b"\x00\x00\x00\x01\x00\x00\x00\x00D"):
        with journal.path.open("ab") as file:
            file.write(damage)
        again = Catalog("APP")
        reopened = Journal(journal.path)
        assert reopened.open(again) == 3
        reopened.close()
        assert again.tables["T"].rows == catalog.tables["T"].rows
        assert again.tables["T"].unique_keys[0].owners == catalog.tables["T"].unique_keys[0].owners
        assert journal.path.stat().st_size == size


def test_shots_are_used_up() -> None:
    shots = Shots(count=2)
    assert [shots.fires() for _ in range(3)] == [True, True, False]
    assert all(Shots().fires() for _ in range(100))
    assert not Faults().active()
