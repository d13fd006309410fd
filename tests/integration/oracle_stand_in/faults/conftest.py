"""A stand-in whose faults are switched off again after each test, and a session of it."""

from collections.abc import Iterator

import oracledb
import pytest

from oracle_stand_in.faults.control import OracleControl
from oracle_stand_in.process import OracleStandIn
from tests.integration.oracle_stand_in.connecting import connect


@pytest.fixture(scope="module", params=["19c", "23ai"])
def stand_in(request: pytest.FixtureRequest) -> Iterator[OracleStandIn]:
    # a first connect that hangs would otherwise block all others in this process
    oracledb.enable_thin_mode()  # type: ignore[no-untyped-call]
    with OracleStandIn(field_version=request.param) as stand_in:
        with connect(stand_in) as connection:
            connection.cursor().execute("CREATE TABLE k (id NUMBER PRIMARY KEY)")
            connection.cursor().execute("CREATE TABLE other (id NUMBER PRIMARY KEY)")
        yield stand_in


@pytest.fixture
def control(stand_in: OracleStandIn) -> Iterator[OracleControl]:
    yield stand_in.control
    stand_in.control.reset()


@pytest.fixture
def connection(stand_in: OracleStandIn, control: OracleControl) -> Iterator[oracledb.Connection]:
    assert not control.status().faults
    connection = connect(stand_in)
    connection.cursor().execute("TRUNCATE TABLE k")
    connection.autocommit = True
    yield connection
    connection.close()
