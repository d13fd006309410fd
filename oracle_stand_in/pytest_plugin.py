"""Fixtures for a project's tests: `pytest -p oracle_stand_in.pytest_plugin`, or that line under addopts.

def test_it(oracle_stand_in, oracle_faults):
    connection = oracledb.connect(user=oracle_stand_in.user, password=oracle_stand_in.password,
                                  dsn=oracle_stand_in.dsn)
    oracle_faults.fail_next(1, ora_code=1653)

A conftest that overrides `oracle_stand_in_options` says how it is started, for example
{"field_version": "23ai", "tls": TlsFiles(...)}.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from oracle_stand_in.faults.control import OracleControl
from oracle_stand_in.process import OracleStandIn


@pytest.fixture(scope="session")
def oracle_stand_in_options() -> dict[str, Any]:
    """Return the arguments of `OracleStandIn`; for a project's own conftest to override."""
    return {}


@pytest.fixture(scope="session")
def oracle_stand_in(oracle_stand_in_options: dict[str, Any]) -> Iterator[OracleStandIn]:
    """A running stand-in for the whole session; its tables stay from test to test."""
    with OracleStandIn(**oracle_stand_in_options) as stand_in:
        yield stand_in


@pytest.fixture
def oracle_faults(oracle_stand_in: OracleStandIn) -> Iterator[OracleControl]:
    """The switch for its faults; all of them are off before the test and after it."""
    control = oracle_stand_in.control
    control.reset()
    yield control
    control.reset()
