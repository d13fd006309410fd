"""The tests follow the house: one finds those of a room where the room is, and helpers in modules of their own."""

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]
ROOT = TESTS.parent


def imports(path: Path) -> Iterator[str]:
    """Yield the modules that a file imports, and the names that it takes from them."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_no_test_module_is_imported() -> None:
    """Kind: a helper that lives in a test module runs that module's fixtures and constants wherever it is used."""
    files = [*TESTS.rglob("*.py"), *(ROOT / "tools").glob("*.py"), *(ROOT / "bench").rglob("*.py")]
    assert len(files) > 100
    wrong = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in files
        for name in imports(path)
        if name.startswith("tests.") and any(part.startswith(("test_", "conftest")) for part in name.split("."))
    ]
    assert wrong == []


def test_unit_tests_lie_as_the_tree_does() -> None:
    folders = {path.parent.relative_to(TESTS / "unit") for path in (TESTS / "unit").rglob("test_*.py")} - {Path()}
    assert len(folders) > 10
    assert [
        str(folder) for folder in folders if not any((ROOT / at / folder).is_dir() for at in ("services", ""))
    ] == []


def test_no_fake_is_cast_into_what_it_is_not() -> None:
    """Kind: a fake whose methods are not those of what it stands for, and nobody says so."""
    wrong = [path.name for path in TESTS.rglob("*.py") if "typing.cast" in imports(path)]
    assert wrong == []
