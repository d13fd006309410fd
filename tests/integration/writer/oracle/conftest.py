"""A sink on a table of its own."""

from collections.abc import Iterator

import pytest

from services.writer.oracle.oracle_sink import OracleSink
from tests.oracle_target import OracleTarget


@pytest.fixture
def sink(oracle: OracleTarget, table: str) -> Iterator[OracleSink]:
    """A sink whose pool holds no connection yet."""
    sink = OracleSink(oracle.settings(table))
    yield sink
    if oracle.stand_in is not None:
        oracle.control.reset()
    sink.close()
