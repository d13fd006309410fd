"""The last values of tags, as many as somebody looks for. No I/O, no clock."""

from datetime import tzinfo

from services.monitor.api.answers.tags import last_values
from services.monitor.dashboard.language import Language
from services.monitor.dashboard.rendering import render
from services.monitor.dashboard.tables import Cell, ago, plc_path
from services.monitor.read.overview import Overview

#: Rows shown; the API lists more.
TAGS_SHOWN = 50

_KINDS = {"GOOD": "ok", "BAD": "bad", "UNCERTAIN": "warn"}


def found_tags(t: Language, overview: Overview, zone: tzinfo, search: str, plc_code: str) -> str:
    """Return the tags whose names have all words that are looked for; `plc_code` may be empty."""
    found = last_values(overview, zone, search, plc_code or None, TAGS_SHOWN)
    rows = [
        [
            Cell(tag.tag_name),
            Cell(strong=t("units.none") if tag.value is None else tag.value),
            Cell(chip=tag.quality, kind=_KINDS.get(tag.quality, "idle")),
            Cell(t.say_clock(tag.time.timestamp())),
            Cell(ago(t, tag.age_seconds)),
            Cell(strong=tag.plc_code, link=plc_path(tag.plc_code)),
        ]
        for tag in found.items
    ]
    return render("tags.html", t, rows=rows, is_cut=found.truncated)
