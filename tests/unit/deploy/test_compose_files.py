"""The Compose files and .env.example keep up with the settings; `docker compose config` itself: make test-compose."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from shared import __version__
from tools.settings_table import SERVICES

_ROOT = Path(__file__).parents[3]

#: What is as it must be inside a container, or comes in another way: POLLER_CONFIG by POLLER_DIR and POLLER_FILE;
#: INSTANCE_NAME would be one name for all containers of a service.
_FIXED = {
    "REDIS_URL", "INSTANCE_NAME", "RUN_DIR", "POLLER_CONFIG", "BACKUP_DIR", "POLLER_OUTBOX_DIR", "MONITOR_HOST",
    "MONITOR_API_TOKEN_FILE", "ALERT_WEBHOOK_URL_FILE", "ALERT_SMTP_PASSWORD_FILE",
        "MONITOR_OPERATOR_TOKEN_FILE",
    "ORACLE_HOST", "ORACLE_PORT", "ORACLE_SERVICE_NAME", "ORACLE_PASSWORD_FILE",
    "REDIS_URL_FILE", "REDIS_SENTINEL_PASSWORD", "REDIS_SENTINEL_PASSWORD_FILE", "PARTITIONS", "PARTITION",
}  # fmt: skip


def stack() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((_ROOT / "docker-compose.yml").read_text())
    return loaded


@pytest.mark.req("FR-020")
@pytest.mark.parametrize("service", SERVICES)
def test_a_service_gets_its_own_settings_and_no_others(service: str) -> None:
    given = set(stack()["services"][service]["environment"])
    known = {name.upper() for name in SERVICES[service].model_fields}
    # By the image, or by the published port; an Oracle elsewhere: docker-compose.staging.yml.
    elsewhere = {
        "MONITOR_API_TOKEN_FILE",
        "MONITOR_OPERATOR_TOKEN",
        "ALERT_WEBHOOK_URL_FILE",
        "ALERT_SMTP_PASSWORD_FILE",
        "INSTANCE_NAME",
        "RUN_DIR",
        "BACKUP_DIR",
        "MONITOR_HOST",
        "MONITOR_PORT",
        "ORACLE_PORT",
        "ORACLE_DSN",
    }
    elsewhere |= {"ORACLE_PASSWORD", "ORACLE_CONFIG_DIR", "ORACLE_WALLET_LOCATION", "ORACLE_WALLET_PASSWORD"}
    # The bundled Redis stands alone; another one: docker-compose.staging.yml.
    elsewhere |= {"REDIS_URL", "REDIS_SENTINEL_PASSWORD", "REDIS_SENTINEL_PASSWORD_FILE"}
    # One machine, one partition.
    elsewhere |= {"PARTITIONS", "PARTITION"}
    assert given == known - elsewhere


@pytest.mark.req("FR-020")
def test_the_example_names_every_variable_with_its_default() -> None:
    example = dict(re.findall(r"^# ([A-Z_]+)=(.*)$", (_ROOT / ".env.example").read_text(), re.MULTILINE))
    used = {
        name: default
        for path in _ROOT.glob("docker-compose*.yml")
        for name, default in re.findall(r"(?<!\$)\$\{([A-Z_]+)(?::[-?]([^}]*))?\}", path.read_text())
    }
    settings = {name.upper() for each in SERVICES.values() for name in each.model_fields} - _FIXED
    assert set(used) | settings <= set(example)
    by_secrets = {"ORACLE_SYS_PASSWORD", "GRAFANA_PASSWORD", "REDIS_PASSWORD"}
    assert set(example) <= set(used) | settings | by_secrets | {"COMPOSE_FILE", "COMPOSE_PROFILES"}
    for name in ("ORACLE_PASSWORD", "MONITOR_PORT", "POLLER_DIR", "REDIS_MAXMEMORY", "WRITERS"):
        assert example[name] == used[name]
    for each in SERVICES.values():
        for name, field in each.model_fields.items():
            if (
                name.upper() in example
                and isinstance(field.default, int | float)
                and name not in {"oracle_port", "monitor_insecure"}
            ):
                assert example[name.upper()] == str(field.default).lower(), name


@pytest.mark.parametrize("service", [*SERVICES, "redis"])
def test_a_service_is_confined(service: str) -> None:
    settings = stack()["services"][service]
    assert settings["read_only"]
    assert settings["init"]
    assert settings["cap_drop"] == ["ALL"]
    assert "cap_add" not in settings
    assert settings["restart"] == "unless-stopped"
    assert settings["mem_limit"]
    assert settings["healthcheck"]["test"]


def test_who_shows_and_who_brings_reach_no_more_than_they_need() -> None:
    """Kind: one network for all: a page's server could be made to reach the database."""
    networks = {name: set(each.get("networks", ["default"])) for name, each in stack()["services"].items()}
    values = {name for name, joined in networks.items() if "default" in joined}
    assert values == {"redis", "oracle", "consumer", "writer", "monitor"}
    assert {name for name, joined in networks.items() if "producers" in joined} == {"redis", "poller"}
    assert {"redis", "oracle", "consumer", "writer", "poller"}.isdisjoint(
        name for name, joined in networks.items() if "web" in joined
    )


def test_the_full_stack_has_no_password_that_is_known() -> None:
    assert ":-tagpipe}" not in (_ROOT / "docker-compose.yml").read_text().replace("REDIS_NAMESPACE:-tagpipe}", "")
    assert {each["source"] for name in SERVICES for each in stack()["services"][name]["secrets"][:1]} == {
        f"redis_{name}" for name in SERVICES
    }


def test_only_the_monitor_is_published_and_to_this_machine_alone() -> None:
    published = {name: each["ports"] for name, each in stack()["services"].items() if "ports" in each}
    assert published == {
        "monitor": ["${MONITOR_BIND:-127.0.0.1}:${MONITOR_PORT:-8000}:8000"],
        # With its profile alone.
        "grafana": ["${GRAFANA_BIND:-127.0.0.1}:${GRAFANA_PORT:-3000}:3000"],
    }


def test_the_image_is_labelled_with_the_version() -> None:
    assert f"ARG VERSION={__version__}\n" in (_ROOT / "Dockerfile").read_text()


def test_oracle_is_healthy_only_when_the_last_statement_of_its_init_scripts_was_carried_out() -> None:
    """Kind: green before it is ready; the image's own healthcheck.sh knows nothing of the init scripts."""
    shell, test = stack()["services"]["oracle"]["healthcheck"]["test"]
    assert shell == "CMD-SHELL"
    assert test.startswith("healthcheck.sh && ")
    init = (_ROOT / "deploy/compose/oracle-init.sql").read_text()
    last_script = re.findall(r"^@/opt/tagpipe/(\S+)$", init, re.MULTILINE)[-1]
    last_synonym = re.findall(
        r"^CREATE SYNONYM (\w+)\.(\w+) FOR", (_ROOT / "deploy" / last_script).read_text(), re.MULTILINE
    )[-1]
    owner, name = (part.upper() for part in last_synonym)
    assert f"s.owner = '{owner}' AND s.synonym_name = '{name}'" in test
    # Every 5 s: a password that does not fit would lock the account.
    assert "PASSWORD" not in test


@pytest.mark.parametrize(
    ("is_open", "answer", "is_healthy"),
    [
        (True, "tagpipe-is-ready", True),
        (True, "no rows selected", False),
        (True, "ORA-00942: table or view does not exist", False),
        (False, "tagpipe-is-ready", False),
    ],
)
def test_oracles_health_check_is_what_the_shell_makes_of_sqlplus_answer(
    tmp_path: Path, is_open: bool, answer: str, is_healthy: bool
) -> None:
    """Kind: a check that finds its own question; SQL*Plus may print it, and exits with 0 whatever it met."""
    for name, script in {
        "healthcheck.sh": f"exit {0 if is_open else 1}",
        "sqlplus": f'test "$*" = "-S -L / as sysdba" && cat && echo "{answer}"',
    }.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    _, test = stack()["services"]["oracle"]["healthcheck"]["test"]
    done = subprocess.run(
        ["/bin/sh", "-c", test.replace("$$", "$")],
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
        stdout=subprocess.DEVNULL,
        timeout=20,
        check=False,
    )
    assert (done.returncode == 0) is is_healthy
