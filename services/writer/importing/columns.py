"""Which column of a file is what, and a record of it as a value. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from shared.foreign_csv.dialect import Dialect, DialectError
from shared.messages.tag_fields import TagError, check_address, clean_text, quality_of
from shared.models import TagValue

#: Columns by our names. A tag is told by its name, or by PLC code and address.
TIMESTAMP, TAG_NAME, PLC_CODE, TAG_ADDRESS, TAG_VALUE, QUALITY = (
    "timestamp", "tag_name", "plc_code", "tag_address", "tag_value", "quality",
)  # fmt: skip
NAMES = (TIMESTAMP, TAG_NAME, PLC_CODE, TAG_ADDRESS, TAG_VALUE, QUALITY)

NEEDED = "timestamp, tag_value, and tag_name or plc_code and tag_address"

#: What stands where there is no value: no number however it is written, and what a spreadsheet says of a formula.
#: Source: Excel's error values, the German ones among them; `#N/A N/A` is Bloomberg's, `#N/D` and `#NOME?` Latin ones.
_NO_VALUE = re.compile(
    r"[+-]?(nan|inf|infinity)|#(N/A|N/A N/A|N/D|NV|NULL!|DIV/0!|VALUE!|WERT!|REF!|BEZUG!|NAME\?|NOME\?|NUM!|ZAHL!)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Columns:
    """Where the parts of a value stand.

    named: our name -> the name that the file has for it, where it has another. separator: what stands between PLC code
    and address of a tag name. is_ambiguous: whether it matters where the name is parted. plc_code: that of all rows,
    whose tag name, or address, is the address alone then.
    """

    named: Mapping[str, str]
    separator: str
    is_ambiguous: bool
    plc_code: str | None = None

    def are_in(self, header: Sequence[str], _rows: Sequence[Sequence[str]] = ()) -> bool:
        """Tell whether a header has what is needed."""
        found = self._places(header)
        tag = TAG_NAME in found or {PLC_CODE, TAG_ADDRESS} <= found.keys()
        tag = tag or (self.plc_code is not None and TAG_ADDRESS in found)
        return {TIMESTAMP, TAG_VALUE} <= found.keys() and tag

    def of_values(self, header: Sequence[str]) -> Iterator[int]:
        """Yield the place of the values."""
        yield self._places(header)[TAG_VALUE]

    def reader(self, dialect: Dialect) -> "RowReader":
        """Return what makes values of the records of one file. Raises: DialectError: a column of it is there twice."""
        if (name := self._twice(dialect.header)) is not None:
            raise DialectError(
                f"it has two columns {name.strip()!r}: rename one of them in its first line, or say by --column which "
                "other is meant"
            )
        return RowReader(self, dialect, self._places(dialect.header))

    def _places(self, header: Sequence[str]) -> dict[str, int]:
        names = {name.strip().casefold(): place for place, name in reversed(list(enumerate(header)))}
        wanted = {ours: self.named.get(ours, ours).strip().casefold() for ours in NAMES}
        return {ours: names[name] for ours, name in wanted.items() if name in names}

    def _twice(self, header: Sequence[str]) -> str | None:
        """Return the name of a column that is read and that a header has more than once; None where none is."""
        names = [name.strip().casefold() for name in header]
        return next((header[place] for place in self._places(header).values() if names.count(names[place]) > 1), None)


@dataclass(frozen=True)
class RowReader:
    """Makes values of records; `places` are those of the columns by our names."""

    columns: Columns
    dialect: Dialect
    places: Mapping[str, int]

    def value(self, cells: Sequence[str]) -> TagValue:
        """Return the value of a record.

        Raises: ValueError, OverflowError: it holds none for certain; the text says why.
        """
        of = {name: cells[place] for name, place in self.places.items()}
        try:
            plc_code, tag_address = self._tag(of)
            check_address(tag_address)
            text = clean_text(self.dialect.value(of[TAG_VALUE]))
        except TagError as error:
            raise ValueError(f"{error}: {error.detail!r}") from None
        moment = self.dialect.times.read(of[TIMESTAMP])
        has_value = text != "" and not _NO_VALUE.fullmatch(text.strip())
        quality = quality_of(of.get(QUALITY, "").strip()) if has_value else "BAD"
        return TagValue(moment, plc_code, tag_address, text if has_value else None, quality)

    def _tag(self, of: Mapping[str, str]) -> tuple[str, str]:
        separator, name = self.columns.separator, of.get(TAG_NAME, "").strip()
        if self.columns.plc_code is not None:
            return self.columns.plc_code, of.get(TAG_ADDRESS, name).strip()
        if PLC_CODE in of and TAG_ADDRESS in of:
            plc_code, tag_address = of[PLC_CODE].strip(), of[TAG_ADDRESS].strip()
            if name and name not in (f"{plc_code}{separator}{tag_address}", f"{plc_code}.{tag_address}"):
                raise ValueError(f"tag_name {name!r} is not plc_code, {separator!r}, tag_address")
        else:
            plc_code, found, tag_address = name.partition(separator)
            if not found:
                raise ValueError(f"tag_name {name!r} has no {separator!r} between PLC code and address (or say --plc)")
            if self.columns.is_ambiguous and separator in tag_address:
                raise ValueError(f"tag_name {name!r} can be parted in several ways: give plc_code and tag_address")
        if not plc_code:
            raise ValueError("it names no PLC")
        return plc_code, tag_address
