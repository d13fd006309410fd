"""JSON as it is meant: of any Unicode encoding, with bytes that are no text, and with numbers as printf writes them.

A number that is none (NaN, Infinity, 1e999, an integer of a thousand digits) is null. Pure.
"""

import json
import math
import re
from typing import Any

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


def read_json(raw: bytes) -> Any:
    """Return what these bytes hold; bytes that are no text come as lone surrogates.

    Raises: ValueError, RecursionError: it is no JSON, or nested too deeply.
    """
    # C programs send the end of their string, too.
    text = raw.decode(json.detect_encoding(raw), "surrogateescape").rstrip("\0")
    try:
        return _json(text)
    except ValueError:
        return _json(_with_json_numbers(text))


def _json(text: str) -> Any:
    return json.loads(text, parse_int=_integer, parse_float=_number, parse_constant=lambda _: None)


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
