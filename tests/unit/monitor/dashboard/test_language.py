"""Every language says everything, and nothing that people read bypasses the catalogue."""

import ast
import re
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.monitor.api import state
from services.monitor.api.state import Newest
from services.monitor.api.whole import Whole
from services.monitor.assess import findings, together
from services.monitor.assess.alert_kinds import KINDS, Severity, Status
from services.monitor.assess.assessment import Assessor
from services.monitor.assess.findings.finding import Finding
from services.monitor.assess.said import NOUNS, Said, pieces
from services.monitor.dashboard import rendering
from services.monitor.dashboard.language import Language, catalogues, languages, preferred
from services.monitor.dashboard.picture import Painter
from services.monitor.settings import MonitorSettings
from shared.clock import SystemClock
from shared.records.events import Event
from tests.unit.monitor.overviews import NOW, event, healthy_overview, make_overview, writer

EN, KO = languages()["en"], languages()["ko"]
ROOM = Path(rendering.__file__).parent
OTHERS = sorted(set(catalogues()) - {"en"})
EVIL = "<script>alert('\"&`{count:value}')</script>"


def keys(catalogue: dict[str, Any]) -> set[str]:
    return {
        f"{section}.{key}"
        for section, texts in catalogue.items()
        if isinstance(texts, dict) and section not in {"remedy", "messages"}
        for key in texts
    }


def sentences() -> set[str]:
    """Return all that the judgement says in words: every text of its modules that has a blank and documents nothing."""
    paths = [*Path(findings.__file__).parent.glob("*.py"), Path(together.__file__), Path(state.__file__)]
    trees = [ast.parse(path.read_text("utf-8")) for path in paths]
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = {
        statement.value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, documented)
        for statement in node.body[:1]
        if isinstance(statement, ast.Expr)
    }
    return {
        node.value
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in docstrings
        if re.search(r"[a-z}] | [a-z{]", node.value)
    }


@pytest.mark.parametrize("code", OTHERS)
def test_language_has_every_text_and_fills_in_the_same_parts(code: str) -> None:
    english, other = catalogues()["en"], catalogues()[code]
    assert keys(english) == keys(other)
    for key in sorted(keys(english)):
        section, _, name = key.partition(".")
        texts = english[section][name], other[section][name]
        for one, two in [texts] if isinstance(texts[0], str) else zip(*texts, strict=True):
            assert two.strip(), key
            named = [{(name, kind) for _, name, kind in pieces(text) if name} for text in (one, two)]
            assert {name for name, _ in named[0]} == {name for name, _ in named[1]}, key


@pytest.mark.parametrize("code", OTHERS)
def test_language_says_all_that_the_judgement_says(code: str) -> None:
    messages = catalogues()[code]["messages"]
    found = sentences()
    assert len(found) > 50
    assert sorted(found - set(messages)) == []
    for english, said in messages.items():
        parts = [{(name, kind) for _, name, kind in pieces(text) if name} for text in (english, said)]
        assert parts[0] == parts[1], english


@pytest.mark.parametrize("code", OTHERS)
def test_every_remedy_is_translated_with_the_same_commands(code: str) -> None:
    remedies = catalogues()[code]["remedy"]
    assert set(KINDS) <= set(remedies)
    for kind, known in KINDS.items():
        commands = [set(re.findall(r"`([^`]+)`", text)) for text in (known.remedy, remedies[kind])]
        assert commands[0] == commands[1], kind


@pytest.mark.parametrize("code", sorted(catalogues()))
def test_every_code_that_people_see_has_a_name(code: str) -> None:
    catalogue = catalogues()[code]
    assert set(KINDS) <= set(catalogue["alert"])
    assert set(Event) <= set(catalogue["event"])
    assert set(Status) <= set(catalogue["health"])
    assert set(Severity) <= set(catalogue["alerts"])
    assert set(catalogue["nouns"]) == set(NOUNS)


def test_sentence_of_the_judgement_is_said_in_korean_with_its_figures() -> None:
    said = Said("{held:value} wait and no value was written for {span:duration}", held=1_234, span=7_500)
    assert KO.say(said) == "값 1,234개가 기다리는데 2시간 5분 동안 저장된 값이 없습니다"
    away = Said(
        "{away}{span} ({names}): {how_long}; circuit breaker {breakers}{error}",
        away=Said("Oracle is away"),
        span=Said(" for {span:duration}", span=42),
        names=Said("writer {names}", names="w-1"),
        how_long=Said("values go to the backup; nothing is lost"),
        breakers=Said("open"),
        error=Said("; last error: {error}", error="ORA-03113: end-of-file <x>"),
    )
    assert KO.say(away) == (
        "Oracle 연결이 끊겼습니다 42초째(writer w-1): 값은 백업으로 가며 유실은 없습니다. 차단기 열림. "
        "마지막 오류: ORA-03113: end-of-file &lt;x&gt;"
    )
    assert EN.say(away).startswith("Oracle is away for 42 s (writer w-1): values go to the backup; nothing is lost;")


def test_what_comes_from_outside_is_neither_markup_nor_template_in_any_language() -> None:
    """Kind: a name from outside that a template engine fills in, or that a browser runs."""
    for t in languages().values():
        for said in (t.say(EVIL), t.say(Said("poller {name}: {trouble}", name=EVIL, trouble=EVIL))):
            assert "<script" not in said
            assert "{count:value}" in said
        assert "<" not in t.word("event", EVIL)
        assert "<" not in t("services.host", host=EVIL)


def test_times_are_shown_in_the_zone_with_utc_beside_them() -> None:
    seoul = Language("ko", catalogues()["ko"], ZoneInfo("Asia/Seoul"))
    assert seoul.say_clock(NOW) == (
        '<time datetime="2026-01-01T00:00:05Z" data-form="clock" title="2026-01-01 00:00:05 UTC">09:00:05 KST</time>'
    )
    assert ">2026-01-01 09:00 KST<" in seoul.say_moment(NOW)
    assert ">00:00:05 UTC<" in EN.say_clock(NOW)
    assert ">9999-12-31 23:59 UTC<" in EN.say_moment(1e30), "of somebody's spoiled clock"


@pytest.mark.parametrize(
    ("accepted", "code"),
    [
        ("", "en"), ("ko", "ko"), ("ko-KR,ko;q=0.9,en-US;q=0.8", "ko"), ("en-US,en;q=0.9,ko;q=0.8", "en"),
        ("de,ko;q=0.5,en;q=0.1", "ko"), ("fr", "en"), ("ko;q=0", "en"), ("ko;q=x,;q=,=;", "en"), ("*", "en"),
        ("x" * 10_000 + ",ko", "ko"),
    ],
)  # fmt: skip
def test_language_is_what_the_browser_asks_for_first(accepted: str, code: str) -> None:
    assert preferred(accepted, {"en", "ko"}) == code


# --- Nothing bypasses the catalogue -----------------------------------------------------------------------------------

#: What is no text of a language: the product's name, and the zone of times.
_NO_TEXT = {"tagpipe", "UTC"}


def test_templates_hold_no_text_of_their_own() -> None:
    found = {}
    for path in (ROOM / "templates").glob("*.html"):
        source = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "", path.read_text("utf-8"), flags=re.DOTALL)
        texts = re.findall(r">([^<]*)<|(?:title|aria-label|alt|placeholder)=\"([^\"]*)\"", f">{source}<")
        words = {word for pair in texts for text in pair for word in re.findall(r"[^\W\d_]{2,}", text)} - _NO_TEXT
        if words:
            found[path.name] = sorted(words)
    assert found == {}


def test_scripts_hold_no_text_of_their_own() -> None:
    found = {}
    for path in (ROOM / "static").glob("*.js"):
        source = re.sub(r"^\s*//.*$|//[^\"'`\n]*$", "", path.read_text("utf-8"), flags=re.MULTILINE)
        texts = [text for quoted in re.findall(r"\"([^\"\n]*)\"|`([^`]*)`", source) for text in quoted]
        # A selector has brackets, dots or hashes; a text has words one behind the other.
        wrong = [text for text in texts if re.search(r"[a-z]{2,} [a-z]{2,}", text) and not re.search(r"[\[#.:]", text)]
        if wrong:
            found[path.name] = wrong
    assert found == {"choices.js": ["use strict"]}


def muted() -> Language:
    """Return a language that says nothing but what comes from outside: every letter of its texts is a dot."""

    def mute(text: Any) -> Any:
        if isinstance(text, list):
            return [mute(each) for each in text]
        return re.sub(r"\{[^}]*\}|[^\W\d_]", lambda found: found[0] if found[0].startswith("{") else "·", text)

    catalogue = {
        section: {key: mute(text) for key, text in texts.items()} if isinstance(texts, dict) else texts
        for section, texts in catalogues()["ko"].items()
    }
    return Language("xx", catalogue)


def test_cards_say_nothing_that_is_not_in_the_catalogue() -> None:
    """Kind: a text put together in the server's code, which stays English on every page."""
    settings = MonitorSettings.model_validate({})
    names = {"host": "1", "version": "1", "pid": "1"}
    overview = make_overview(
        counters=healthy_overview().ledger.counters,
        services=[writer("1", oracle="away", breaker="open", last_error="1", **names)],
        events=[event(NOW - 1, "oracle_lost", instance="1", message="1")],
        backup_files={"1": {"kind": "backup", "state": "open", "rows": 5, "bytes": 9, "created": NOW - 400}},
        polling={"1": {"plc_code": "1", "group_name": "2", "mode": "FIXED", "interval_ms": 1_000, "values": 3,
                       "errors": 2, "last_seen_at": NOW - 100, "poll_time_ms": 3.0}},
        left_out={"1": 3},
    )  # fmt: skip
    newest = Newest(SystemClock())
    newest.publish(Assessor(settings).assess(overview))
    drawn = Painter(Whole([newest]), settings, muted()).picture()
    # Codes and names of what runs, as they stand in commands and settings.
    known = {"writer", "UTC", "FIXED", "kB", "api", "polling", "status"}
    for name, html in drawn.cards.items():
        shown = re.sub(r"<code>.*?</code>|<[^>]+>", " ", html)
        spoken = " ".join(re.findall(r"(?:aria-[a-z]+text|aria-label|title)=\"([^\"]*)\"", html))
        assert set(re.findall(r"[A-Za-z]{2,}", f"{shown} {spoken}")) <= known, name
    assert not re.search(r"[a-z]", drawn.title.replace("tagpipe", ""))
    assert not re.search(r"[a-z]", drawn.freshness)


def test_failures_of_the_monitor_itself_are_translated() -> None:
    newest = Newest(SystemClock())
    newest.fail("Connection refused")
    said = KO.say(newest.state.alerts[0].message)
    assert said == "Redis를 읽을 수 없습니다: Connection refused"
    assert isinstance(Finding("redis_away", Said("x")).message, Said)
