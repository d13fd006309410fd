"""Two tags that become one name: PLC `A.B` with tag `C`, and PLC `A` with tag `B.C`. Bounded, no I/O.

A tag name is PLC code, separator, address. Two tags share one only when one PLC's code is another's, a separator and
more. That is looked at once for each PLC; addresses are remembered and compared for such PLCs alone, from the poll on
by which both are known. Hardly any plant has them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

#: PLC codes, and addresses of one PLC, that are remembered.
MAX_PLCS, MAX_ADDRESSES = 10_000, 20_000

#: Letters of all addresses that are remembered: some thirty million bytes of memory, of the 256 that a container has.
MAX_LETTERS = 8_000_000

#: Clashes that are remembered and told.
MAX_CLASHES = 100


class Clash(NamedTuple):
    """Two tags of one name; `told`: which they are."""

    tag_name: str
    told: str


@dataclass
class _Plc:
    """A PLC code that begins with another, or is the beginning of one."""

    relatives: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)


class NameWatch:
    """Sees the tags of all messages; tells which become one."""

    def __init__(self, separator: str) -> None:
        self._separator = separator
        self._plcs: dict[str, _Plc | None] = {}
        self._letters = 0
        #: Names that were found so far.
        self.clashes: set[str] = set()

    def see(self, plc_code: str, *addresses: Iterable[str]) -> list[Clash]:
        """Take note of the tags of one message; return the clashes that are new."""
        if plc_code not in self._plcs:
            self._meet(plc_code)
        plc = self._plcs.get(plc_code)
        return self._compare(plc_code, plc, set().union(*addresses)) if plc is not None else []

    def _meet(self, plc_code: str) -> None:
        if len(self._plcs) >= MAX_PLCS:
            return
        self._plcs[plc_code] = None
        for other in list(self._plcs):
            # With the separator behind both: "A." and "A" share names where it is "..".
            ends = sorted((plc_code + self._separator, other + self._separator), key=len)
            if other != plc_code and ends[1].startswith(ends[0]):
                for one, relative in ((plc_code, other), (other, plc_code)):
                    plc = self._plcs[one] = self._plcs[one] or _Plc()
                    plc.relatives.append(relative)

    def _compare(self, plc_code: str, plc: _Plc, addresses: set[str]) -> list[Clash]:
        new = addresses - plc.seen
        letters = self._letters + sum(map(len, new))
        if not new or len(plc.seen) + len(new) > MAX_ADDRESSES or letters > MAX_LETTERS:
            return []
        self._letters = letters
        found = []
        for relative in plc.relatives:
            other = self._plcs[relative]
            for address in new:
                name = f"{plc_code}{self._separator}{address}"
                twin = name.removeprefix(relative + self._separator)
                if other is not None and twin != name and twin in other.seen and name not in self.clashes:
                    told = f"PLC {relative} tag {twin} and PLC {plc_code} tag {address} are both {name}"
                    found.append(Clash(name, told))
                    if len(self.clashes) < MAX_CLASHES:
                        self.clashes.add(name)
        plc.seen |= new
        return found
