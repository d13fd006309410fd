"""What a code of Oracle or its driver asks of the writer, and what it means; the table is `codes.toml`. Pure."""

from collections.abc import Iterator
from pathlib import Path

import msgspec

from services.writer.sink import Verdict

#: What is said to one who may do something else with the table, and not this.
NO_PRIVILEGE = ("ORA-01031", "ORA-41900")

#: What drivers name while they bind a value; any other error of theirs comes from the connection.
RAISED_WHILE_BINDING = frozenset({"DPY-3002", "DPY-3013", "DPY-4003", "DPY-4004"})


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

#: What a text means that says why there is no connection, the most telling first.
NOT_CONNECTED = _TABLE.not_connected


def verdict_of(code: str) -> Verdict:
    """Return what a full code such as `ORA-00001` asks for.

    >>> verdict_of("ORA-01653").value
    'space'
    """
    known = CODES.get(code)
    return known.verdict if known else Verdict.UNKNOWN
