"""What was rejected and why: a card in short, and a page with the newest examples of each code. No I/O, no clock."""

from collections.abc import Sequence

from services.monitor.assess.humanize import number
from services.monitor.dashboard.language import Language
from services.monitor.dashboard.offers import Offer, Offers
from services.monitor.dashboard.rendering import render
from services.monitor.dashboard.tables import Cell
from services.monitor.read.overview import Overview
from services.monitor.read.rejected import RejectedOfCode
from shared.counters import Counter
from shared.records.files import REJECTED_HEADER, FileKind
from shared.records.rejected import Rejected, RejectedExample

#: Where all of it is shown.
REJECTED_PATH = "/monitoring/rejected"

#: Codes on the card, and examples of each on the page.
CODES_SHOWN, EXAMPLES_SHOWN = 6, 50

#: One code: its newest examples, each with its cells; and what is offered for all of it, and for what is ticked.
Code = tuple[RejectedOfCode, Sequence[tuple[RejectedExample, Sequence[Cell]]], Sequence[Offer], Sequence[Offer]]


def card(t: Language, overview: Overview) -> str:
    """Return the most frequent codes."""
    rows = [
        [
            Cell(t.word("rejected", each.what)),
            Cell(code=each.code),
            Cell(strong=number(each.count)),
            Cell(_at(t, each.last_at)),
            Cell(each.examples[0].reason if each.examples else ""),
        ]
        for each in overview.rejected[:CODES_SHOWN]
    ]
    counters = {"rows": Counter.REJECTED, "messages": Counter.MESSAGES_REJECTED, "tags": Counter.TAGS_REJECTED}
    note = t("rejected.note", **{name: overview.ledger[counter] for name, counter in counters.items()})
    return render("rejected_card.html", t, rows=rows, note=note)


def page(t: Language, overview: Overview, offers: Offers) -> str:
    """Return all codes with their newest examples, and the files that have the rows."""
    files = [
        [
            Cell(code=name),
            Cell(number(file.rows)),
            Cell(file.host or ""),
            Cell(chip=t.word("word", file.state), kind="warn", offers=offers.for_rejected_file(name)),
        ]
        for name, file in overview.files_waiting(FileKind.REJECTED).items()
    ]
    return render("rejected.html", t, codes=[_code(t, found, offers) for found in overview.rejected], files=files)


def _code(t: Language, found: RejectedOfCode, offers: Offers) -> Code:
    """Return all of one code with its newest examples, and what is offered for all of them and for those ticked."""
    is_row = found.what is Rejected.ROW
    examples = [(each, (_row if is_row else _message)(t, each)) for each in found.examples[:EXAMPLES_SHOWN]]
    if not examples:
        return found, examples, (), ()
    if is_row:
        return found, examples, (), offers.for_selected_rows(found.code)
    return found, examples, offers.for_messages(found.code), offers.for_selected_messages(found.code)


def _row(t: Language, example: RejectedExample) -> list[Cell]:
    cells = dict(zip(REJECTED_HEADER, example.cells, strict=False))
    texts = (cells.get(name, "") for name in ("tag_name", "tag_value", "quality", "timestamp"))
    return [Cell(_at(t, example.at)), *map(Cell, texts), Cell(example.reason), Cell(code=example.file or "")]


def _message(t: Language, example: RejectedExample) -> list[Cell]:
    tags = f"{example.tag} (+{example.tags - 1})" if example.tags and example.tags > 1 else example.tag or ""
    texts = Cell(tags), Cell(code=example.message or ""), Cell(example.reason), Cell(example.consumer or "")
    return [Cell(_at(t, example.at)), *texts]


def _at(t: Language, at: float | None) -> str:
    return "" if at is None else t.say_moment(at)
