"""What every path of the monitor's API promises, whatever it answers with: shapes, errors, headers, documentation."""

import asyncio
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import BaseModel

from services.monitor.api.answers import listings, losses, rejections, schemas, tags
from services.monitor.api.answers.actions import Actions
from services.monitor.api.answers.history import History
from services.monitor.api.state import Newest
from services.monitor.api.whole import Whole
from services.monitor.assess.assessment import Assessor
from services.monitor.http.app import create_app
from services.monitor.read.overview import Overview
from services.monitor.settings import MonitorSettings
from shared.clock import SystemClock
from tests.unit.monitor.overviews import healthy_overview, make_overview

#: Every path and what it answers with 200. The stream is no JSON; its tests are with the monitor's over real Redis.
ANSWERS: dict[str, type[BaseModel]] = {
    "/livez": schemas.Alive,
    "/readyz": schemas.Ready,
    "/api/session": schemas.Session,
    "/api/buffer/status": schemas.BufferStatus,
    "/api/buffer/writer/metrics": schemas.WriterMetrics,
    "/api/buffer/metrics": schemas.BufferMetrics,
    "/api/buffer/health": schemas.BufferHealth,
    "/api/ledger": schemas.Ledger,
    "/api/polling/status": listings.PollingStatus,
    "/api/tags": tags.LastValues,
    "/api/plcs": tags.Plcs,
    "/api/services": listings.Services,
    "/api/partitions": listings.Partitions,
    "/api/backups": listings.Backups,
    "/api/events": listings.Events,
    "/api/overflows": listings.Overflows,
    "/api/alerts": listings.Alerts,
    "/api/history": History,
    "/api/actions": Actions,
    "/api/rejections": rejections.Rejections,
    "/api/losses": losses.Losses,
}
#: What is answered as a file, with a line of it.
DOWNLOADS = {
    "/api/rejections/rows.csv": '"2026-01-01 00:00:00.000000","PLC01","D100","PLC01.D100","=1+1","GOOD"',
    "/api/rejections/messages.csv": '"tag","NO_TIME","the time can\'t be read"',
}
NEED_REDIS = [
    path for path in [*ANSWERS, *DOWNLOADS] if path not in {"/livez", "/api/session", "/api/alerts", "/api/partitions"}
]

#: The names that users and outside checks rely on.
FIXED_NAMES = {
    "/api/buffer/status": {
        "current_size", "max_size", "utilization_pct", "total_inserted", "total_removed", "overflow_count",
        "overflow_rate_pct",
        "oldest_value_age_seconds",
    },
    "/api/buffer/writer/metrics": {"successful_writes", "failed_writes", "success_rate_pct", "last_write_timestamp"},
    "/api/buffer/metrics": {
        "buffer.current_size", "buffer.max_size", "buffer.utilization_pct", "buffer.overflow_count",
        "writer.total_writes", "writer.successful_writes", "writer.failed_writes", "writer.success_rate_pct",
        "writer.avg_batch_size", "writer.avg_write_latency_ms", "writer.last_write_time", "backup.file_count",
        "backup.total_bytes",
    },
    "/api/buffer/health": {
        "status", "buffer_ok", "writer_ok", "oracle_connection_ok", "details.buffer_utilization_pct",
        "details.recent_write_success", "details.last_write_age_seconds",
    },
    "/api/ledger": {
        "inserted", "overflowed", "in_buffer", "in_flight", "written", "duplicates", "rejected", "backed_up",
        "recovered", "conflicts", "balances", "difference", "queued_messages", "claimed_messages",
        "messages_rejected", "tags_rejected",
    },
}  # fmt: skip


class Api:
    """The application without a server; what it is fed with is given by hand."""

    def __init__(self, **settings: Any) -> None:
        self._settings = MonitorSettings.model_validate(settings)
        self.newest = Newest(SystemClock())
        self.shows(healthy_overview())
        self.app: FastAPI = create_app(Whole([self.newest]), self._settings)

    def shows(self, overview: Overview) -> None:
        self.newest.publish(Assessor(self._settings).assess(overview))

    def ask(self, method: str, path: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        return asyncio.run(self._ask(method, path, headers))

    async def _ask(self, method: str, path: str, headers: Mapping[str, str] | None) -> httpx.Response:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            return await client.request(method, path, headers=headers)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        return self.ask("GET", path, headers)


@pytest.fixture
def api() -> Api:
    return Api()


def names(answer: Mapping[str, Any], prefix: str = "") -> set[str]:
    """Return all names in an answer, nested ones with their path."""
    nested = [names(value, f"{prefix}{name}.") for name, value in answer.items() if isinstance(value, dict)]
    return {prefix + name for name in answer}.union(*nested)


def assert_problem(answer: httpx.Response, status: int, code: str) -> None:
    assert answer.status_code == status
    assert set(answer.json()) == {"error", "message", "details"}
    assert answer.json()["error"] == code
    assert answer.json()["message"]


def test_every_path_is_tested_here(api: Api) -> None:
    read = {path for path, methods in api.app.openapi()["paths"].items() if "get" in methods}
    assert read == {*ANSWERS, *DOWNLOADS, "/api/stream", "/metrics"}


@pytest.mark.parametrize("path", ANSWERS)
@pytest.mark.req("FR-021")
def test_answer_has_the_documented_shape(api: Api, path: str) -> None:
    answer = api.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert ANSWERS[path].model_validate(answer.json()).model_dump(mode="json") == answer.json()


@pytest.mark.parametrize("path", DOWNLOADS)
def test_a_download_is_a_file_and_no_page(api: Api, path: str) -> None:
    answer = api.get(path)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith("attachment; filename=")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert DOWNLOADS[path] in answer.text


@pytest.mark.parametrize("path", FIXED_NAMES)
@pytest.mark.req("FR-021", "FR-022")
def test_fixed_names_are_all_there(api: Api, path: str) -> None:
    assert names(api.get(path).json()) >= FIXED_NAMES[path]


@pytest.mark.parametrize("path", ANSWERS)
def test_pipeline_in_which_nothing_ever_happened_has_an_answer_too(api: Api, path: str) -> None:
    api.shows(make_overview())
    answer = api.get(path)
    assert answer.status_code == (503 if path == "/api/buffer/health" else 200)
    ANSWERS[path].model_validate(answer.json())


@pytest.mark.parametrize("path", NEED_REDIS)
def test_redis_away_is_a_503_with_the_reason(api: Api, path: str) -> None:
    api.newest.fail("connection refused")
    answer = api.get(path)
    assert_problem(answer, 503, "REDIS_UNAVAILABLE")
    assert answer.json()["details"] == {"reason": "connection refused"}
    assert answer.headers["retry-after"] == "1"


def test_process_is_alive_while_redis_is_away(api: Api) -> None:
    api.newest.fail("connection refused")
    assert api.get("/livez").json() == {"status": "alive"}


def test_unhealthy_is_a_503_that_says_why(api: Api) -> None:
    api.shows(make_overview())
    answer = api.get("/api/buffer/health")
    assert answer.status_code == 503
    assert answer.json()["status"] == "unhealthy"
    assert "No writer is running" in answer.json()["reasons"][0]


@pytest.mark.parametrize("path", ["/nope", "/api/ledger/", "/docs", "/api/%2e%2e/etc", "/api/ledger%00"])
def test_unknown_path_is_a_404_of_the_one_shape(api: Api, path: str) -> None:
    assert_problem(api.get(path), 404, "NOT_FOUND")


@pytest.mark.parametrize("path", [*ANSWERS, "/api/stream"])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_other_method_is_a_405_of_the_one_shape(api: Api, method: str, path: str) -> None:
    answer = api.ask(method, path)
    assert_problem(answer, 405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == "GET"


@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=many", "limit=", "limit=1e400"])
@pytest.mark.parametrize("path", ["/api/events", "/api/overflows"])
def test_parameter_out_of_range_is_a_422_that_names_it(api: Api, path: str, query: str) -> None:
    answer = api.get(f"{path}?{query}")
    assert_problem(answer, 422, "INVALID_PARAMETER")
    assert "limit" in answer.json()["message"]


def test_bug_is_a_500_without_a_stack_trace(api: Api) -> None:
    @api.app.get("/bug")
    async def bug() -> None:
        raise ZeroDivisionError("division of the secret")

    answer = api.get("/bug")
    assert_problem(answer, 500, "INTERNAL_ERROR")
    assert "secret" not in answer.text


@pytest.mark.parametrize("path", [*ANSWERS, "/nope", "/api/events?limit=0"])
def test_every_answer_keeps_browsers_strict(api: Api, path: str) -> None:
    headers = api.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == "no-store"
    assert "default-src 'none'" in headers["content-security-policy"]


class TestWithAToken:
    """MONITOR_API_TOKEN is set."""

    @pytest.fixture
    def api(self) -> Api:
        return Api(monitor_api_token="the-right-token-of-all")

    @pytest.mark.parametrize("path", [*NEED_REDIS, "/api/stream", "/openapi.json", "/nope"])
    @pytest.mark.parametrize(
        "header", [None, "", "right", "Bearer", "Bearer wrong", "Bearer the-right-token-of-all ", "Basic right"]
    )
    def test_without_the_right_one_there_is_no_answer(
        self, api: Api, path: str, header: str | None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("services.monitor.http.gate.WRONG_COSTS_S", 0.0)
        headers = {} if header is None else {"Authorization": header}
        answer = api.get(path, headers)
        assert_problem(answer, 401, "UNAUTHORIZED")
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.headers["x-content-type-options"] == "nosniff"

    @pytest.mark.parametrize("path", ANSWERS)
    def test_with_the_right_one_everything_answers(self, api: Api, path: str) -> None:
        assert api.get(path, {"Authorization": "Bearer the-right-token-of-all"}).status_code == 200

    def test_process_is_alive_for_everyone(self, api: Api) -> None:
        assert api.get("/livez").status_code == 200

    def test_refusal_is_documented(self, api: Api) -> None:
        paths = api.app.openapi()["paths"].values()
        assert all("401" in method["responses"] for methods in paths for method in methods.values())


def test_every_field_is_described_and_has_an_example(api: Api) -> None:
    for name, model in api.app.openapi()["components"]["schemas"].items():
        for field, description in model.get("properties", {}).items():
            refers = "$ref" in str(description)
            assert description.get("description") or refers, f"{name}.{field} has no description"
            assert "examples" in description or refers, f"{name}.{field} has no example"


def test_every_path_is_described_with_its_failures(api: Api) -> None:
    for path, methods in api.app.openapi()["paths"].items():
        for method, operation in methods.items():
            assert operation["description"], path
            assert ("503" in operation["responses"]) == (method == "post" or path in NEED_REDIS), path


DOCS = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")


def test_every_path_is_in_the_documentation(api: Api) -> None:
    documented = set(re.findall(r"^### (GET|POST) (\S+)$", DOCS, re.MULTILINE))
    paths = api.app.openapi()["paths"].items()
    assert documented == {(method.upper(), path) for path, methods in paths for method in methods}


@pytest.mark.parametrize("path", [*ANSWERS, "/api/stream"])
def test_documented_example_is_one_that_the_api_could_give(path: str) -> None:
    section = DOCS.split(f"### GET {path}\n")[1].split("\n### ")[0]
    (example,) = re.findall(r"```json\n(.*?)```", section, re.DOTALL)
    model = ANSWERS.get(path, listings.StreamSnapshot)
    answer = json.loads(example)
    assert model.model_validate(answer).model_dump(mode="json") == answer
