"""`pip install .`: what it puts beside the code is all that the code reads at its start."""

import tomllib
from pathlib import Path

_ROOT = Path(__file__).parents[3]


def test_every_file_that_is_no_code_is_installed_with_it() -> None:
    """Kind: it runs from the checkout and in the image, and lacks its texts where it was installed."""
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text("utf-8"))
    patterns = {pattern.removeprefix("*") for pattern in project["tool"]["setuptools"]["package-data"]["*"]}
    files = [path for room in ("services", "shared") for path in (_ROOT / room).rglob("*") if path.is_file()]
    assert {path.suffix for path in files} - {".py", ".pyc"} <= patterns
