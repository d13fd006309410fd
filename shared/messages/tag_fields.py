"""What one tag's address, time, quality and text are taken for, where a message is read tag by tag. Pure."""

import re
from datetime import datetime, timedelta

from shared.models import Quality, stored_timestamp
from shared.texts import cut

#: Characters of an address: with four bytes each no text column of Oracle holds more (VARCHAR2(4000)).
MAX_ADDRESS = 1000

#: Characters of a text value: the longest VARCHAR2 that there is, with MAX_STRING_SIZE=EXTENDED.
MAX_VALUE_TEXT = 32_767

#: What a leap second has in place of the second before it: hours and minutes, second 60, the rest.
_SECOND_60 = re.compile(r"(.*\d\d:\d\d):60(?!\d)(.*)", re.ASCII)

#: The end of a day, as ISO 8601 had it until 2019 and XML has it.
_HOUR_24 = re.compile(r"(.*[T ])24(:?00(?::?00(?:[.,]0+)?)?(?:Z|[+-].*)?)", re.ASCII)

#: The name of a zone, which Java writes behind the offset that it had.
_ZONE_NAME = re.compile(r"(?:(?<=Z)|(?<=[+-]\d\d:\d\d))\[[\w/+-]+\]$", re.ASCII)

#: Where calendars begin: who writes that knows no time. .NET's and Go's, Windows' and OPC UA's, Unix'.
_BEGINS = frozenset(map(datetime.fromisoformat, ("0001-01-01", "1601-01-01", "1970-01-01")))
_LAST_BEGIN_YEAR = 1970

_QUALITIES: tuple[Quality, ...] = ("GOOD", "BAD", "UNCERTAIN")

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class TagError(ValueError):
    """One tag can't become a value; `code` says for what kind of fault."""

    def __init__(self, code: str, reason: str, detail: object) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.detail = cut(detail if isinstance(detail, str) else repr(detail))


def check_address(address: str) -> None:
    """Raises: TagError: no column can hold this address."""
    why_not = "empty" if not address else "no text" if without_surrogates(address) != address else ""
    if len(address) > MAX_ADDRESS:
        why_not = f"longer than {MAX_ADDRESS} characters"
    if why_not:
        raise TagError("NO_ADDRESS", f"the address is {why_not}", address)


def quality_of(found: object) -> Quality:
    """Return the quality that a text begins with; GOOD for none, UNCERTAIN for what says nothing."""
    text = "GOOD" if found is None or found == "" else str(found).upper()
    return next((quality for quality in _QUALITIES if text.startswith(quality)), "UNCERTAIN")


def without_end(text: str) -> str:
    """Return a text without the NULs with which C and controllers fill what it does not take of its place."""
    return text.rstrip("\0")


def clean_text(text: str) -> str:
    """Return a text without what is no character. Raises: TagError: it is too long for any column."""
    text = without_end(text)
    if len(text) > MAX_VALUE_TEXT:
        raise TagError("TOO_LONG", f"the text is longer than {MAX_VALUE_TEXT} characters: no column can hold it", text)
    return without_surrogates(text)


def without_surrogates(text: str) -> str:
    """Return a text with U+FFFD in the place of what is no character."""
    if text.isascii():
        return text
    return "".join(_REPLACEMENT if "\ud800" <= char <= "\udfff" else char for char in text)


def told_time(text: str) -> datetime:
    """Return the time that a poll, a tag or a row has.

    Raises: ValueError: no time; OverflowError: how libraries write that they know none.
    """
    moment = stored_timestamp(text)
    if moment.year <= _LAST_BEGIN_YEAR and moment in _BEGINS:
        raise OverflowError("the begin of a calendar is what libraries write that know no time")
    return moment


def time_of_tag(text: object) -> datetime | None:
    """Return a tag's own time; None where it has none. Raises: TagError: it has one that can't be read."""
    if text is None or text == "":
        return None
    if not isinstance(text, str):
        raise TagError("NO_TIME", "the time is no text", text)
    try:
        return told_time(text)
    except OverflowError:
        return None
    except ValueError:
        moment = unusual_time(text)
        if moment is None:
            raise TagError("NO_TIME", "the time can't be read", text) from None
        return moment


def unusual_time(text: str) -> datetime | None:
    """Return the time that a text names as standards allow it and Python does not read; None: it is something else.

    Small letters (RFC 3339), blanks around it, Java's name of a zone, second 60, hour 24.
    """
    text = _ZONE_NAME.sub("", text.strip().upper())
    more = timedelta()
    if found := _SECOND_60.fullmatch(text):
        text, more = f"{found[1]}:59{found[2]}", timedelta(seconds=1)
    elif found := _HOUR_24.fullmatch(text):
        text, more = f"{found[1]}00{found[2]}", timedelta(days=1)
    try:
        return told_time(text) + more
    except (ValueError, OverflowError):
        return None
