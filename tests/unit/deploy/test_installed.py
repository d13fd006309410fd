"""`pip install .`: what it puts beside the code is all that the code reads at its start."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[3]


def test_every_file_that_is_no_code_is_installed_with_it() -> None:
    """Kind: it runs from the checkout and in the image, and lacks its texts where it was installed."""
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text("utf-8"))
    patterns = {pattern.removeprefix("*") for pattern in project["tool"]["setuptools"]["package-data"]["*"]}
    files = [path for room in ("services", "shared") for path in (_ROOT / room).rglob("*") if path.is_file()]
    assert {path.suffix for path in files} - {".py", ".pyc"} <= patterns


def test_what_is_gone_from_the_tree_is_not_installed_from_an_earlier_build(tmp_path: Path) -> None:
    """Kind: the remains of an earlier version: a language that is gone is offered, and its page lacks texts."""
    pytest.importorskip("setuptools")
    for name in ("shared", "services"):
        shutil.copytree(_ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "README.md"):
        shutil.copy(_ROOT / name, tmp_path)
    gone = "services/monitor/dashboard/languages/of_another_version.toml"
    (tmp_path / gone).touch()
    build = [sys.executable, "setup.py", "-q", "build"]
    subprocess.run(build, cwd=tmp_path, check=True, capture_output=True)
    assert (tmp_path / "build" / "lib" / gone).exists()
    (tmp_path / gone).unlink()
    subprocess.run(build, cwd=tmp_path, check=True, capture_output=True)
    built = {path.relative_to(tmp_path / "build" / "lib") for path in (tmp_path / "build" / "lib").rglob("*.*")}
    assert Path(gone) not in built
    assert Path("services/monitor/dashboard/languages/ko.toml") in built
