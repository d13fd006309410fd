"""Which requirement is shown by which tests: `make requirements`. With STRICT=1 one that is shown by none fails it."""

import os
import re
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parent.parent
_ROW = re.compile(r"\| (?P<id>[A-Z]+-\d+) \| (?P<text>.+) \|")


class ReqMarkers:
    """A pytest plugin that notes the `req` markers of all tests it collects, and what it can't collect."""

    def __init__(self) -> None:
        self.tests: dict[str, list[str]] = defaultdict(list)  #: requirement id -> tests, without their parameters
        self.failures: list[str] = []

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Note a file that cannot be collected."""
        if report.failed:
            self.failures.append(f"{report.nodeid}: can't be collected\n{report.longreprtext}")

    def pytest_collection_modifyitems(self, items: Sequence[pytest.Item]) -> None:
        """Note what each test shows."""
        for item in items:
            for marker in item.iter_markers("req"):
                for requirement in marker.args:
                    test = item.nodeid.partition("[")[0]
                    if test not in self.tests[requirement]:
                        self.tests[requirement].append(test)


def known_requirements(root: Path = _ROOT) -> dict[str, str]:
    """Return the requirements of docs/requirements.md: id -> text."""
    rows = _ROW.finditer((root / "docs" / "requirements.md").read_text("utf-8"))
    return {row["id"]: row["text"] for row in rows}


def report(known: Mapping[str, str], shown: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """Yield the report's lines: each requirement with the tests that show it."""
    for requirement, text in known.items():
        tests = shown.get(requirement, ())
        yield f"{requirement:<7} {text}"
        yield from (f"          {test}" for test in tests)
        if not tests:
            yield "          shown by no test"
    missing = [requirement for requirement in known if not shown.get(requirement)]
    yield f"{len(known) - len(missing)} of {len(known)} requirements are shown by tests"
    if missing:
        yield f"shown by none: {' '.join(missing)}"


def problems(known: Mapping[str, str], shown: Mapping[str, Sequence[str]], *, strict: bool) -> list[str]:
    """Return one line for each mistake: unknown ids always, requirements without a test if `strict`."""
    found = [
        f"{requirement} is not in docs/requirements.md: {', '.join(tests)}"
        for requirement, tests in shown.items()
        if requirement not in known
    ]
    if strict:
        found += [f"{requirement} is shown by no test" for requirement in known if not shown.get(requirement)]
    return found


def main() -> int:
    """Collect, print, and return the exit status."""
    os.chdir(_ROOT)
    markers = ReqMarkers()
    # Without pytest's own output: the report is ours.
    options = ["--collect-only", "-p", "no:terminal", "-o", "addopts=--import-mode=importlib --strict-markers"]
    status = pytest.main(options, plugins=[markers])
    known = known_requirements()
    found = markers.failures + problems(known, markers.tests, strict=os.environ.get("STRICT") == "1")
    if status not in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED) and not found:
        found.append(f"pytest ended with {status!r}")
    sys.stdout.write("\n".join(report(known, markers.tests)) + "\n")
    sys.stderr.write("".join(f"error: {problem}\n" for problem in found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
