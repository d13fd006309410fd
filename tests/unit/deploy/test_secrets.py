"""The passwords of the Compose stack: of `.env` as Compose reads it, and made anew where containers see them."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

_SCRIPT = Path(__file__).parents[3] / "deploy/compose/secrets.sh"


def make_secrets(directory: Path, *wanted: str) -> subprocess.CompletedProcess[str]:
    """Run the script as `make secrets` does, with nothing in the environment."""
    return subprocess.run(
        ["/bin/sh", str(_SCRIPT), *wanted],
        cwd=directory, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip


def composes(directory: Path) -> str:
    """Return what Compose itself makes of ORACLE_PASSWORD in `.env`."""
    if shutil.which("docker") is None:
        pytest.skip("docker compose is not installed")
    service = {"image": "none", "environment": {"GIVEN": "${ORACLE_PASSWORD}"}}
    (directory / "compose.yml").write_text(json.dumps({"services": {"one": service}}))
    found = subprocess.run(
        ["docker", "compose", "-f", "compose.yml", "config", "--format", "json"],
        cwd=directory, env={"PATH": os.environ["PATH"], "HOME": str(directory)},
        capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    # What it prints may be read again: a $ stands twice.
    given: str = json.loads(found.stdout)["services"]["one"]["environment"]["GIVEN"]
    return given.replace("$$", "$")


@pytest.mark.parametrize(
    "line",
    [
        "ORACLE_PASSWORD=plain",
        "ORACLE_PASSWORD=plain\r",
        "ORACLE_PASSWORD=plain # of the plant",
        "ORACLE_PASSWORD=with#inside",
        "ORACLE_PASSWORD='quoted # $inside'",
        'ORACLE_PASSWORD="quoted # inside"',
        "ORACLE_PASSWORD='quoted' # of the plant",
        "export ORACLE_PASSWORD=plain",
        "ORACLE_PASSWORD = plain  ",
        "ORACLE_PASSWORD=first\nORACLE_PASSWORD=last",
    ],
)
def test_a_password_in_the_dotenv_file_is_what_compose_takes_it_for(tmp_path: Path, line: str) -> None:
    """Kind: one file that two readers read in two ways: Oracle's volume was made with another password than it says."""
    (tmp_path / ".env").write_bytes(f"# ours\n{line}\n".encode())
    made = make_secrets(tmp_path)
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "secrets/oracle_password").read_text() == composes(tmp_path)


@pytest.mark.parametrize("value", ["pa$word", "pa${word}", '"pa$word"', '"pa\\nword"'])
def test_a_password_that_compose_would_change_is_refused_with_the_remedy(tmp_path: Path, value: str) -> None:
    (tmp_path / ".env").write_text(f"ORACLE_PASSWORD={value}\n")
    made = make_secrets(tmp_path)
    assert made.returncode == 2
    assert made.stderr == (
        "error: ORACLE_PASSWORD in .env holds a sign that says something to Compose: put the value in single quotes\n"
    )
    assert not (tmp_path / "secrets/oracle_password").exists()


def test_new_passwords_are_written_where_containers_see_them(tmp_path: Path) -> None:
    """Kind: a path taken for a file: a container goes on to see the one that it was started with."""
    make_secrets(tmp_path)
    files = {file.name: file for file in (tmp_path / "secrets").iterdir()}
    before = {name: (file.stat().st_ino, file.read_text()) for name, file in files.items()}
    assert make_secrets(tmp_path).stdout == ""
    assert make_secrets(tmp_path, "redis").returncode == 0
    changed = {name for name, file in files.items() if file.read_text() != before[name][1]}
    assert changed == {f"redis_{user}" for user in ("admin", "poller", "consumer", "writer", "monitor", "producer")}
    assert {name: file.stat().st_ino for name, file in files.items()} == {name: at for name, (at, _) in before.items()}
    assert {file.stat().st_mode & 0o777 for file in files.values()} == {0o444}
    assert make_secrets(tmp_path, "monitor_operator_token").stdout == "made ./secrets/monitor_operator_token\n"


@pytest.mark.parametrize("name", ["oracle", "oracle_password", "grafana_password"])
def test_a_password_that_is_kept_elsewhere_too_is_not_made_anew(tmp_path: Path, name: str) -> None:
    make_secrets(tmp_path)
    refused = make_secrets(tmp_path, name)
    assert refused.returncode == 2
    assert "it keeps its own copy" in refused.stderr
