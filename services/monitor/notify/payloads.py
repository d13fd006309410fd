"""A notice in the form that each kind of webhook takes. No I/O."""

import json
import re
from collections.abc import Mapping
from typing import Any

from services.monitor.assess.alert_kinds import Severity
from services.monitor.notify.notice import News, Notice, What

#: What begins a mention or a link where text is Markdown: the @ of a name (not an address's), the end of a link's text.
_LIVE = re.compile(r"(?<!\w)@(?=\w)|\](?=[(\[])")

#: Colours of cards in Teams.
_COLOURS = {Severity.CRITICAL: "attention", Severity.WARNING: "warning"}


def as_json(notice: Notice) -> dict[str, Any]:
    """Return it for programs: docs/api.md lists the fields."""
    return {
        "source": "tagpipe",
        "pipeline": notice.pipeline,
        "sent_at": notice.sent_at,
        "subject": notice.subject,
        "text": notice.text,
        "dashboard": notice.dashboard or None,
        "alerts": [
            {
                "what": each.what.value,
                "code": each.alert.code,
                "severity": each.alert.severity.value,
                "partition": each.alert.partition,
                "since": each.alert.since,
                "ended_at": each.ended_at,
                "message": each.message,
                "what_to_do": each.remedy,
            }
            for each in notice.news
        ],
    }


def as_slack(notice: Notice) -> dict[str, Any]:
    """Return it for Slack, Mattermost and Rocket.Chat. Nothing of a message becomes a mention or a link."""
    return {"text": _escaped(f"*{notice.subject}*\n{notice.text}"), "unfurl_links": False}


def _escaped(text: str) -> str:
    text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # What Mattermost and Rocket.Chat make something of is parted by a space that nobody sees.
    return _LIVE.sub(lambda found: f"{found[0]}\u200b", text)


def as_teams(notice: Notice) -> dict[str, Any]:
    """Return it as an adaptive card in a message, as workflows in Teams take it."""
    blocks = [_run(notice.subject, weight="bolder", size="medium")]
    for each in notice.told:
        heading, *others = each.lines
        blocks += [_run(heading, weight="bolder", color=_colour(each)), *map(_run, others)]
    blocks += [_run(text) for text in (notice.others, notice.dashboard) if text]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": blocks,
    }
    return {
        "type": "message",
        "attachments": [{"contentType": "application/vnd.microsoft.card.adaptive", "content": card}],
    }


def _run(text: str, **style: str) -> dict[str, Any]:
    # A rich text block: in a plain one the text would be markdown, and a tag's name could be a link.
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, **style}]}


def _colour(news: News) -> str:
    return "good" if news.is_over or news.what is What.TEST else _COLOURS[news.alert.severity]


FORMS = {"json": as_json, "slack": as_slack, "teams": as_teams}


def encoded(payload: Mapping[str, Any]) -> bytes:
    """Return a payload as JSON in UTF-8."""
    return json.dumps(payload, ensure_ascii=False).encode(errors="backslashreplace")
