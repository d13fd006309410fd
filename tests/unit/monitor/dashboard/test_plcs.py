"""PLCs on pages of their own: their groups, tags, last polls and what fails."""

import json
import re

from services.monitor.dashboard.language import languages
from services.monitor.dashboard.plcs import all_plcs, one_plc, plcs_of
from services.monitor.read.overview import Overview, service_of
from tests.unit.monitor.overviews import NOW, make_overview

EN = languages()["en"]
EVIL = "<script>alert(1)</script>&code=x"


def seen(plc: str, group: str, **fields: object) -> dict[str, object]:
    return {"plc_code": plc, "group_name": group, "mode": "FIXED", "interval_ms": 500, "values": 98, "errors": 2,
            "last_seen_at": NOW - 1, "last_poll": "2026-01-01T09:00:03", "poll_time_ms": 3.0, **fields}  # fmt: skip


def overview(**polling: dict[str, object]) -> Overview:
    groups = [{"name": "own", "plc_code": "PLC01", "mode": "FIXED", "interval_ms": 1000, "state": "failed",
               "trouble": "opc.tcp://plc: refused"}]  # fmt: skip
    poller = service_of("poller", "p", NOW, {"state": "running", "groups": json.dumps(groups)})
    return make_overview(polling=polling, services=[poller])


def said(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).strip()


def test_plc_is_the_sum_of_its_groups() -> None:
    known = overview(a=seen("PLC02", "one"), b=seen("PLC02", "two", mode="HANDSHAKE", interval_ms=None, errors=0))
    one, two = plcs_of(known)
    assert (one.code, two.code) == ("PLC01", "PLC02")
    assert (two.values, two.failed, two.per_second) == (196, 2, 196.0)
    assert (one.per_second, one.last_seen_at) == (None, None), "nothing of it came through yet"


def test_all_plcs_are_listed_and_lead_to_their_pages() -> None:
    html = all_plcs(EN, overview(a=seen("PLC02", "one")))
    assert "PLC02 1 98 2 failed 196 now" in said(html)
    assert 'href="../monitoring/plc?code=PLC02"' in html


def test_page_of_a_plc_shows_its_groups_and_what_its_poller_says() -> None:
    text = said(one_plc(EN, overview(a=seen("PLC01", "line 1")), "PLC01"))
    assert "line 1 FIXED, every 500 ms 2026-01-01T09:00:03 now 98 2 failed 3 ms polled by another engine" in text
    assert "own FIXED, every 1 s - - - - opc.tcp://plc: refused failed" in text
    assert "196 98 2 groups" not in text
    assert "No polling group of this PLC was ever seen." in said(one_plc(EN, overview(), "nobody"))


def test_names_from_outside_are_text_and_parts_of_an_address() -> None:
    known = overview(a=seen(EVIL, EVIL, last_poll=EVIL, mode=EVIL))
    for html in (all_plcs(EN, known), one_plc(EN, known, EVIL)):
        assert "<script" not in html
    assert "code=%3Cscript%3Ealert%281%29%3C%2Fscript%3E%26code%3Dx" in all_plcs(EN, known)
