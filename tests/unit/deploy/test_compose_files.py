"""The Compose files and .env.example keep up with the settings; `docker compose config` itself: make test-compose."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from services.monitor.assess.alert_kinds import KINDS
from services.monitor.assess.commands import Commands
from shared import __version__
from tools.redis_rights import USERS
from tools.settings_table import SERVICES

_ROOT = Path(__file__).parents[3]

#: What is as it must be inside a container, or comes in another way: POLLER_CONFIG by POLLER_DIR and POLLER_FILE;
#: INSTANCE_NAME would be one name for all containers of a service.
_FIXED = {
    "REDIS_URL", "INSTANCE_NAME", "RUN_DIR", "POLLER_CONFIG", "BACKUP_DIR", "POLLER_OUTBOX_DIR", "MONITOR_HOST",
    "MONITOR_API_TOKEN_FILE", "ALERT_WEBHOOK_URL_FILE", "ALERT_SMTP_PASSWORD_FILE",
    "MONITOR_OPERATOR_TOKEN_FILE", "MONITOR_SECRETS_DIR",
    "MONITOR_COMMAND", "MONITOR_START_COMMAND",
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
        "MONITOR_SECRETS_DIR",
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
        for path in [*_ROOT.glob("docker-compose*.yml"), *_ROOT.glob("deploy/compose/*.yml")]
        for name, default in re.findall(r"(?<!\$)\$\{([A-Z_]+)(?::[-?+]([^}]*))?\}", path.read_text())
    }
    settings = {name.upper() for each in SERVICES.values() for name in each.model_fields} - _FIXED
    assert set(used) | settings <= set(example)
    by_secrets = {"ORACLE_SYS_PASSWORD", "GRAFANA_PASSWORD", "REDIS_PASSWORD"}
    assert set(example) <= set(used) | settings | by_secrets | {
        "COMPOSE_FILE",
        "COMPOSE_PROFILES",
        "COMPOSE_PROJECT_NAME",
    }
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


@pytest.mark.parametrize("name", stack()["services"])
def test_every_container_has_no_more_than_it_needs(name: str) -> None:
    """Kind: one container that was forgotten. Oracle's own writes all over its home, and its programs are setuid."""
    settings = stack()["services"][name]
    assert settings["cap_drop"] == ["ALL"]
    assert settings["mem_limit"]
    assert settings["pids_limit"] > 0
    assert settings["logging"]["options"]["max-size"]
    assert not {"privileged", "cap_add", "devices", "network_mode", "pid", "ipc", "userns_mode"} & set(settings)
    assert not any("docker.sock" in str(volume) for volume in settings.get("volumes", ()))
    if name != "oracle":
        assert settings["read_only"]
        assert settings["security_opt"] == ["no-new-privileges:true"]


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
    members: dict[str, set[str]] = {}
    for name, joined in networks.items():
        for network in joined:
            members.setdefault(network, set()).add(name)
    assert members == {
        "default": {"redis", "consumer", "writer", "monitor"},
        "database": {"oracle", "writer"},
        "producers": {"redis", "poller"},
        "web": {"monitor", "prometheus", "alertmanager", "grafana"},
    }


def test_each_secret_is_seen_by_who_needs_it_alone() -> None:
    """Kind: a password that lies about: who reads one container's files has them all."""
    seen = {
        name: {each if isinstance(each, str) else each["source"] for each in settings.get("secrets", ())}
        for name, settings in stack()["services"].items()
    }
    users = {f"redis_{user}" for user in ("admin", *USERS)}
    assert seen == {
        "redis": users,
        "oracle": {"oracle_sys_password", "oracle_password"},
        "consumer": {"redis_consumer"},
        "writer": {"redis_writer", "oracle_password"},
        "monitor": {"redis_monitor", "monitor_operator_token"},
        "poller": {"redis_poller"},
        "prometheus": set(),
        "alertmanager": set(),
        "grafana": {"grafana_password"},
    }


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
        "prometheus": ["${PROMETHEUS_BIND:-127.0.0.1}:${PROMETHEUS_PORT:-9090}:9090"],
        "alertmanager": ["${ALERTMANAGER_BIND:-127.0.0.1}:${ALERTMANAGER_PORT:-9093}:9093"],
        "grafana": ["${GRAFANA_BIND:-127.0.0.1}:${GRAFANA_PORT:-3000}:3000"],
    }


def configured(stack: str = "", **environment: str) -> dict[str, Any]:
    """Return what Compose itself makes of a stack's files; skip where there is no Compose."""
    files = [] if not stack else ["-f", "docker-compose.yml", "-f", f"docker-compose.{stack}.yml"]
    try:
        done = subprocess.run(
            ["docker", "compose", "--env-file", os.devnull, *files, "--profile", "*", "config", "--format", "json"],
            cwd=_ROOT, env={"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **environment},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        pytest.skip("docker compose is not installed")
    if "is not a docker command" in done.stderr or "unknown" in done.stderr:
        pytest.skip("docker has no compose plugin")
    assert done.returncode == 0, done.stderr
    made: dict[str, Any] = json.loads(done.stdout)
    return made


OUTSIDE = {"ORACLE_DSN": "db.plant:1521/PROD", "ORACLE_USER": "tagpipe_writer"}


def test_no_two_stacks_share_a_volume_or_a_network() -> None:
    """Kind: what a trial simulated waits in the backup files, and staging puts it into the plant's Oracle."""
    stacks = [configured(), configured("lite"), configured("staging", **OUTSIDE)]
    assert [made["name"] for made in stacks] == ["tagpipe", "tagpipe-lite", "tagpipe-staging"]
    names = [each["name"] for made in stacks for kind in ("volumes", "networks") for each in made[kind].values()]
    assert len(names) > 15
    assert len(set(names)) == len(names)


def test_redis_is_published_only_where_redis_bind_says() -> None:
    for stack in ("", "lite"):
        assert "ports" not in configured(stack)["services"]["redis"]
        (port,) = configured(stack, REDIS_BIND="10.1.2.3", REDIS_PORT="7000")["services"]["redis"]["ports"]
        assert (port["host_ip"], port["published"], port["target"]) == ("10.1.2.3", "7000", 6379)
        assert "image" in configured(stack, REDIS_BIND="10.1.2.3")["services"]["redis"]
    assert "redis" not in configured("staging", REDIS_BIND="10.1.2.3", **OUTSIDE)["services"]


def test_instances_have_names_that_people_read() -> None:
    """Kind: `4f1c9a7be0d2` is behind, and nobody knows what that is."""
    services = configured()["services"]
    assert {name: services[name]["hostname"] for name in SERVICES} == {name: name for name in SERVICES}


def test_poller_can_be_left_out_for_good() -> None:
    assert configured(POLLERS="0")["services"]["poller"]["scale"] == 0


def made(*arguments: str, directory: Path) -> str:
    """Return what make would run, also where the tests themselves are run by make."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    return subprocess.run(
        ["make", "-n", "-f", str(_ROOT / "Makefile"), *arguments],
        cwd=directory, capture_output=True, text=True, timeout=60, check=True, env=outside,
    ).stdout  # fmt: skip


def test_override_file_goes_for_every_stack(tmp_path: Path) -> None:
    """Kind: the plant's limits and ports are silently not there, since the stack was named with -f."""
    assert "override" not in made("ps", "STACK=lite", directory=tmp_path)
    (tmp_path / "docker-compose.override.yml").touch()
    files = "docker-compose.yml:docker-compose.lite.yml:docker-compose.override.yml"
    assert made("ps", "STACK=lite", directory=tmp_path) == f"COMPOSE_FILE={files} docker compose ps --all\n"
    # Without a stack's name Compose finds it by itself
    assert made("ps", directory=tmp_path) == "docker compose ps --all\n"


@pytest.mark.parametrize("stack", ["", "lite", "staging"])
@pytest.mark.parametrize("named", ["", ":docker-compose.override.yml"])
def test_remedies_name_commands_of_the_stack_in_which_they_are_read(stack: str, named: str) -> None:
    """Kind: `python -m services.writer recover` on a host that has Docker and no Python of ours.

    Or one that starts a writer anew without the limits and networks that the plant's own file gave it.
    """
    read = f"docker-compose.yml:docker-compose.{stack}.yml"
    files = {"COMPOSE_FILE": read + named} if stack and named else {}
    environment = configured(stack, **OUTSIDE, **files)["services"]["monitor"]["environment"]
    here = Commands(environment["MONITOR_COMMAND"], environment["MONITOR_START_COMMAND"])
    for kind in KINDS.values():
        assert "python -m" not in here.said(kind.remedy)
    recover = here.said("`python -m services.writer recover`").strip("`").split()
    before = [f"COMPOSE_FILE={files.get('COMPOSE_FILE', read)}"] if stack else []
    assert recover == [*before, "docker", "compose", "run", "--rm", "--no-deps", "writer", "recover"]
    start = here.said("`python -m services.consumer`").strip("`").split()
    assert start == [*before, "docker", "compose", "up", "--detach", "--no-deps", "consumer"]


def test_services_can_be_left_out_of_what_is_started(tmp_path: Path) -> None:
    assert (
        made("up", "STACK=lite", "WITHOUT=poller monitor", directory=tmp_path)
        .rstrip()
        .endswith("up --build --detach --wait --scale poller=0 --scale monitor=0")
    )


def test_the_image_is_labelled_with_the_version() -> None:
    assert f"ARG VERSION={__version__}\n" in (_ROOT / "Dockerfile").read_text()


def test_oracle_is_healthy_only_when_its_init_scripts_are_through_and_the_writers_user_may_select() -> None:
    """Kind: green before it is ready; the image's own healthcheck.sh knows nothing of the init scripts."""
    shell, test = stack()["services"]["oracle"]["healthcheck"]["test"]
    assert shell == "CMD-SHELL"
    assert test.startswith("healthcheck.sh && ")
    init = (_ROOT / "deploy/compose/oracle-init.sql").read_text()
    last_script = re.findall(r"^@/opt/tagpipe/(\S+)$", init, re.MULTILINE)[-1]
    grants = (_ROOT / "deploy" / last_script).read_text()
    (owner,) = re.findall(r"SYNONYM (\w+)\.' \|\| t\.table_name", grants)
    (names,) = re.findall(r"table_name IN \((.*)\)\n    ORDER BY table_name\n", grants)
    owner, name = owner.upper(), max(names.replace("'", "").split(", "))
    assert f"s.owner = '{owner}' AND s.synonym_name = '{name}'" in test
    assert "GRANT SELECT" in grants
    assert "p.table_name = t.table_name" in test
    assert "p.grantee = s.owner AND p.privilege = 'SELECT'" in test
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
