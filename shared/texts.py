"""Texts from outside: how long they may be in logs, events, reasons and status, and what they show there."""

import unicodedata

#: Characters that are kept of a text from outside: enough to know it by, whatever somebody sent.
TEXT_LIMIT = 300

#: Unicode's categories of what is not seen but does something: controls, formats (direction, joining), lone surrogates,
#: separators of lines and paragraphs.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


def cut(text: object, limit: int = TEXT_LIMIT) -> str:
    r"""Return a text from outside as one that any log, JSON or terminal takes: of bounded length, and all UTF-8.

    >>> cut("abcdefgh", 3), cut("caf\udce9")
    ('abc... (8 characters)', 'caf\\udce9')
    """
    try:
        whole = str(text)
    except Exception as error:  # noqa: BLE001 - of a type that nobody knows, or an integer of 5,000 digits
        whole = f"a {type(text).__name__} without a text of its own ({type(error).__name__})"
    shown = whole if len(whole) <= limit else f"{whole[:limit]}... ({len(whole)} characters)"
    return shown if shown.isascii() else shown.encode(errors="backslashreplace").decode()


def tamed(text: str) -> str:
    r"""Return a text from outside as a person may see it: one line, which gives a terminal no order and turns nothing.

    >>> print(tamed("PLC\x1b[2J\n\u2028\u202eD100 온도"))
    PLC\x1b[2J\n\u2028\u202eD100 온도
    """
    if text.isprintable():
        return text
    return "".join(
        letter.encode("unicode_escape").decode() if unicodedata.category(letter) in _UNSEEN else letter
        for letter in text
    )
