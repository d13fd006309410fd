"""What is offered to who may act, and to nobody else; what people asked for; what was rejected."""

import ast
import inspect
import json
import re
from typing import Any

import pytest
from fastapi.routing import APIRoute

from services.monitor.api import acting
from services.monitor.api.answers.listings import BackupFile
from services.monitor.assess.alert_kinds import KINDS
from services.monitor.assess.findings import losses
from services.monitor.dashboard import cards, rejected
from services.monitor.dashboard.language import languages
from services.monitor.dashboard.offers import Offers
from services.monitor.dashboard.rendering import render
from services.monitor.read.overview import KnownAction, Overview, service_of
from services.monitor.read.rejected import RejectedOfCode
from shared.records.actions import Action
from shared.records.files import BackupFile as StoredFile
from shared.records.rejected import Rejected, RejectedExample
from tests.unit.monitor.overviews import HEALTHY_POLLING, NOW, backup_file, make_overview, read, writer

EN, KO = languages()["en"], languages()["ko"]
OPERATOR, READER = Offers(EN, may_act=True), Offers(EN)
EVIL = "<script>alert('\"&`')</script>"


def said(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html)).strip()


def asked(offers: Any) -> list[tuple[str, Any]]:
    return [(offer.path.removeprefix("/api/actions/"), json.loads(offer.body)) for offer in offers]


def file(**fields: Any) -> BackupFile:
    return BackupFile.like(read(StoredFile, {"f.csv": backup_file(**fields)})["f.csv"], name="f.csv")


def test_file_is_offered_for_what_it_is() -> None:
    assert asked(OPERATOR.for_file(file())) == [("recover", {"target": "f.csv"})]
    assert asked(OPERATOR.for_file(file(state="recovered"))) == []
    assert asked(OPERATOR.for_file(file(kind="rejected"))) == [
        ("retry_rejected_file", {"target": "f.csv"}), ("set_aside_rejected_file", {"target": "f.csv"}),
    ]  # fmt: skip
    assert asked(OPERATOR.for_all_files(2)) == [("recover", {})]
    assert asked(OPERATOR.for_all_files(0)) == []


def test_service_is_offered_for_what_it_does() -> None:
    assert asked(OPERATOR.for_service(writer())) == [("pause", {"target": "writer:plant-1"})]
    assert asked(OPERATOR.for_service(writer(state="paused"))) == [("resume", {"target": "writer:plant-1"})]
    assert asked(OPERATOR.for_service(service_of("poller", "p", NOW, {"state": "running"}))) == []
    assert asked(OPERATOR.for_service(service_of("poller", "p", NOW, {}))) == [
        ("forget_service", {"target": "poller:p"})
    ]


def test_polling_group_is_offered_when_it_is_silent_and_nobody_has_it() -> None:
    (group,) = make_overview(polling=HEALTHY_POLLING).groups.values()
    assert asked(OPERATOR.for_group(group, 9.0)) == []
    identity = {"plc_code": group.seen.plc_code, "group_name": group.seen.group_name}
    assert asked(OPERATOR.for_group(group, 60.0)) == [("forget_group", identity)]


def test_loss_is_offered_and_other_alerts_are_not() -> None:
    assert asked(OPERATOR.for_alert("values_lost")) == [("acknowledge", {})]
    assert asked(OPERATOR.for_alert("oracle_away")) == []


def test_every_loss_that_is_told_can_be_acknowledged() -> None:
    """Kind: what two places list is listed by one: health stays degraded by a loss that no button ends."""
    words = {node.value for node in ast.walk(ast.parse(inspect.getsource(losses))) if isinstance(node, ast.Constant)}
    assert {code for code in KINDS if OPERATOR.for_alert(code)} == words & set(KINDS)


def test_what_destroys_is_marked_as_such() -> None:
    retry, drop = OPERATOR.for_messages("NO_TIME")
    assert (retry.destroys, drop.destroys) == (False, True)
    assert asked([drop]) == [("drop_messages", {"codes": ["NO_TIME"]})]


def test_reader_is_offered_nothing_and_told_how_to_act() -> None:
    """Kind: a button that somebody may not press."""
    overview = busy()
    html = "".join(
        [
            cards.actions(EN, overview, READER, is_possible=True),
            rejected.page(EN, overview, READER),
            render("alerts.html", EN, note="", kinds={}, alerts=[]),
        ]
    )
    assert "<button" not in html
    assert "checkbox" not in html
    assert "Who acts logs in with MONITOR_OPERATOR_TOKEN" in said(html)
    nobody = cards.actions(EN, overview, READER, is_possible=False)
    assert "set MONITOR_OPERATOR_TOKEN" in said(nobody)
    assert "<a" not in nobody
    assert "MONITOR_OPERATOR_TOKEN" not in cards.actions(EN, overview, OPERATOR, is_possible=True)


def busy() -> Overview:
    row = RejectedExample(
        id="a" * 16, at=NOW, reason=EVIL, file="rejected_1.csv",
        cells=("2026-01-01 00:00:01", "PLC01", "D1", EVIL, EVIL, "GOOD", "x", "ORA-1", EVIL),
    )  # fmt: skip
    message = RejectedExample(id="b" * 16, at=NOW, reason=EVIL, consumer=EVIL, tag=EVIL, tags=3, message=EVIL)
    lost = RejectedExample(id="c" * 16, at=NOW, reason="gone", can_retry=False)
    overview = make_overview(backup_files={"rejected_1.csv": backup_file(kind="rejected", host=EVIL)})
    actions = (
        KnownAction(Action(id="1", kind="recover", asked_by=EVIL, asked_at=NOW, state="running", done=500, total=2_000,
                           unit="rows", options={"rate": 10.0, "dry_run": True})),
        KnownAction(Action(id="2", kind=EVIL, target=EVIL, asked_by="operator", asked_at=NOW, state=EVIL, outcome=EVIL,
                           options={EVIL: EVIL}, ended_at=NOW)),
    )  # fmt: skip
    return _with(
        overview,
        actions=actions,
        rejected=(
            RejectedOfCode(Rejected.ROW, "ORA-12899", 1_234, first_at=NOW - 60, last_at=NOW, examples=(row,)),
            RejectedOfCode(Rejected.TAG, EVIL, 2, examples=(message, lost)),
        ),
    )


def _with(overview: Overview, **parts: Any) -> Overview:
    return Overview(**{**vars(overview), **parts})


def test_actions_say_who_asked_how_far_they_are_and_what_came_of_them() -> None:
    html = cards.actions(EN, busy(), OPERATOR, is_possible=True)
    assert '<progress max="2000" value="500"' in html
    text = said(html)
    assert "running Recover at most 10 rows a second, dry run" in text
    assert "500 of 2,000 rows" in text
    assert asked(OPERATOR.for_action(busy().actions[0].action)) == [("1/stop", {})]
    assert html.count("<button") == 1, "what has ended can't be stopped"
    assert "2,000 중 500 행" in said(cards.actions(KO, busy(), Offers(KO), is_possible=True))


def test_rejections_are_grouped_with_examples_that_can_be_ticked() -> None:
    html = rejected.page(EN, busy(), OPERATOR)
    assert "ORA-12899 1,234 rows first 2025-12-31 23:59 UTC" in said(html)
    assert re.findall(r'value="(\w+)" data-file="([^"]*)"', html) == [("a" * 16, "rejected_1.csv"), ("b" * 16, "")]
    assert "ORA-12899" in said(rejected.card(EN, busy()))


@pytest.mark.parametrize("t", [EN, KO])
def test_names_and_reasons_from_outside_are_text(t: Any) -> None:
    offers = Offers(t, may_act=True)
    overview = busy()
    for html in (
        cards.actions(t, overview, offers, is_possible=True),
        rejected.page(t, overview, offers),
        rejected.card(t, overview),
    ):
        assert "<script" not in html
        assert "alert('" not in html


def test_everything_that_is_offered_is_taken_by_the_api() -> None:
    """Kind: a button that asks for what nobody takes."""
    taken = {
        route.path for route in acting.router.routes if isinstance(route, APIRoute) and "POST" in (route.methods or ())
    }
    (group,) = make_overview(polling=HEALTHY_POLLING).groups.values()
    offers = [
        *OPERATOR.for_all_files(1), *OPERATOR.for_file(file()), *OPERATOR.for_rejected_file("f.csv"),
        *OPERATOR.for_service(writer()), *OPERATOR.for_service(writer(state="paused")),
        *OPERATOR.for_service(service_of("poller", "p", NOW, {})), *OPERATOR.for_group(group, 60.0),
        *OPERATOR.for_alert("values_lost"), *OPERATOR.for_messages("NO_TIME"),
        *OPERATOR.for_selected_messages("NO_TIME"),
        *OPERATOR.for_selected_rows("ORA-1"), *OPERATOR.for_action(busy().actions[0].action),
    ]  # fmt: skip
    assert {offer.path.replace("/1/", "/{id}/") for offer in offers} == taken
