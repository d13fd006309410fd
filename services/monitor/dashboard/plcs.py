"""PLCs: all of them in short, one with its polling groups, and the last values of tags. No I/O, no clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import tzinfo

from services.monitor.api.answers.tags import last_values
from services.monitor.assess.humanize import number
from services.monitor.dashboard.language import Language
from services.monitor.dashboard.rendering import render
from services.monitor.dashboard.tables import Cell, ago, listed, mode, plc_path, tags_cell
from services.monitor.read.groups import Group
from services.monitor.read.overview import Overview

#: Rows shown of PLCs, of the groups of one, and of tags; the API lists more.
PLCS_SHOWN, GROUPS_SHOWN, TAGS_SHOWN = 500, 200, 50

_QUALITIES = {"GOOD": "ok", "BAD": "bad", "UNCERTAIN": "warn"}


@dataclass(frozen=True)
class Plc:
    """The polling groups of one PLC."""

    code: str
    groups: Sequence[Group]

    @property
    def values(self) -> int:
        """Tags with a value in the last polls."""
        return sum(group.seen.values or 0 for group in self.groups)

    @property
    def failed(self) -> int:
        """Tags that failed in the last polls."""
        return sum(group.seen.errors or 0 for group in self.groups)

    @property
    def per_second(self) -> float | None:
        """Values a second, of the groups whose interval is known; None where none is."""
        known = [rate for group in self.groups if (rate := per_second(group)) is not None]
        return sum(known) if known else None

    @property
    def last_seen_at(self) -> float | None:
        """When something of it came through last, in seconds since 1970."""
        return max((at for group in self.groups if (at := group.seen.last_seen_at) is not None), default=None)


def per_second(group: Group) -> float | None:
    """Return the values a second of a group that is polled by a clock; None where that is not known."""
    if group.mode != "FIXED" or not group.interval_ms or group.seen.values is None:
        return None
    return group.seen.values / (group.interval_ms / 1000)


def plcs_of(overview: Overview) -> list[Plc]:
    """Return every PLC of which a group was seen, by its code."""
    groups: dict[str, list[Group]] = {}
    for (code, _), group in overview.groups.items():
        groups.setdefault(code, []).append(group)
    return [Plc(code, found) for code, found in groups.items()]


def all_plcs(t: Language, overview: Overview) -> str:
    """Return every PLC in short."""
    found = plcs_of(overview)
    rows = [
        [
            Cell(strong=plc.code, link=plc_path(plc.code)),
            Cell(number(len(plc.groups))),
            Cell(number(plc.values), chip=t("polling.failed", count=plc.failed) if plc.failed else "", kind="warn"),
            Cell(_rate(t, plc.per_second)),
            Cell(ago(t, overview.age_s(plc.last_seen_at))),
        ]
        for plc in found[:PLCS_SHOWN]
    ]
    return listed(t, "plc", rows, of=len(found), note=t.count(len(found), "plc"))


def one_plc(t: Language, overview: Overview, code: str) -> str:
    """Return all that is known of one PLC."""
    plc = next((plc for plc in plcs_of(overview) if plc.code == code), Plc(code, ()))
    rows = [_group(t, overview, group) for group in plc.groups[:GROUPS_SHOWN]]
    parts = {"rate": _rate(t, plc.per_second), "last": ago(t, overview.age_s(plc.last_seen_at))}
    return render("plc.html", t, plc=plc, rows=rows, **parts)


def _group(t: Language, overview: Overview, group: Group) -> list[Cell]:
    seen, own = group.seen, group.own
    works = own is None or (own.trouble is None and own.state in {"running", "starting", "finished"})
    return [
        Cell(strong=seen.group_name),
        Cell(mode(t, group.mode, group.interval_ms)),
        Cell(seen.last_poll or t("units.none")),
        Cell(ago(t, overview.age_s(seen.last_seen_at))),
        tags_cell(t, group),
        Cell(t.say_time_span(seen.poll_time_ms)),
        Cell(
            own.trouble or "" if own else t("plc.elsewhere"),
            chip=t.word("word", own.state) if own else "",
            kind="ok" if works else "bad",
        ),
    ]


def _rate(t: Language, rate: float | None) -> str:
    return t("units.none") if rate is None else number(round(rate, 1))


def found_tags(t: Language, overview: Overview, zone: tzinfo, search: str, plc_code: str) -> str:
    """Return the tags whose names have all words that are looked for; `plc_code` may be empty."""
    found = last_values(overview, zone, search, plc_code or None, TAGS_SHOWN)
    rows = [
        [
            Cell(tag.tag_name),
            Cell(strong=t("units.none") if tag.value is None else tag.value),
            Cell(chip=tag.quality, kind=_QUALITIES.get(tag.quality, "idle")),
            Cell(t.say_clock(tag.time.timestamp())),
            Cell(ago(t, tag.age_seconds)),
            Cell(strong=tag.plc_code, link=plc_path(tag.plc_code)),
        ]
        for tag in found.items
    ]
    return render("tags.html", t, rows=rows, is_cut=found.truncated)
