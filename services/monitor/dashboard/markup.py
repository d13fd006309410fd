"""Pieces of HTML. Everything that comes from outside goes through `text`. No I/O, no clock."""

from collections.abc import Iterable, Sequence
from html import escape


def text(anything: object) -> str:
    """Return it as text in HTML, safe between tags and in quoted attributes."""
    return escape(str(anything))


def prose(words: str) -> str:
    """Return text in which what stands between backticks is a command.

    >>> prose("run `x <y>`")
    'run <code>x &lt;y&gt;</code>'
    """
    parts = text(words).split("`")
    return "".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts))


def chip(kind: str, word: str) -> str:
    """Return a word with a mark and a colour of its kind: ok, warn, bad or idle. The word alone says it all."""
    return f'<span class="chip {kind}">{text(word)}</span>'


def heading(key: str, title: str, note: str = "") -> str:
    """Return a card's heading; `key` names it for what it labels."""
    said = f' <span class="note">{text(note)}</span>' if note else ""
    return f'<h2 id="h-{key}">{text(title)}{said}</h2>'


def table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[str]], empty: str) -> str:
    """Return a table of cells that are HTML already; on a narrow screen each cell shows its column's name."""
    made = list(rows)
    if not made:
        return f'<p class="empty">{text(empty)}</p>'
    head = "".join(f'<th scope="col">{text(column)}</th>' for column in columns)
    body = "".join(
        "<tr>"
        + "".join(
            f'<td data-label="{text(column)}">{cell}</td>' if index else f'<th scope="row">{cell}</th>'
            for index, (column, cell) in enumerate(zip(columns, row, strict=True))
        )
        + "</tr>"
        for row in made
    )
    return (
        f'<table><caption class="unseen">{text(caption)}</caption><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table>"
    )


def figure(label: str, value: str, note: str = "", kind: str = "") -> str:
    """Return a figure with its label: the big numbers. Everything but `kind` is plain text."""
    return (
        f'<div class="figure {kind}"><dt>{text(label)}</dt><dd>{text(value)}</dd>'
        f'<dd class="note">{text(note)}</dd></div>'
    )
