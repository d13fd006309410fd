"""docs/glossary.md: one word for each idea, and no other."""

import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
GLOSSARY = (ROOT / "docs" / "glossary.md").read_text("utf-8")
SOURCES = [path for folder in ("services", "shared") for path in (ROOT / folder).rglob("*.py")]


def terms() -> list[str]:
    """Return all terms, in the order of the page; without what they are terms of."""
    rows = re.findall(r"^\| (\*\*.+?\*\*)(?: \((.+?)\))? \|", GLOSSARY, re.MULTILINE)
    return [f"{term} ({of})" if of else term for terms, of in rows for term in re.findall(r"\*\*(.+?)\*\*", terms)]


def names(path: Path) -> Iterator[str]:
    """Yield the words of all names in a module: `ready_token` has two."""
    with tokenize.open(path) as file:
        for token in tokenize.generate_tokens(file.readline):
            if token.type == tokenize.NAME:
                yield from re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", token.string)


def test_a_term_has_one_meaning() -> None:
    found = terms()
    assert len(found) > 50
    assert sorted({term for term in found if found.count(term) > 1}) == []


def test_no_name_has_a_word_that_is_not_used() -> None:
    unused = re.findall(r"^\| (\w+) \| ", GLOSSARY.split("## Words that are not used")[1], re.MULTILINE)[1:]
    assert len(unused) >= 4
    used = {
        f"{path.relative_to(ROOT)}: {word}"
        for path in SOURCES
        for word in names(path)
        if word.lower().removesuffix("s") in unused
    }
    assert sorted(used) == []
