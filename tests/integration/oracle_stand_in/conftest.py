"""The stand-in as both kinds of servers, for a module; those that want another one bring their own."""

from collections.abc import Iterator

import pytest

from oracle_stand_in.process import OracleStandIn


@pytest.fixture(scope="module", params=["19c", "23ai"])
def stand_in(request: pytest.FixtureRequest) -> Iterator[OracleStandIn]:
    with OracleStandIn(field_version=request.param) as stand_in:
        yield stand_in
