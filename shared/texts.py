"""Texts from outside: how long they may be where they go on into logs, events, reasons and status."""

#: Characters that are kept of a text from outside: enough to know it by, whatever somebody sent.
TEXT_LIMIT = 300


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
