"""What the dashboard says, in the language of who looks, and times in their zone. One file a language: `languages/`.

The texts of the page are found by a key, those of the judgement by their English template. What other programs said
(Oracle, Redis, events as they stand in the log) stays as they said it. No I/O once the files are read, no clock.
"""

import tomllib
from collections.abc import Iterable, Mapping
from datetime import UTC, tzinfo
from functools import cache, partialmethod
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from services.monitor.assess.assessment import Alert
from services.monitor.assess.humanize import duration_parts, moment, number, size
from services.monitor.assess.said import Said, Speech

_FILES = {path.stem: path for path in sorted(Path(__file__).with_name("languages").glob("*.toml"))}

#: The language of those who ask for none that there is.
FALLBACK = "en"

#: Times as they are written, by what they are for; a `clock` names its zone.
_FORMS = {"clock": "%H:%M:%S", "brief": "%H:%M:%S", "minute": "%H:%M", "moment": "%Y-%m-%d %H:%M"}

#: Languages of a browser's list that are looked at.
_MAX_LISTED = 20

_K = 1000


class Language(Speech):
    """Texts of one language as HTML: all that is put into them is escaped."""

    comma = Markup(", ")

    def __init__(self, code: str, catalogue: Mapping[str, Any], zone: tzinfo | None = None) -> None:
        """Take a catalogue as its file holds it; times are shown in `zone`, or UTC."""
        self.code = code
        self.name: str = catalogue["name"]
        self.zone = zone
        self._catalogue = catalogue
        self._messages: Mapping[str, str] = catalogue.get("messages", {})
        self._fixed: dict[str, Markup] = {}  # texts without parts, escaped

    def __call__(self, key: str, /, **parts: Any) -> Markup:
        """Return the text of a key, `section.name`, with its parts in their places."""
        if parts:
            return self._html(self._text(key), parts)
        if key not in self._fixed:
            self._fixed[key] = escape(self._text(key))
        return self._fixed[key]

    def _text(self, key: str) -> str:
        section, _, name = key.partition(".")
        text: str = self._catalogue[section][name]
        return text

    def plain(self, key: str, /, **parts: Any) -> str:
        """Return the same as text without markup: for a title."""
        return self(key, **parts).striptags()

    def word(self, section: str, code: str | None) -> Markup:
        """Return how a code is called; one that no catalogue knows, as it is."""
        if not code:
            return self("units.none")
        known = self._catalogue[section].get(code)
        return escape(known if known is not None else code.replace("_", " "))

    def section(self, name: str) -> Mapping[str, str]:
        """Return all texts of a section as they are: for the script."""
        texts: Mapping[str, str] = self._catalogue[name]
        return texts

    def say(self, said: str) -> Markup:
        """Return a sentence of the judgement; one that it did not make stays as it is."""
        if isinstance(said, Said):
            return self._html(self._messages.get(said.template, said.template), said.parts)
        return escape(self._messages.get(said, said))

    def remedy(self, alert: Alert) -> Markup:
        """Return what a person does about an alert."""
        known = self._catalogue.get("remedy", {}).get(alert.code)
        return escape(alert.commands.said(known)) if known is not None else self.say(alert.what_to_do)

    def _html(self, template: str, parts: Mapping[str, Any]) -> Markup:
        return Markup(self.fill(escape(template), parts))  # noqa: S704 - every part is escaped below

    # --- Parts --------------------------------------------------------------------------------------------------------

    def part(self, value: Any, kind: str) -> Markup:
        """Return one part, escaped."""
        if not kind and isinstance(value, str):
            return value if isinstance(value, Markup) else self.say(value)
        return escape(super().part(value, kind))

    def count(self, figure: int, noun: str) -> str:
        """Return how many there are of something."""
        one, many = self._catalogue["nouns"][noun]
        return self._html(one if figure == 1 else many, {"n": number(figure)})

    def say_duration(self, seconds: float) -> str:
        """Return a time span."""
        return Markup(" ").join(self(f"units.{unit}", n=count) for count, unit in duration_parts(seconds))

    def say_ago(self, seconds: float) -> str:
        """Return how long ago something was."""
        return self("units.ago", span=seconds)

    def say_time_span(self, ms: float | None) -> str:
        """Return a time in ms or s; a dash where there is none."""
        if ms is None:
            return self("units.none")
        return self("units.ms", n=f"{ms:.0f}") if ms < _K else self("units.seconds", n=f"{ms / _K:.1f}")

    def say_size(self, count: float) -> str:
        """Return bytes."""
        return self("units.bytes", n=f"{count:.0f}") if count < _K else size(count)

    def and_more(self, shown: str, more: int) -> str:
        """Return what is shown and how many more there are."""
        return self("units.and_more", shown=shown, more=more)

    def time(self, seconds: float, form: str) -> Markup:
        """Return a moment as an element that the script can show in the browser's zone, with UTC beside it."""
        text, utc = self.time_text(seconds, form), moment(seconds)
        return Markup('<time datetime="{}" data-form="{}" title="{}">{}</time>').format(
            f"{utc:%Y-%m-%dT%H:%M:%SZ}", form, f"{utc:%Y-%m-%d %H:%M:%S} UTC", text
        )

    #: A time of day with its zone's name, a time of day alone, and day and time.
    say_clock, say_brief = partialmethod(time, form="clock"), partialmethod(time, form="brief")
    say_moment = partialmethod(time, form="moment")

    def time_text(self, seconds: float, form: str) -> str:
        """Return a moment as text."""
        at = moment(seconds).astimezone(self.zone or UTC)
        return at.strftime(_FORMS[form]) + (f" {at.tzname()}" if form in {"clock", "moment"} else "")


def languages(zone: tzinfo | None = None) -> dict[str, Language]:
    """Return every language there is, by code."""
    return {code: Language(code, catalogue, zone) for code, catalogue in catalogues().items()}


@cache
def catalogues() -> dict[str, dict[str, Any]]:
    """Return every catalogue by its language's code, as its file holds it."""
    return {code: tomllib.loads(path.read_text("utf-8")) for code, path in _FILES.items()}


def preferred(accepted: str, known: Iterable[str]) -> str:
    """Return the first language that a browser wants (`Accept-Language`) and that is known; else FALLBACK.

    Source: RFC 9110, 12.5.4.
    """
    codes = set(known)
    wanted: list[tuple[float, str]] = []
    for part in accepted.split(",")[:_MAX_LISTED]:
        tag, _, quality = part.strip().partition(";q=")
        try:
            wanted.append((float(quality or 1.0), tag.partition("-")[0].lower()))
        except ValueError:
            continue
    best = max((each for each in wanted if each[1] in codes and each[0] > 0), key=lambda each: each[0], default=None)
    return best[1] if best else FALLBACK
