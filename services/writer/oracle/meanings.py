"""What an error means for people: by its code, or by its text where that says no more than "cannot connect". Pure."""

import re

from services.writer.oracle.codes import CODES, NOT_CONNECTED, Meaning
from services.writer.sink import SinkError, Verdict

_CODE = re.compile(r"(?:ORA|DPY)-\d{4,5}")

#: Codes under which "cannot connect" comes, which says why in its text.
_CANNOT_CONNECT = ("DPY-6005", "UNKNOWN")

_BY_VERDICT: dict[Verdict, Meaning] = {
    Verdict.SPACE: CODES["ORA-01653"],
    Verdict.CONNECTION_LOST: CODES["DPY-4011"],
    Verdict.TRANSIENT: Meaning(Verdict.TRANSIENT, "Oracle can't do it now", "try again"),
}


def meaning_of(error: SinkError) -> Meaning:
    """Return what an error means; for one that nobody foresaw, Oracle's own words and where they are explained."""
    known = _known_meaning(error) or _BY_VERDICT.get(error.verdict)
    if known is not None:
        return known
    if _CODE.fullmatch(error.code):
        return Meaning(error.verdict, "see the text", f"https://docs.oracle.com/error-help/db/{error.code.lower()}/")
    return Meaning(error.verdict, "see the text", "send it to who maintains tagpipe")


def hint_of(error: SinkError) -> str:
    """Return in a line what an error means and what to do; empty where only its own text is known."""
    known = _known_meaning(error)
    return f"{known.cause}: {known.remedy}" if known is not None else ""


def _known_meaning(error: SinkError) -> Meaning | None:
    if error.code in _CANNOT_CONNECT:
        for meaning in NOT_CONNECTED:
            if re.search(meaning.says, str(error)):
                return meaning
    # "Cannot connect" says in its text why not.
    inner = [code for code in _CODE.findall(str(error)) if code in CODES and code != "DPY-6005"]
    code = inner[-1] if error.code == "DPY-6005" and inner else error.code
    return CODES.get(code)
