"""A connect string that names several addresses, or wants retries: what the sink makes of it."""

import re
import socket
from collections.abc import Iterator

import pytest

from oracle_stand_in.faults.control import OracleControl
from oracle_stand_in.process import OracleStandIn
from sandbox.harness.waiting import wait_until
from services.writer.oracle.connections.connecting import connect
from services.writer.oracle.oracle_sink import OracleSink
from services.writer.sink import SinkError, Verdict
from tests.fakes import tag_values
from tests.integration.writer.oracle.failing import failure, works_again
from tests.oracle_target import OracleTarget


@pytest.fixture
def silent() -> Iterator[tuple[str, int]]:
    """A listener that accepts and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()


@pytest.mark.parametrize("rest", ["", "?retry_count=20&retry_delay=3"])
@pytest.mark.parametrize("fault", ["stop_listening", "hang_new_connections"])
def test_retries_in_the_connect_string_are_not_made(
    oracle: OracleTarget, faults: OracleControl, table: str, fault: str, rest: str
) -> None:
    """Kind: what a connect string may say overrides what the writer planned (Oracle's advice for RAC: RETRY_COUNT)."""
    host, port, service = re.fullmatch(r"(.+):(\d+)/(.+)", oracle.dsn).groups()  # type: ignore[union-attr]
    descriptor = (
        f"(DESCRIPTION=(RETRY_COUNT=20)(RETRY_DELAY=3)(TRANSPORT_CONNECT_TIMEOUT=60)(ADDRESS_LIST=(LOAD_BALANCE=ON)"
        f"(FAILOVER=ON)(ADDRESS=(PROTOCOL=TCP)(HOST={host})(PORT={port}))(ADDRESS=(PROTOCOL=TCP)(HOST={host})(PORT={port})))"
        f"(CONNECT_DATA=(SERVICE_NAME={service})))"
    )
    dsn = oracle.dsn + rest if rest else descriptor
    sink = OracleSink(oracle.settings(table, oracle_dsn=dsn, oracle_pool_timeout=10))
    getattr(faults, fault)()
    before = faults.status().connections
    error = failure(sink, tag_values(5))
    assert error.verdict is Verdict.TRANSIENT
    assert error.code == ("HANGS" if fault == "hang_new_connections" else "DPY-6005")
    assert faults.status().connections - before <= 2, "one try for each address"
    faults.reset()
    works_again(sink)
    sink.close()


def test_an_address_that_says_nothing_does_not_hide_the_next_one(
    oracle: OracleTarget, faults: OracleControl, table: str, silent: tuple[str, int]
) -> None:
    """Kind: the first of several servers hangs. SCAN, Data Guard: the driver waits for it for ever."""
    del faults
    host, port, service = re.fullmatch(r"(.+):(\d+)/(.+)", oracle.dsn).groups()  # type: ignore[union-attr]
    listed = "".join(f"(ADDRESS=(PROTOCOL=TCP)(HOST={h})(PORT={p}))" for h, p in (silent, silent, (host, port)))
    dsn = f"(DESCRIPTION=(ADDRESS_LIST={listed})(CONNECT_DATA=(SERVICE_NAME={service})))"
    sink = OracleSink(oracle.settings(table, oracle_dsn=dsn, oracle_pool_timeout=15))
    assert sink.write(tag_values(5)).written == 5
    sink.close()


@pytest.mark.parametrize("code", [1033, 1109, 18])
@pytest.mark.parametrize("form", ["(DESCRIPTION=(ADDRESS_LIST={0}{1}){2})", "(DESCRIPTION_LIST={3}{4})"])
def test_a_database_that_is_not_open_does_not_hide_the_next_one(oracle: OracleTarget, form: str, code: int) -> None:
    """Kind: the first that answers is taken for the one that serves (python-oracledb issue 328: RAC, ORA-01109)."""
    with OracleStandIn(user=oracle.user, password=oracle.password) as closed:
        closed.control.fail_logons(code)
        listed = [
            f"(ADDRESS=(PROTOCOL=TCP)(HOST={host})(PORT={port}))"
            for host, port in (dsn.split("/")[0].split(":") for dsn in (closed.dsn, oracle.dsn))
        ]
        data = "(CONNECT_DATA=(SERVICE_NAME=FREEPDB1))"
        dsn = form.format(*listed, data, *(f"(DESCRIPTION={address}{data})" for address in listed))
        before = closed.control.status().connections
        connect(oracle.settings("t", oracle_dsn=dsn), oracle.password).close()
        assert closed.control.status().connections - before <= 3
        # If: nobody is open, it is what the first said
        alone = form.format(listed[0], listed[0], data, *(f"(DESCRIPTION={listed[0]}{data})" for _ in range(2)))
        with pytest.raises(SinkError) as caught:
            connect(oracle.settings("t", oracle_dsn=alone), oracle.password)
        assert caught.value.code == f"ORA-{code:05}"


@pytest.mark.parametrize("role", ["PHYSICAL STANDBY", "SNAPSHOT STANDBY"])
def test_a_standby_that_is_open_does_not_hide_the_primary_behind_it(oracle: OracleTarget, role: str) -> None:
    """Kind: the first that answers is taken for the one that serves. After a switchover the old primary was open to be
    read: every value went to the backup, for good, though the new one stood next in the connect string.
    """
    with OracleStandIn(user=oracle.user, password=oracle.password) as standby:
        standby.control.database_role(role)
        both = f"{standby.dsn.split('/')[0]},{oracle.dsn}"
        connection = connect(oracle.settings("t", oracle_dsn=both), oracle.password)
        asks = connection.cursor()
        asks.execute("SELECT database_role FROM v$database")
        assert asks.fetchone() == ("PRIMARY",)
        connection.close()
        wait_until(lambda: standby.control.status().sessions == 0, 5, "no session to be left on the standby")
        # If: no other is there; expect: it serves whoever reads
        host = standby.dsn.split("/")[0]
        connect(oracle.settings("t", oracle_dsn=f"{host},{standby.dsn}"), oracle.password).close()
        wait_until(lambda: standby.control.status().sessions == 0, 5, "no session to be left")
