"""`make` lists what there is, and the documents name no command that is not."""

import re
import subprocess
from pathlib import Path

_ROOT = Path(__file__).parents[3]
_TARGET = re.compile(r"^([\w-]+):.*##", re.MULTILINE)


def targets() -> set[str]:
    return set(_TARGET.findall((_ROOT / "Makefile").read_text()))


def test_make_alone_lists_every_command() -> None:
    """Kind: a pattern that knows no digits: `make test-e2e` was in no list."""
    done = subprocess.run(["make", "-s", "-C", str(_ROOT)], capture_output=True, text=True, timeout=30, check=True)
    assert set(re.findall(r"^  make ([\w-]+)", done.stdout, re.MULTILINE)) == targets()


def test_no_command_is_taken_for_a_file_of_its_name() -> None:
    (phony,) = re.findall(r"^\.PHONY: (.*)$", (_ROOT / "Makefile").read_text(), re.MULTILINE)
    assert targets() <= set(phony.split())


def test_each_command_of_the_documents_is_there() -> None:
    pages = [
        *_ROOT.glob("*.md"),
        *_ROOT.glob("docs/**/*.md"),
        *_ROOT.glob("deploy/**/*.md"),
        *_ROOT.glob("*/README.md"),
    ]
    named = {
        (page.name, name)
        for page in pages
        if page.name != "CHANGELOG.md"
        for name in re.findall(r"(?:`|^    |&& )make ([a-z][\w-]*)", page.read_text("utf-8"), re.MULTILINE)
    }
    assert len(named) > 20
    assert {(page, name) for page, name in named if name not in targets()} == set()
