"""The API against its own OpenAPI: whatever is asked, the answer is one that is documented."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings

from services.monitor.api.state import Newest
from services.monitor.api.whole import Whole
from services.monitor.assess.assessment import Assessor
from services.monitor.http.app import create_app
from services.monitor.settings import MonitorSettings
from shared.clock import SystemClock
from tests.unit.monitor.overviews import healthy_overview, make_overview


class NeverOld(SystemClock):
    """A clock that stands: the readings of a test stay fresh however long it takes."""

    def monotonic(self) -> float:
        return 100.0


def _app(*, healthy: bool) -> Any:
    chosen = MonitorSettings.model_validate({"monitor_allowed_hosts": "testserver"})
    newest = Newest(NeverOld())
    newest.publish(Assessor(chosen).assess(healthy_overview() if healthy else make_overview()))
    return create_app(Whole([newest]), chosen)


# The stream never ends, so no call of it would; tests/integration/monitor/test_monitor.py reads it.
_SCHEMAS = {
    name: schemathesis.openapi.from_asgi("/openapi.json", _app(healthy=name == "healthy")).exclude(path="/api/stream")
    for name in ("healthy", "empty")
}


@pytest.mark.req("FR-021")
@_SCHEMAS["healthy"].parametrize()
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_every_call_is_answered_as_documented(case: Any) -> None:
    case.call_and_validate()


@_SCHEMAS["empty"].parametrize()
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_every_call_about_an_empty_redis_is_answered_as_documented(case: Any) -> None:
    # Without a writer the pipeline is unhealthy, and that is a 503 by design.
    case.call_and_validate(excluded_checks=[schemathesis.checks.not_a_server_error])
