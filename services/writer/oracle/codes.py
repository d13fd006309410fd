"""What an error of Oracle or its driver asks of the writer, and what it means for people. Pure.

By its code, for which the table is `codes.toml`; or by its text, where the code says no more than "cannot connect".
"""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from services.writer.sink import SinkError, Verdict

#: What is said to one who may do something else with the table, and not this.
NO_PRIVILEGE = ("ORA-01031", "ORA-41900")

#: What drivers name while they bind a value; any other error of theirs comes from the connection.
RAISED_WHILE_BINDING = frozenset({"DPY-3002", "DPY-3013", "DPY-4003", "DPY-4004"})


_CODE = re.compile(r"(?:ORA|DPY)-\d{4,5}")

#: Codes under which "cannot connect" comes, which says why in its text.
_CANNOT_CONNECT = ("DPY-6005", "UNKNOWN")

#: What stands before the text of a code that is known for rows, and was the answer to a logon.
AT_LOGON = "refused at the logon: "


class Meaning(msgspec.Struct, frozen=True):
    """What a code asks for, what is wrong, and what to do about it."""

    verdict: Verdict
    cause: str
    remedy: str


class _OfCodes(Meaning, frozen=True, forbid_unknown_fields=True):
    """What several codes mean: a number alone is an ORA code, `1840-1861` all from one to the other."""

    codes: list[int | str]

    def names(self) -> Iterator[str]:
        for code in self.codes:
            first, to, last = str(code).partition("-")
            if first.isdecimal():
                yield from (f"ORA-{number:05}" for number in range(int(first), int(last if to else first) + 1))
            else:
                yield str(code)


class _NotConnected(Meaning, frozen=True, forbid_unknown_fields=True):
    """What a text means that says why there is no connection."""

    says: str  #: a pattern that it has


class _Table(msgspec.Struct, forbid_unknown_fields=True):
    """The file."""

    codes: list[_OfCodes]
    not_connected: list[_NotConnected]


_TABLE = msgspec.toml.decode(Path(__file__).with_suffix(".toml").read_bytes(), type=_Table)


def _by_code() -> dict[str, Meaning]:
    meanings: dict[str, Meaning] = {}
    for row in _TABLE.codes:
        for name in row.names():
            if name in meanings:
                raise ValueError(f"{name} stands twice in the table of codes")
            meanings[name] = row
    return meanings


CODES = _by_code()

_BY_VERDICT: dict[Verdict, Meaning] = {
    Verdict.SPACE: CODES["ORA-01653"],
    Verdict.CONNECTION_LOST: CODES["DPY-4011"],
    Verdict.TRANSIENT: Meaning(Verdict.TRANSIENT, "Oracle can't do it now", "try again"),
}


def verdict_of(code: str) -> Verdict:
    """Return what a full code such as `ORA-00001` asks for.

    >>> verdict_of("ORA-01653").value
    'space'
    """
    known = CODES.get(code)
    return known.verdict if known else Verdict.UNKNOWN


def meaning_of(error: SinkError) -> Meaning:
    """Return what an error means; for one that nobody foresaw, Oracle's own words and where they are explained."""
    known = _known_meaning(error.code, str(error)) or _BY_VERDICT.get(error.verdict)
    if known is not None:
        return known
    if _CODE.fullmatch(error.code):
        return Meaning(error.verdict, "see the text", f"https://docs.oracle.com/error-help/db/{error.code.lower()}/")
    return Meaning(error.verdict, "see the text", "send it to who maintains tagpipe")


def hint_of(code: str, text: str) -> str:
    """Return in a line what an error means and what to do; empty where only its own text is known."""
    known = _known_meaning(code, text)
    return f"{known.cause}: {known.remedy}" if known is not None else ""


def _known_meaning(code: str, text: str) -> Meaning | None:
    if code in _CANNOT_CONNECT or text.startswith(AT_LOGON):
        # The most telling stand first.
        for meaning in _TABLE.not_connected:
            if re.search(meaning.says, text):
                return meaning
    # "Cannot connect" says in its text why not.
    inner = [found for found in _CODE.findall(text) if found in CODES and found != "DPY-6005"]
    return CODES.get(inner[-1] if code == "DPY-6005" and inner else code)
