"""A stand-in, a cursor of a session in which one table is, and sessions of several users."""

from collections.abc import Iterator

import oracledb
import pytest

from oracle_stand_in.process import OracleStandIn
from tests.integration.oracle_stand_in.sql.asking import rows
from tests.integration.oracle_stand_in.sql.users import Connect

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


@pytest.fixture
def connect(stand_in: OracleStandIn) -> Iterator[Connect]:
    """Logs users on; o and w are gone at the end."""
    open_ones: list[oracledb.Connection] = []

    def connect(user: str) -> oracledb.Connection:
        password = stand_in.password if user == "system" else "Pw_1"
        open_ones.append(oracledb.connect(user=user, password=password, dsn=stand_in.dsn))
        return open_ones[-1]

    yield connect
    for each in open_ones:
        each.close()
    with oracledb.connect(user="system", password=stand_in.password, dsn=stand_in.dsn) as connection:
        for (user,) in rows(connection.cursor(), "SELECT username FROM all_users WHERE username IN ('O', 'W')"):
            connection.cursor().execute(f"DROP USER {user} CASCADE")


@pytest.fixture
def dba(connect: Connect) -> oracledb.Cursor:
    return connect("system").cursor()
