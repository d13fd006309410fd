import ast
from collections.abc import Iterator
from pathlib import Path

from tools.requirements_report import known_requirements, problems, report

_TESTS = Path(__file__).resolve().parents[2]


def test_the_documentation_names_every_requirement_once() -> None:
    text = (_TESTS.parent / "docs" / "requirements.md").read_text("utf-8")
    known = known_requirements()
    assert len(known) == 43
    assert all(text.count(f"| {requirement} |") == 1 for requirement in known)


def test_every_id_that_a_test_cites_exists() -> None:
    known = known_requirements()
    cited = {(path.name, requirement) for path in _TESTS.rglob("test_*.py") for requirement in _cited(path)}
    assert [place for place in cited if place[1] not in known] == []


def test_requirement_without_a_test_fails_only_when_strict() -> None:
    known, shown = {"A-1": "one", "A-2": "two"}, {"A-1": ["t.py::test_one"]}
    assert problems(known, shown, strict=False) == []
    assert problems(known, shown, strict=True) == ["A-2 is shown by no test"]


def test_unknown_id_is_always_a_mistake() -> None:
    assert problems({"A-1": "one"}, {"A-1": ["t"], "A-9": ["t.py::test_nine"]}, strict=False) == [
        "A-9 is not in docs/requirements.md: t.py::test_nine"
    ]


def test_report_names_the_tests_and_what_is_shown_by_none() -> None:
    lines = list(report({"A-1": "one", "A-2": "two"}, {"A-1": ["t.py::test_one"]}))
    assert lines == [
        "A-1     one",
        "          t.py::test_one",
        "A-2     two",
        "          shown by no test",
        "1 of 2 requirements are shown by tests",
        "shown by none: A-2",
    ]


def _cited(path: Path) -> Iterator[str]:
    """Yield the ids in `pytest.mark.req(...)` of a file, without importing it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "req":
            yield from (str(ast.literal_eval(argument)) for argument in node.args)
