import socket

import pytest

from services.writer.check.findings import (
    Status,
    compare_character_set,
    compare_columns,
    compare_indexes,
    compare_key,
    compare_unique_keys,
)
from services.writer.oracle.codes import meaning_of
from services.writer.oracle.columns import FoundColumn
from services.writer.oracle.dictionary import UniqueKey
from services.writer.oracle.errors import from_driver, oracle_error
from services.writer.oracle.layout import LAYOUTS

TAG_DATA = LAYOUTS["tag_data"]

GOOD = [
    FoundColumn("TAG_NAME", "VARCHAR2", 100, 0, nullable=False),
    FoundColumn("TAG_VALUE", "VARCHAR2", 255, 0, nullable=False),
    FoundColumn("TIMESTAMP", "TIMESTAMP", 0, 6, nullable=False),
    FoundColumn("QUALITY", "VARCHAR2", 20, 0, nullable=False),
]


def with_column(column: FoundColumn) -> list[FoundColumn]:
    return [column if column.name == known.name else known for known in GOOD]


def finding_of(column: FoundColumn) -> tuple[Status, str]:
    finding = next(f for f in compare_columns(TAG_DATA, with_column(column)) if f.check.endswith(column.name.lower()))
    return finding.status, finding.detail


def test_table_as_the_layout_has_it_is_well() -> None:
    assert {finding.status for finding in compare_columns(TAG_DATA, GOOD)} == {Status.OK}


@pytest.mark.req("EC-8")
def test_missing_column_fails_and_names_what_is_there_instead() -> None:
    renamed = [FoundColumn("VAL", "VARCHAR2", 255, 0, nullable=True), *(c for c in GOOD if c.name != "TAG_VALUE")]
    failed = [finding for finding in compare_columns(TAG_DATA, renamed) if finding.status is Status.FAILED]

    assert [finding.check for finding in failed] == ["column tag_value"]
    assert "val" in failed[0].detail
    assert "ORACLE_TABLE_LAYOUT" in failed[0].remedy


@pytest.mark.parametrize(
    ("column", "status", "word"),
    [
        (FoundColumn("TIMESTAMP", "TIMESTAMP", 0, 3, nullable=False), Status.FAILED, "TIMESTAMP(3)"),
        (FoundColumn("TIMESTAMP", "TIMESTAMP", 0, 9, nullable=False), Status.OK, "TIMESTAMP(9)"),
        (FoundColumn("TIMESTAMP", "DATE", 0, 0, nullable=False), Status.FAILED, "fractions"),
        (FoundColumn("TIMESTAMP", "VARCHAR2", 30, 0, nullable=False), Status.FAILED, "no timestamp"),
        (FoundColumn("TIMESTAMP", "TIMESTAMP_TZ", 0, 6, nullable=False), Status.WARNING, "time zone"),
        (FoundColumn("TAG_NAME", "VARCHAR2", 50, 0, nullable=False), Status.WARNING, "instead of 100"),
        (FoundColumn("TAG_NAME", "VARCHAR2", 400, 0, nullable=False), Status.OK, "400 bytes"),
        (FoundColumn("TAG_NAME", "NUMBER", 0, 0, nullable=False), Status.FAILED, "NUMBER instead of VARCHAR2(100)"),
        (FoundColumn("TAG_VALUE", "NUMBER", 0, 0, nullable=True), Status.OK, "NUMBER"),
        (FoundColumn("TAG_VALUE", "NUMBER", 0, 0, nullable=False), Status.WARNING, "without a value"),
        (FoundColumn("QUALITY", "VARCHAR2", 20, 0, nullable=True), Status.WARNING, "nullable"),
        (FoundColumn("TAG_VALUE", "NUMBER", 0, 2, nullable=True, precision=10), Status.WARNING, "NUMBER(10,2)"),
        (FoundColumn("TAG_VALUE", "NUMBER", 0, -127, nullable=True, precision=24), Status.WARNING, "8 digits"),
        (FoundColumn("TAG_VALUE", "NUMBER", 0, -127, nullable=True, precision=126), Status.OK, "FLOAT"),
        (FoundColumn("TAG_VALUE", "NVARCHAR2", 510, 0, nullable=False), Status.OK, "255 UTF-16 units"),
        (FoundColumn("TAG_VALUE", "NVARCHAR2", 400, 0, nullable=False), Status.WARNING, "200 UTF-16 units"),
        (
            FoundColumn("TIMESTAMP", "TIMESTAMP WITH LOCAL TIME ZONE", 0, 6, nullable=False),
            Status.WARNING,
            "another moment",
        ),
    ],
)
def test_column_that_differs_is_told(column: FoundColumn, status: Status, word: str) -> None:
    found, detail = finding_of(column)

    assert (found, word in detail) == (status, True), detail


@pytest.mark.parametrize(
    ("key", "status"),
    [
        (["TAG_NAME", "TIMESTAMP"], Status.OK),
        (["TIMESTAMP", "TAG_NAME"], Status.OK),
        ([], Status.FAILED),
        (["TAG_NAME"], Status.FAILED),
        (["TAG_NAME", "TIMESTAMP", "QUALITY"], Status.FAILED),
    ],
)
@pytest.mark.req("FR-014")
def test_key_must_be_of_exactly_the_right_columns(key: list[str], status: Status) -> None:
    assert compare_key(TAG_DATA, key).status is status


def test_what_refuses_rows_beside_the_key_is_told() -> None:
    """Kind: a second unique index is found by the values that it refuses. `check` says it before."""
    key = UniqueKey("P.PK", ("tag_name", "timestamp"), is_primary=True)
    same = UniqueKey("P.SAME_IX", ("timestamp", "tag_name"))
    other = UniqueKey("P.ID_UK", ("id",))
    assert [f.status for f in compare_unique_keys(TAG_DATA, [key, same])] == [Status.OK]
    found = compare_unique_keys(TAG_DATA, [key, other])[1]
    assert (found.status, found.check) == (Status.WARNING, "unique index ID_UK")
    assert "no duplicates" in found.detail


def test_a_key_that_is_checked_at_the_commit_fails() -> None:
    """Kind: a table that takes batches until the first duplicate (ORA-02091)."""
    key = UniqueKey("P.PK", ("tag_name", "timestamp"), is_primary=True, is_deferred=True)
    assert "ORA-02091" in compare_unique_keys(TAG_DATA, [key])[1].detail


@pytest.mark.parametrize(
    ("name", "status"), [("AL32UTF8", Status.OK), ("WE8MSWIN1252", Status.WARNING), ("KO16MSWIN949", Status.WARNING)]
)
def test_a_character_set_that_replaces_letters_is_told(name: str, status: Status) -> None:
    """Kind: Oracle replaces what it can't hold without a word."""
    assert compare_character_set(name).status is status


def test_other_order_of_the_key_is_noted() -> None:
    assert "one tag's history" in compare_key(TAG_DATA, ["TIMESTAMP", "TAG_NAME"]).detail


@pytest.mark.req("FR-015")
def test_missing_index_is_a_warning() -> None:
    assert compare_indexes(["TAG_NAME"]).status is Status.WARNING
    assert compare_indexes(["TAG_NAME", "TIMESTAMP"]).status is Status.OK


@pytest.mark.parametrize(
    ("code", "text", "word"),
    [
        ("ORA-01017", "ORA-01017: denied", "ORACLE_PASSWORD"),
        ("ORA-28000", "ORA-28000: locked", "UNLOCK"),
        ("DPY-6005", "DPY-6005: cannot connect. [Errno 111] Connection refused", "ORACLE_PORT"),
        ("DPY-6005", "DPY-6005: cannot connect. DPY-6001: Service X is not registered", "ORACLE_SERVICE_NAME"),
        ("ORA-00942", "ORA-00942: no table", "GRANT SELECT, INSERT"),
        ("ORA-01552", "ORA-01552: who knows", "https://docs.oracle.com/error-help/db/ora-01552/"),
        ("ORA-03114", "ORA-03114: not connected", "firewall"),
        # of a server that speaks TLS 1.1 alone, and of old keys
        ("DPY-6005", "DPY-6005: cannot connect. [SSL: TLSV1_ALERT_PROTOCOL_VERSION] tlsv1 alert", "SSL_VERSION=1.2"),
        ("DPY-6005", "DPY-6005: cannot connect. [SSL: DH_KEY_TOO_SMALL] dh key too small", "2,048 bits"),
        ("UNKNOWN", "ValueError: whatever it was", "send it to who maintains tagpipe"),
    ],
)
def test_errors_have_a_cure(code: str, text: str, word: str) -> None:
    assert word in meaning_of(oracle_error(code, text)).remedy


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("gaierror: [Errno -2] Name or service not known", "nobody knows a host of this name: ORACLE_HOST"),
        ("ConnectionRefusedError: [Errno 111] Connection refused", "nothing accepts connections there: ORACLE_HOST"),
        ("RuntimeError: who knows", "RuntimeError: who knows"),
    ],
)
def test_what_an_alert_says_begins_with_plain_words(text: str, words: str) -> None:
    """Kind: the alert shows an error number, and only `check` knows what it means."""
    kind, _, message = text.partition(": ")
    raised = {"gaierror": socket.gaierror, "RuntimeError": RuntimeError}.get(kind, ConnectionRefusedError)
    said = from_driver(raised(message), connecting=True).plain
    assert said.startswith(words)
    assert message in said


def test_a_unique_key_in_the_primary_ones_place_is_as_good() -> None:
    """Kind: one form of a thing taken for the only one. "Values that come twice are stored twice" was not true."""
    (found,) = compare_unique_keys(TAG_DATA, [UniqueKey("PLANT.TAG_DATA_U", ("timestamp", "tag_name"))])
    assert found.status is Status.OK


def test_a_column_that_was_made_with_quotes_is_not_the_one_that_our_sql_names() -> None:
    """Kind: names compared by another rule than the database's. "column tag_name: ok", and each insert ORA-00904."""
    found = [FoundColumn("tag_name", "VARCHAR2", 100, 0, nullable=False), *GOOD[1:]]
    first = compare_columns(TAG_DATA, found)[0]
    assert (first.status, first.check) == (Status.FAILED, "column tag_name")
    assert first.remedy == 'DBA: ALTER TABLE ... RENAME COLUMN "tag_name" TO tag_name'
