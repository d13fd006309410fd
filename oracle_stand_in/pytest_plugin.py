"""Fixtures for a project's tests: `pytest -p oracle_stand_in.pytest_plugin`, or that line under addopts.

def test_it(oracle_stand_in, oracle_faults):
    connection = oracledb.connect(user=oracle_stand_in.user, password=oracle_stand_in.password,
                                  dsn=oracle_stand_in.dsn)
    oracle_faults.fail_next(1, ora_code=1653)
"""

from collections.abc import Iterator

import pytest

from oracle_stand_in.faults.control import OracleControl
from oracle_stand_in.process import OracleStandIn


@pytest.fixture(scope="session")
def oracle_stand_in() -> Iterator[OracleStandIn]:
    """A running stand-in for the whole session; its tables stay from test to test."""
    with OracleStandIn() as stand_in:
        yield stand_in


@pytest.fixture
def oracle_faults(oracle_stand_in: OracleStandIn) -> Iterator[OracleControl]:
    """The switch for its faults; all of them are off before the test and after it."""
    control = oracle_stand_in.control
    control.reset()
    yield control
    control.reset()
