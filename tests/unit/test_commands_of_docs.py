"""Commands in the documents can be pasted as they stand."""

import re
from pathlib import Path

_ROOT = Path(__file__).parents[2]
#: What was changed is read, and not run.
_PAGES = [
    *(page for page in _ROOT.glob("*.md") if page.name != "CHANGELOG.md"),
    *_ROOT.glob("docs/**/*.md"),
    *_ROOT.glob("deploy/**/README.md"),
]

#: Between backticks, in a paragraph; and how a command begins.
_CODE, _COMMAND = re.compile(r"(?<!`)`([^`]+)`(?!`)"), re.compile(r"(?:[A-Z_]+=\S+|[a-z][\w./-]*)\s+\S")


def test_no_command_goes_on_in_the_next_line() -> None:
    """Kind: `BACKUP_DIR=/mnt/copy` in one line, `recover` in the next: pasted, it recovers another directory."""
    assert len(_PAGES) > 20
    broken = [
        f"{page.relative_to(_ROOT)}: {code}"
        for page in _PAGES
        for paragraph in re.split(r"\n\s*\n", re.sub(r"(?ms)^```.*?^```", "", page.read_text("utf-8")))
        for code in _CODE.findall(paragraph)
        if "\n" in code and _COMMAND.match(code)
    ]
    assert broken == []
