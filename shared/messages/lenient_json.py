"""JSON as it is meant: of any Unicode encoding, with bytes that are no text, and with numbers as printf writes them.

A number that is none (NaN, Infinity, 1e999, an integer of a thousand digits) is null; a line break, a tab or a NUL may
stand in a text as it is. Pure.
"""

import json
import math
import re
from typing import Any

from shared.messages.names import object_of

#: Characters of an integer beyond which it is taken for infinite, as 1e999 is.
_MAX_DIGITS = 308

#: A string, which stays as it is, or a number of printf and its like: nan, inf, 1.#QNAN, -nan(ind), 5., .5, +5.
#: A string without an end counts as one: sought from each of its quotes it would take for ever.
_NUMBER_OF_PRINTF = re.compile(
    r"""(?P<string>"(?:[^"\\]|\\.)*(?:"|\\?\Z))
    | (?P<no_number>[+-]?(?:nan\(\w*\)|(?:nan|inf(?:inity)?|\d\.\#\w+)\b))
    | (?<![\w.+-])(?P<sign>[+-]?)(?P<whole>\d*)(?P<dot>\.)(?P<rest>\d*)(?![\w.])
    | (?<![\w.+-])\+(?P<plus>\d+)(?![\w.])""",
    re.VERBOSE | re.IGNORECASE | re.ASCII | re.DOTALL,
)

#: How deep a message is read: of what is nested deeper nothing can be a value.
_MAX_DEPTH = 20

#: A string, which stays as it is, or brackets that follow each other.
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\\?\Z)|[\[{]+|[\]}]+', re.DOTALL)


def read_json(raw: bytes) -> Any:
    """Return what these bytes hold; bytes that are no text come as lone surrogates.

    What is nested very deeply is null.

    Raises: ValueError: it is no JSON.
    """
    # C programs send the end of their string, too.
    text = raw.decode(json.detect_encoding(raw), "surrogateescape").rstrip("\0")
    try:
        return _json(text)
    except RecursionError:
        return _json(_with_json_numbers(_without_depths(text)))
    except ValueError:
        text = _with_json_numbers(text)
    try:
        return _json(text)
    except RecursionError:
        return _json(_without_depths(text))


def _json(text: str) -> Any:
    return json.loads(
        text,
        strict=False,
        parse_int=_integer,
        parse_float=_number,
        parse_constant=lambda _: None,
        object_pairs_hook=object_of,
    )


def _without_depths(text: str) -> str:
    """Return a message with null in the place of what is nested deeper than it is read."""
    parts, depth, shown_to = [], 0, 0
    for brackets in _BRACKETS.finditer(text):
        count, first = len(brackets[0]), brackets[0][0]
        if first in "[{":
            if depth <= _MAX_DEPTH < depth + count:
                parts += [text[shown_to : brackets.start() + _MAX_DEPTH - depth], "null"]
            depth += count
        elif first in "]}":
            if depth - count <= _MAX_DEPTH < depth:
                shown_to = brackets.start() + depth - _MAX_DEPTH
            depth -= count
    # Where a bracket stays open the rest is missing, and the message is no JSON as it was none before.
    return "".join(parts) + (text[shown_to:] if depth <= _MAX_DEPTH else "")


def _with_json_numbers(text: str) -> str:
    """Return a message with numbers as JSON writes them, where they are as printf and others do.

    >>> _with_json_numbers('{"a":nan,"b":-1.#IND,"c":5.,"d":-.5,"e":+7,"f":"nan,5."}')
    '{"a":null,"b":null,"c":5.0,"d":-0.5,"e":7,"f":"nan,5."}'
    """
    return _NUMBER_OF_PRINTF.sub(_json_number, text)


def _json_number(found: re.Match[str]) -> str:
    if found["string"]:
        return found["string"]
    if found["no_number"]:
        return "null"
    if found["plus"]:
        return found["plus"]
    return f"{found['sign'].strip('+')}{found['whole'] or 0}.{found['rest'] or 0}"


def _integer(digits: str) -> int | None:
    return int(digits) if len(digits) <= _MAX_DIGITS else None


def _number(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None
