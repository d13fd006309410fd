"""What was rejected and why: a card in short, and a page with the newest examples of each code. No I/O, no clock."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from services.monitor.api.answers.rejections import Rejections, rejections
from services.monitor.assess.humanize import number
from services.monitor.dashboard.language import Language
from services.monitor.dashboard.offers import Offer, Offers
from services.monitor.dashboard.rendering import render
from services.monitor.dashboard.tables import Cell
from services.monitor.read.overview import Overview
from services.monitor.read.rejected import RejectedOfCode
from shared.counters import Counter
from shared.records.files import REJECTED_HEADER
from shared.records.rejected import Rejected, RejectedExample

#: Where all of it is shown.
REJECTED_PATH = "/monitoring/rejected"

#: Codes on the card, and examples of each on the page.
CODES_SHOWN, EXAMPLES_SHOWN = 6, 50

_ROW_COLUMNS = ("select", "at", "tag_name", "value", "quality", "collected", "why", "file")
_MESSAGE_COLUMNS = ("select", "at", "tag_name", "begins", "why", "consumer")


@dataclass(frozen=True)
class Example:
    """One that can be ticked; `file` is the file that has a row."""

    id: str
    file: str
    can_retry: bool
    cells: Sequence[Cell]


@dataclass(frozen=True)
class Code:
    """All of one code, with its newest examples."""

    key: str
    title: str
    span: Markup | str
    kept: Markup
    columns: Sequence[Markup]
    examples: Sequence[Example]
    offers: Sequence[Offer]
    selected: Sequence[Offer]


def card(t: Language, overview: Overview) -> str:
    """Return the most frequent codes."""
    ledger, found = overview.ledger, overview.rejected
    rows = [
        [
            Cell(t.word("rejected", each.what)),
            Cell(code=each.code),
            Cell(strong=number(each.count)),
            Cell(_at(t, each.last_at)),
            Cell(each.examples[0].reason if each.examples else ""),
        ]
        for each in found[:CODES_SHOWN]
    ]
    names = ("what", "code", "count", "last", "reason")
    return render(
        "rejected_card.html",
        t,
        note=t(
            "rejected.note",
            rows=ledger[Counter.REJECTED],
            messages=ledger[Counter.MESSAGES_REJECTED],
            tags=ledger[Counter.TAGS_REJECTED],
        ),
        columns=[t(f"rejected.{name}") for name in names],
        rows=rows,
        path=REJECTED_PATH,
    )


def page(t: Language, overview: Overview, offers: Offers) -> str:
    """Return all codes with their newest examples, and the files that have the rows."""
    waiting: Rejections = rejections(overview, 0)
    files = [
        [
            Cell(code=file.name),
            Cell(number(file.rows)),
            Cell(file.host or ""),
            Cell(chip=t.word("word", file.state), kind="warn", offers=offers.for_rejected_file(file.name)),
        ]
        for file in waiting.files
    ]
    return render(
        "rejected.html",
        t,
        codes=[_code(t, found, offers) for found in overview.rejected],
        file_columns=[t(f"rejected.{name}") for name in ("file", "rows", "host", "state")],
        files=files,
    )


def _code(t: Language, found: RejectedOfCode, offers: Offers) -> Code:
    is_row = found.what is Rejected.ROW
    shown = found.examples[:EXAMPLES_SHOWN]
    make = _row if is_row else _message
    # Nothing is ticked where nothing can be done with it.
    names = (_ROW_COLUMNS if is_row else _MESSAGE_COLUMNS)[0 if offers.may_act else 1 :]
    return Code(
        key=f"{found.what}:{found.code}",
        title=t.count(found.count, found.what.value),
        span=t("rejected.span", first=found.first_at, last=found.last_at)
        if found.first_at is not None and found.last_at is not None
        else "",
        kept=_kept(t, found, len(shown)),
        columns=[t(f"rejected.{name}") for name in names],
        examples=[make(t, example) for example in shown],
        offers=() if is_row or not shown else offers.for_messages(found.code),
        selected=(offers.for_selected_rows if is_row else offers.for_selected_messages)(found.code) if shown else (),
    )


def _kept(t: Language, found: RejectedOfCode, shown: int) -> Markup:
    if shown:
        return t("rejected.kept", shown=shown, kept=len(found.examples))
    # Counts are read with everything else, examples a moment later.
    return Markup() if found.first_at is None else t("rejected.none_kept")


def _row(t: Language, example: RejectedExample) -> Example:
    cells = dict(zip(REJECTED_HEADER, example.cells, strict=False))
    texts = (cells.get(name, "") for name in ("tag_name", "tag_value", "quality", "timestamp"))
    shown = [Cell(_at(t, example.at)), *map(Cell, texts), Cell(example.reason), Cell(code=example.file or "")]
    return Example(example.id, example.file or "", example.file is not None, shown)


def _message(t: Language, example: RejectedExample) -> Example:
    tags = f"{example.tag} (+{example.tags - 1})" if example.tags and example.tags > 1 else example.tag or ""
    texts = [Cell(tags), Cell(code=example.message or ""), Cell(example.reason), Cell(example.consumer or "")]
    return Example(example.id, "", example.can_retry, [Cell(_at(t, example.at)), *texts])


def _at(t: Language, at: float | None) -> str:
    return "" if at is None else t.say_moment(at)
