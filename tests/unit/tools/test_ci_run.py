"""`.ci/run` in a project of its own whose `make` does as it is told."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from sandbox.harness.oracle import ROOT

#: A `make` that fails the tests named in `first`, and of these those named in `again` at the second try.
MAKE = """#!/bin/sh
cache=.pytest_cache/v/cache
mkdir -p $cache
case $1 in
  "$(cat broken 2>/dev/null)") exit 2 ;;
  test) cp first $cache/lastfailed; [ "$(cat first)" = "{}" ] ;;
  test-again) cp again $cache/lastfailed; [ "$(cat again)" = "{}" ] ;;
esac
"""


def run(directory: Path, first: list[str], again: list[str]) -> tuple[int, str]:
    (directory / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", directory / ".ci" / "run")
    programs = directory / "bin"
    programs.mkdir()
    for name, text in (("make", MAKE), ("chromium", "#!/bin/sh"), ("promtool", "#!/bin/sh")):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    for name, tests in (("first", first), ("again", again)):
        (directory / name).write_text(json.dumps(dict.fromkeys(tests, True)))
    done = subprocess.run(
        [directory / ".ci" / "run"], env={**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"},
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_what_passes_at_once_is_all_that_is_said(tmp_path: Path) -> None:
    status, said = run(tmp_path, [], [])
    assert status == 0
    assert said.endswith("==> make test\n==> make test-e2e\n==> all passed\n")


def test_what_passes_only_at_the_second_try_is_counted_and_named(tmp_path: Path) -> None:
    status, said = run(tmp_path, ["tests/b.py::test_two", "tests/a.py::test_one"], [])
    assert status == 0
    named = "==> 2 passed only at the second try:\n      tests/a.py::test_one\n      tests/b.py::test_two\n"
    assert f"==> make test-again\n{named}==> all passed\n" in said


def test_what_fails_twice_has_failed_and_is_not_among_those_that_passed(tmp_path: Path) -> None:
    status, said = run(tmp_path, ["tests/a.py::test_one", "tests/b.py::test_two"], ["tests/b.py::test_two"])
    assert status == 1
    assert "==> 1 passed only at the second try:\n      tests/a.py::test_one\n==> failed: test-again\n" in said


@pytest.mark.parametrize("leftover", [{}, {"tests/old.py::test_old": True}])
@pytest.mark.parametrize("broken", ["test", "test-e2e"])
def test_a_run_that_broke_down_without_a_failed_test_has_failed(
    tmp_path: Path, broken: str, leftover: dict[str, bool]
) -> None:
    """Kind: nothing to try again passes for having been tried again."""
    cache = tmp_path / ".pytest_cache" / "v" / "cache"
    cache.mkdir(parents=True)
    (cache / "lastfailed").write_text(json.dumps(leftover))
    (tmp_path / "broken").write_text(broken)
    status, said = run(tmp_path, [], [])
    assert status == 1
    assert said.endswith(f"==> failed: {broken}\n")
    assert "second try" not in said


def test_a_run_that_broke_down_has_failed_though_another_ones_tests_pass_at_the_second_try(tmp_path: Path) -> None:
    (tmp_path / "broken").write_text("test-e2e")
    status, said = run(tmp_path, ["tests/a.py::test_one"], [])
    assert (status, said.endswith("==> failed: test-e2e\n")) == (1, True)
