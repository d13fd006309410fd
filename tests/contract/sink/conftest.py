"""The stages on which the contract is tried: each test runs on both."""

from collections.abc import Iterator

import pytest

from tests.contract.sink.stages import OracleStage, ScriptedStage, Stage


@pytest.fixture(params=["scripted", "oracle"])
def stage(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """A sink over an empty table, without trouble."""
    if request.param == "scripted":
        yield ScriptedStage()
        return
    real = OracleStage(
        request.getfixturevalue("oracle"), request.getfixturevalue("faults"), request.getfixturevalue("table")
    )
    yield real
    real.mend()
    real.sink.close()
