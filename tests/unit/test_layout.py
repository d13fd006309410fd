"""The tests follow the house: one finds those of a room where the room is, and helpers in modules of their own."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("kind", ["unit", "integration"])
def test_tests_lie_as_the_tree_does(kind: str) -> None:
    """`tests/unit/writer/backup` are those of `services/writer/backup`; `pipeline` is all services together."""
    folders = {path.parent.relative_to(TESTS / kind) for path in (TESTS / kind).rglob("test_*.py")} - {Path()}
    assert len(folders) > 10
    places = [ROOT / "services", ROOT, ROOT / "deploy"]
    wrong = [str(folder) for folder in folders if not any((place / folder).is_dir() for place in places)]
    assert wrong == (["pipeline"] if kind == "integration" else [])


def test_every_room_is_named_where_a_newcomer_looks() -> None:
    """Kind: a page that tells of the house as it was: a room that it does not know, a file that is gone."""
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    rooms = {path.parent for top in ("services", "shared") for path in (ROOT / top).glob("*/**/__init__.py")}
    assert len(rooms) > 30
    assert sorted(str(room.relative_to(ROOT)) for room in rooms if f"`{room.relative_to(ROOT)}`" not in page) == []
    named = re.findall(r"`((?:services|shared|sandbox|bench|tools|tests|deploy)/[\w./]+)`", page)
    assert len(named) > 60
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_room_has_a_front_page() -> None:
    """It says what the room is for, and what it promises or must not know."""
    pages = [path for top in ("services", "shared") for path in (ROOT / top).rglob("__init__.py")]
    short = [path for path in pages if len(ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "") < 100]
    assert [str(path.relative_to(ROOT)) for path in short] == []


def test_no_fake_is_cast_into_what_it_is_not() -> None:
    """Kind: a fake whose methods are not those of what it stands for, and nobody says so."""
    wrong = [path.name for path in TESTS.rglob("*.py") if "typing.cast" in imports(path)]
    assert wrong == []


def test_a_constructor_that_takes_much_takes_it_by_name() -> None:
    """Kind: six things in a row, two of one type, and nobody sees that they are the wrong way round."""
    many = [
        f"{path.relative_to(ROOT)}:{method.lineno} {found.name}"
        for top in ("services", "shared")
        for path in (ROOT / top).rglob("*.py")
        for found in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(found, ast.ClassDef)
        for method in found.body
        if isinstance(method, ast.FunctionDef) and method.name == "__init__" and len(method.args.args) > 1 + 5
    ]
    assert many == []


def test_every_test_that_a_page_names_is_there() -> None:
    """Kind: a case that counts as shown by a test of another name, which was moved or is gone. `..._` names several."""
    files = [path for top in ("tests", "oracle_stand_in") for path in (ROOT / top).rglob("*.py")]
    tests = {f"/{path.as_posix()}": re.findall(r"def (test_\w+)", path.read_text("utf-8")) for path in files}
    pages = "\n".join(path.read_text("utf-8") for path in (ROOT / "docs").rglob("*.md"))

    def is_there(file: str, name: str) -> bool:
        return any(
            not name or any(test.startswith(name) for test in found)
            for path, found in tests.items()
            if path.endswith(f"/{file}" if file else "")
        )

    names = re.findall(r"(?<![\w/])test_\w+(?![\w./])", pages)
    in_files = re.findall(r"([\w/]*test_\w+\.py)(?:::(test_\w+))?", pages)
    assert len(names) > 100
    assert len(in_files) > 20
    assert [name for name in names if not is_there("", name)] == []
    assert [each for each in in_files if not is_there(*each)] == []
