"""What Prometheus reads: names, units, labels; and that rules, dashboards and tests beside it name what there is."""

import json
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from prometheus_client.parser import text_string_to_metric_families

from services.monitor.api.answers.prometheus import metrics
from services.monitor.api.state import Blame, Failure, State
from services.monitor.assess.alert_kinds import KINDS
from services.monitor.assess.assessment import Assessor
from services.monitor.read.overview import Overview, service_of
from services.monitor.settings import MonitorSettings
from shared.counters import Counter
from tests.contract.asking import ask, monitor
from tests.unit.monitor.overviews import NOW, backup_file, consumer, healthy_overview, make_overview, writer

DEPLOY = Path(__file__).parents[2] / "deploy"
SETTINGS = MonitorSettings.model_validate({})


def exposition(**parts: object) -> str:
    overview = make_overview(**parts) if parts else _everything()  # type: ignore[arg-type]
    return metrics(State(Assessor(SETTINGS).assess(overview)), SETTINGS).decode()


def _everything() -> Overview:
    """Return a pipeline that says all that it can say."""
    monitor = service_of("monitor", "plant-1", NOW, {"state": "running", "webhook_sent": "3", "mail_sent": "2"})
    services = (consumer(), writer(last_write_at=str(NOW), backup_free_bytes="5"), monitor)
    return replace(healthy_overview(), services=services)


def samples(text: str) -> dict[tuple[str, ...], float]:
    """Return every sample by its name and its labels' values, in the order of the labels' names."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def names() -> set[str]:
    return {key[0] for key in samples(exposition())}


@pytest.mark.parametrize("accept", ["*/*", "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"])
def test_the_format_is_called_as_every_reader_knows_it(accept: str) -> None:
    """Kind: a newer word for the same. A library's upgrade called the text version 1.0.0, with nobody having asked for
    it: readers made before that (Go's expfmt in Telegraf and others) take an unknown version for another format, and
    read nothing.
    """
    answer = ask(monitor(), "GET", "/metrics", headers={"Accept": accept})
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    # As that version has them: no name in quotes
    assert not re.search(r'^(?:# (?:TYPE|HELP) |\{)"', answer.text, re.MULTILINE)


def test_counters_say_what_became_of_values() -> None:
    found = samples(exposition(counters={Counter.WRITTEN: 7, Counter.OVERFLOWED: 3, Counter.INSERTED: 10}))
    assert found["tagpipe_values_total", "written"] == 7
    assert found["tagpipe_values_total", "overflowed"] == 3
    assert found["tagpipe_inserted_values_total",] == 10
    assert found["tagpipe_ledger_difference_values",] == 0


def test_totals_that_a_failover_took_back_do_not_fall() -> None:
    """Kind: who reads it takes a fall for a new beginning: a thousand values less were a billion more in a minute."""
    assessor = Assessor(SETTINGS)

    def told(at: float, inserted: int, rejected: int, late: int) -> tuple[float, float, float]:
        counters = {Counter.INSERTED: inserted, Counter.WRITTEN: inserted - rejected, Counter.REJECTED: rejected}
        overview = make_overview(counters=counters, observed={"lag:inf": late}, taken_at=NOW + at)
        found = samples(metrics(State(assessor.assess(overview)), SETTINGS).decode())
        return (
            found["tagpipe_inserted_values_total",],
            found["tagpipe_values_total", "rejected"],
            found["tagpipe_values_late_total",],
        )

    assert told(0, 1_000_000, 40, 7) == (1_000_000, 40, 7)
    assert told(60, 1_200_000, 50, 9) == (1_200_000, 50, 9)
    # A second is gone, is held, and is made up for
    assert told(61, 1_196_000, 49, 8) == (1_200_000, 50, 9)
    assert told(62, 1_199_000, 49, 8) == (1_200_000, 50, 9)
    assert told(63, 1_203_000, 52, 9) == (1_203_000, 52, 9)
    # Another Redis, or yesterday's, is told as it is
    assert told(64, 900_000, 5, 0) == (900_000, 5, 0)


@pytest.mark.req("OPS-4")
def test_histograms_are_cumulative_and_in_seconds() -> None:
    observed = {
        "latency:10": 3,
        "latency:1000": 1,
        "latency:inf": 1,
        "latency_sum_ms": 2_500,
        "lag:500": 40,
        "lag_sum_ms": 9,
    }
    found = samples(exposition(observed=observed))
    assert found["tagpipe_write_latency_seconds_bucket", "0.01"] == 3
    assert found["tagpipe_write_latency_seconds_bucket", "1"] == 4
    assert found["tagpipe_write_latency_seconds_bucket", "+Inf"] == 5
    assert found["tagpipe_write_latency_seconds_count",] == 5
    assert found["tagpipe_write_latency_seconds_sum",] == 2.5
    assert found["tagpipe_lag_seconds_count",] == 40


def test_services_files_and_alerts_have_their_series() -> None:
    found = samples(
        exposition(
            services=[consumer(), writer("a", oracle="away", breaker="open", backup_free_bytes="5")],
            backup_files={"a": backup_file(), "b": backup_file()},
        )
    )
    assert found["tagpipe_service_up", "a", "writer"] == 1
    assert found["tagpipe_writer_oracle_up", "a"] == 0
    assert found["tagpipe_writer_breaker", "a", "open"] == 1
    assert found["tagpipe_writer_backup_free_bytes", "a"] == 5
    assert found["tagpipe_backup_rows", "backup", "open"] == 1000
    assert found["tagpipe_alert_active", "backup_waiting", "warning"] == 1
    assert found["tagpipe_alert_active", "backup_waiting", "critical"] == 0
    assert {key[1] for key in found if key[0] == "tagpipe_alert_active"} == set(KINDS)


def test_redis_away_is_told_and_nothing_is_made_up() -> None:
    found = samples(metrics(State(failure=Failure(Blame.REDIS, "away")), SETTINGS).decode())
    assert found["tagpipe_redis_up",] == 0
    assert not any(name.startswith(("tagpipe_values", "tagpipe_buffer")) for name, *_ in found)


def test_names_have_base_units_and_no_label_without_a_bound() -> None:
    for family in text_string_to_metric_families(exposition()):
        assert family.name.startswith("tagpipe_")
        assert family.documentation
        assert not re.search(r"_(ms|milliseconds|pct|percent|kb|mb)(_|$)", family.name)
        labels = {label for sample in family.samples for label in sample.labels}
        assert labels <= {
            "receiver",
            "outcome", "le", "role", "name", "version", "host", "state", "kind", "plc", "group", "code", "severity",
        }  # fmt: skip


def used_in(text: str) -> set[str]:
    return set(re.findall(r"\btagpipe_[a-z_]+\b", text)) - {"tagpipe_alerts", "tagpipe_alerts_test", "tagpipe_token"}


def test_rules_name_metrics_that_there_are() -> None:
    rules = (DEPLOY / "prometheus" / "tagpipe_alerts.yml").read_text("utf-8")
    assert used_in(rules)
    assert used_in(rules) <= names()


def dashboard() -> dict[str, Any]:
    made: dict[str, Any] = json.loads((DEPLOY / "grafana" / "dashboards" / "tagpipe.json").read_text("utf-8"))
    return made


def test_grafana_dashboard_names_metrics_that_there_are() -> None:
    panels = dashboard()["panels"]
    queries = [target["expr"] for panel in panels for target in panel["targets"]]
    assert len(queries) > 20
    assert used_in(" ".join(queries)) <= names()
    source = (DEPLOY / "grafana" / "provisioning" / "datasources" / "tagpipe.yml").read_text("utf-8")
    assert {panel["datasource"]["uid"] for panel in panels} == set(re.findall(r"uid: (\S+)", source))


def test_every_query_of_rules_and_dashboard_is_one_and_matches_labels_that_there_are() -> None:
    """Kind: a panel that is empty for ever, since it asks for a label or a value that no series has."""
    found = [(key.split("_total")[0], labels) for key, labels in labelled(exposition())]
    given = (DEPLOY / "prometheus" / "tagpipe_alerts.yml").read_text("utf-8")
    given += " ".join(target["expr"] for panel in dashboard()["panels"] for target in panel["targets"])
    asked = re.findall(r"\b(tagpipe_[a-z_]+?)(?:_total|_bucket)?\{([^}]*)\}", given)
    assert len(asked) > 10
    for name, matchers in asked:
        for label, value in re.findall(r'(\w+)="([^"]*)"', matchers):
            values = {labels[label] for known, labels in found if known.startswith(name) and label in labels}
            assert value in values, f"{name}{{{label}={value}}}: there are {sorted(values)}"


def test_every_panel_and_every_rule_leads_to_a_place_that_there_is() -> None:
    """Kind: at three in the morning the link to what is to be done leads nowhere."""
    page = (DEPLOY.parent / "docs" / "alerts.md").read_text("utf-8")
    anchors = {
        *re.findall(r'<a id="(\w+)">', page),
        *(h.lower() for h in re.findall(r"^### (\w+)$", page, re.MULTILINE)),
    }
    assert set(KINDS) <= anchors
    rules = yaml.safe_load((DEPLOY / "prometheus" / "tagpipe_alerts.yml").read_text("utf-8"))["groups"][0]["rules"]
    for rule in rules:
        page_of_docs, _, anchor = rule["annotations"]["runbook_url"].partition("#")
        assert page_of_docs == "docs/alerts.md"
        assert anchor in anchors | {"{{ $labels.code }}"}, rule["alert"]
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["description"]
        # Where it is read there is a container, or a unit: this would start another process, without its settings.
        assert "python -m" not in rule["annotations"]["description"]
    for panel in dashboard()["panels"]:
        assert panel["description"], panel["title"]
        assert set(re.findall(r"#(\w+)", panel["description"])) <= anchors, panel["title"]


def labelled(text: str) -> list[tuple[str, dict[str, str]]]:
    return [
        (sample.name, sample.labels) for family in text_string_to_metric_families(text) for sample in family.samples
    ]


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "config", "prometheus.yml"],
        ["check", "rules", "tagpipe_alerts.yml"],
        ["test", "rules", "tagpipe_alerts_test.yml"],
    ],
)
def test_promtool_finds_nothing(arguments: list[str]) -> None:
    _promtool(arguments)


def test_promtool_finds_nothing_in_the_exposition() -> None:
    _promtool(["check", "metrics"], exposition())


def _promtool(arguments: list[str], given: str = "") -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian: package prometheus)")
    found = subprocess.run(
        [promtool, *arguments],
        cwd=DEPLOY / "prometheus", input=given, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stdout + found.stderr
