"""Healthy is a claim about the table: what services say of themselves is not enough."""

import pytest

from oracle_stand_in.faults.control import OracleControl
from sandbox.harness.feed import Load
from sandbox.harness.waiting import wait_until
from tests.integration.monitor.monitors import Monitor, monitor_in_a_thread
from tests.pipeline import Pipeline


def status(monitor: Monitor) -> str:
    return str(monitor.get("/api/buffer/health").json().get("status"))


@pytest.mark.req("OPS-1")
def test_health_is_never_healthy_while_oracle_hangs_although_the_writer_knows_nothing_yet(
    pipeline: Pipeline, faults: OracleControl
) -> None:
    """Kind: a healthy verdict from what services say of themselves, not from what reaches the table."""
    # Given a writer that will wait for Oracle's answer for a minute before it calls that an outage
    pipeline.start_and_wait("consumer")
    pipeline.start_and_wait("writer", ORACLE_CALL_TIMEOUT="60", ORACLE_POOL_TIMEOUT="60")
    with monitor_in_a_thread(pipeline.environment["REDIS_URL"], pipeline.keys.namespace) as monitor:
        with Load(pipeline.queue, rate=500, tags=50):
            wait_until(lambda: status(monitor) == "healthy", what="a pipeline at work")
            # If Oracle takes calls and answers none
            faults.hang_calls()
            try:
                wait_until(lambda: status(monitor) in {"degraded", "unhealthy"}, what="the verdict")
                health = monitor.get("/api/buffer/health").json()
                seen = {status(monitor) for _ in range(50)}
            finally:
                faults.reset()
            # Expect the verdict to come from the table, while the writer still says that all is well, and not to flap
            assert health["oracle_connection_ok"]
            assert any("no value was written for" in reason for reason in health["reasons"])
            assert seen <= {"degraded", "unhealthy"}
            wait_until(lambda: status(monitor) == "healthy", what="a pipeline at work again")
        pipeline.wait_until_idle()
