"""The units for a host without containers: systemd's own judgement, and that their settings are ours."""

import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

from services.monitor.settings import MonitorSettings
from services.poller.settings import PollerSettings
from services.writer.settings import WriterSettings
from shared.settings.loading import load_settings
from tools.settings_table import SERVICES

_ROOT = Path(__file__).parents[3]
UNITS = _ROOT / "deploy" / "systemd"

#: One of each kind.
STARTED = [
    "tagpipe-consumer@1.service",
    "tagpipe-writer@1.service",
    "tagpipe-monitor.service",
    "tagpipe-poller.service",
]


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units as an administrator installs them, with a Python that is there."""
    directory = tmp_path / "units"
    shutil.copytree(UNITS, directory)
    for unit in directory.glob("*.service"):
        unit.write_text(unit.read_text().replace("/opt/tagpipe/bin/python", sys.executable))
    return directory


def analyze(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed (Debian: package systemd)")
    return subprocess.run(
        [program, *arguments],
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{directory}:"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_systemd_finds_nothing_wrong_with_the_units(installed: Path) -> None:
    found = analyze(installed, "verify", "--man=no", *STARTED, "tagpipe.target")
    assert (found.returncode, found.stdout + found.stderr) == (0, "")


@pytest.mark.parametrize("unit", STARTED)
def test_a_unit_is_confined_by_systemds_own_measure(installed: Path, unit: str) -> None:
    """2.0 of 10 is the most that it may be exposed; a unit without any of it has 9.6."""
    found = analyze(installed, "security", "--offline=true", "--threshold=20", "--no-pager", unit)
    assert found.returncode == 0, found.stdout + found.stderr


def test_each_unit_starts_a_service_of_ours() -> None:
    started = [
        re.findall(r"^ExecStart=\S+ -m (\S+)$", unit.read_text(), re.MULTILINE) for unit in UNITS.glob("*.service")
    ]
    assert sorted(sum_of(started)) == [f"services.{name}" for name in sorted(SERVICES)]
    assert all(find_spec(f"{module}.__main__") for module in sum_of(started))


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_may_use_the_memory_that_it_has_in_compose(service: str) -> None:
    """Kind: a bound that was raised in one place: a message that containers took ended each consumer under systemd."""
    (unit,) = (unit for unit in UNITS.glob("*.service") if unit.stem.rstrip("@") == f"tagpipe-{service}")
    (limit,) = re.findall(r"^MemoryMax=(\S+)$", unit.read_text(), re.MULTILINE)
    compose = yaml.safe_load((_ROOT / "docker-compose.yml").read_text())
    assert limit.lower() == compose["services"][service]["mem_limit"]


def test_who_reads_a_file_anew_can_be_told_to() -> None:
    """Kind: `systemctl reload` is "not applicable", though there is a signal for it."""
    (reload,) = re.findall(r"^ExecReload=(.*)$", (UNITS / "tagpipe-poller.service").read_text(), re.MULTILINE)
    assert reload == "/bin/kill -HUP $MAINPID"


def test_a_service_may_have_a_user_of_redis_of_its_own() -> None:
    """Kind: one file of settings for all, and so one password with every right."""
    common = (UNITS / "tagpipe-.service.d/10-common.conf").read_text()
    # What is read later goes before, and need not be there; %p is a unit's name up to its @.
    assert re.findall(r"^EnvironmentFile=(\S+)$", common, re.MULTILINE) == [
        "/etc/tagpipe/tagpipe.env", "-/etc/tagpipe/%p.env",
    ]  # fmt: skip
    names = {unit.name.removesuffix(".service").rstrip("@") for unit in UNITS.glob("*.service")}
    assert names == {f"tagpipe-{service}" for service in SERVICES}


def sum_of(lists: list[list[str]]) -> list[str]:
    return [each for some in lists for each in some]


def uncommented(text: str) -> str:
    return re.sub(r"^# ([A-Z_]+=)", r"\1", text, flags=re.MULTILINE)


def test_settings_of_the_units_are_settings_and_start_every_service(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kind: an example that nobody ever read stops the first start."""
    secrets = {
        "redis_url": "redis://u:p@redis.plant:6379/0", "oracle_password": "p", "monitor_api_token": "a" * 20,
        "monitor_operator_token": "b" * 20, "alert_webhook_url": "https://chat.example/x", "smtp_password": "p",
    }  # fmt: skip
    for name, text in secrets.items():
        (tmp_path / name).write_text(text)
    # As the unit sets it.
    (tmp_path / "groups.toml").touch()
    monkeypatch.setenv("POLLER_CONFIG", str(tmp_path / "groups.toml"))
    example = (UNITS / "tagpipe.env").read_text()
    for text in (example, uncommented(example)):
        (tmp_path / ".env").write_text(text.replace("/etc/tagpipe/", f"{tmp_path}/"))
        monkeypatch.chdir(tmp_path)
        known = {f"{name.upper()}" for each in SERVICES.values() for name in each.model_fields}
        assert {name.removesuffix("_FILE") for name in re.findall(r"^([A-Z_]+)=", text, re.MULTILINE)} <= known
        assert load_settings(WriterSettings, {}).oracle_dsn == "db.plant:1521/PROD"
        load_settings(MonitorSettings, {})
        load_settings(PollerSettings, {})
    assert load_settings(MonitorSettings, {}).alert_recipients == ["shift@plant.example"]


def test_what_remedies_tell_people_to_run_has_the_settings_wherever_they_stand(tmp_path: Path) -> None:
    """Kind: from elsewhere `acknowledge` asked another Redis and `recover` found no file; from /root all failed."""
    (tmp_path / "backup").mkdir()
    (tmp_path / "backup" / "rejected_20260101_000000.csv").touch()
    (tmp_path / ".env").symlink_to(UNITS / "tagpipe.env")
    (told,) = re.findall(r"^MONITOR_COMMAND=(.*)$", (UNITS / "tagpipe.env").read_text(), re.MULTILINE)
    told = told.format(service="writer")
    assert f"`{told} check`" in (_ROOT / "docs/operations.md").read_text()
    here = {"sudo -u tagpipe ": "", "/var/lib/tagpipe": f"{tmp_path}", "/opt/tagpipe/bin/python": sys.executable}
    for there, replacement in here.items():
        assert there in told
        told = told.replace(there, replacement)
    done = subprocess.run(
        ["sh", "-c", f"{told} rejected"],
        cwd="/", env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{_ROOT}", "ORACLE_PASSWORD": "p",
        "REDIS_URL": "redis://localhost:6379/0"},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert "rejected_20260101_000000.csv" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("service", SERVICES)
def test_env_file_of_compose_stops_no_command_in_the_same_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, service: str
) -> None:
    """Kind: `ORACLE_SYS_PASSWORD is not a setting; did you mean ORACLE_PASSWORD?`, and `check` does not start."""
    (tmp_path / ".env").write_text(uncommented((_ROOT / ".env.example").read_text()))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "groups.toml").touch()
    monkeypatch.setenv("POLLER_CONFIG", str(tmp_path / "groups.toml"))
    load_settings(SERVICES[service], {})
