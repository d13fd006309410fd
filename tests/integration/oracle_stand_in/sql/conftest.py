"""A stand-in, and a cursor of a session in which one table is."""

from collections.abc import Iterator

import oracledb
import pytest

from oracle_stand_in.process import OracleStandIn

TABLE = """CREATE TABLE t (
  name VARCHAR2(10) CONSTRAINT t_name_nn NOT NULL,
  at TIMESTAMP(6) NOT NULL,
  num NUMBER(5, 2),
  free NUMBER,
  day DATE,
  dbl BINARY_DOUBLE,
  quality VARCHAR2(20) DEFAULT 'GOOD' CHECK (quality IN ('GOOD', 'BAD')),
  made TIMESTAMP DEFAULT SYSTIMESTAMP,
  CONSTRAINT t_pk PRIMARY KEY (name, at))"""


@pytest.fixture(scope="module")
def app_stand_in() -> Iterator[OracleStandIn]:
    with OracleStandIn(user="app", password="secret") as stand_in:
        yield stand_in


@pytest.fixture
def cursor(app_stand_in: OracleStandIn) -> Iterator[oracledb.Cursor]:
    with oracledb.connect(user="app", password="secret", dsn=app_stand_in.dsn) as connection:
        cursor = connection.cursor()
        cursor.execute(TABLE)
        yield cursor
        connection.rollback()
        for (name,) in cursor.execute("SELECT table_name FROM user_tables").fetchall():
            cursor.execute(f'DROP TABLE "{name}"')
