"""`make demo DEMO_SOURCE=opcua`: node-opcua through the whole pipeline, every value accounted for."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from sandbox.harness.command import run_command
from sandbox.node_opcua import install
from sandbox.npm import NodeUnavailableError

pytestmark = pytest.mark.e2e

_ROOT = Path(__file__).resolve().parents[5]


def run(directory: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    own = {name: value for name, value in os.environ.items() if not name.startswith("DEMO_")}
    settings = {"DEMO_DIRECTORY": str(directory / "demo"), "DEMO_SOURCE": "opcua", **environment}
    return run_command("sandbox.run", environ={**own, **settings}, directory=_ROOT, timeout_s=110)


def test_the_demo_reads_an_opcua_server(tmp_path: Path) -> None:
    try:
        install()
    except NodeUnavailableError as error:
        pytest.skip(str(error))
    demo = run(tmp_path, DEMO_RATE="200/200ms", DEMO_SECONDS="4")
    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert "every value is accounted for" in demo.stdout
    assert re.search(r"OPC UA +opc\.tcp://127\.0\.0\.1:\d+", demo.stdout)
    written = re.search(r"^  written +([\d,]+)", demo.stdout, re.MULTILINE)
    assert written is not None
    assert int(written[1].replace(",", "")) >= 200


def test_without_npm_the_demo_says_what_is_missing(tmp_path: Path) -> None:
    demo = run(tmp_path, PATH=str(tmp_path))
    assert demo.returncode == 2
    assert "no node on PATH: install Node 20 or newer with npm" in demo.stdout + demo.stderr
