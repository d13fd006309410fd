"""The label of a file: `<file>.json` beside it says what it was meant for, and what it held when it was closed.

A file without one is taken as it is: it is older than labels, or its mount or disk could not take one.
"""

import json
from contextlib import suppress
from dataclasses import asdict, astuple, dataclass
from pathlib import Path

import msgspec

from services.writer.backup.files import reading, shown, write_at_once
from services.writer.sink import Target
from shared.logs import get_logger

#: Bytes of a label that are read at most.
_MAX_BYTES = 64 * 1024

_log = get_logger()


@dataclass(frozen=True)
class Label:
    """What stands beside a file. The last four are None until the file is closed, and stay so when its writer died."""

    target: Target
    rows: int | None = None  #: whole rows, the header not among them
    bytes: int | None = None
    sha256: str | None = None  #: of all bytes, in hexadecimal
    moved_to: str | None = None  #: name of the file that holds its rows as well, since this one was changed

    @property
    def is_closed(self) -> bool:
        """Whether it says what the file held."""
        return self.rows is not None and self.bytes is not None and self.sha256 is not None


def label_path(path: Path) -> Path:
    """Return where a file's label is."""
    return path.with_name(f"{path.name}.json")


def write_label(path: Path, label: Label) -> None:
    """Put a label beside a file; where that fails the file goes without one, since its rows matter more."""
    try:
        write_at_once(label_path(path), json.dumps({"version": 1, **asdict(label)}, ensure_ascii=False).encode())
    except OSError as error:
        _log.warning(f"{shown(label_path(path))} can't be written ({error.strerror}): the file goes without its label")


def read_label(path: Path) -> Label | None:
    """Return a file's label; None when there is none that can be read. Raises: nothing."""
    try:
        with reading(label_path(path)) as file:
            raw = file.read(_MAX_BYTES)
        return msgspec.json.decode(raw, type=Label)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        _log.warning(f"{shown(label_path(path))} can't be read ({error}): the file is taken as one without a label")
        return None


def remove_label(path: Path) -> None:
    """Take a label away, if there is one."""
    with suppress(OSError):
        label_path(path).unlink()


def move_label(path: Path, moved_to: Path) -> None:
    """Take a label along with its file, to whatever mount."""
    label = read_label(path)
    if label is not None:
        write_label(moved_to, label)
        remove_label(path)


def describe(target: Target) -> str:
    """Return a target for people."""
    database = f", database {target.database}" if target.database else ""
    return f"{target.table or 'a table unknown'} at {target.dsn or 'an address unknown'}{database}"


def conflict(meant: Target, here: Target) -> bool:
    """Tell whether a file was meant for another table or database: what both know must be the same."""
    pairs = zip(astuple(meant), astuple(here), strict=True)
    return any(one and other and one.casefold() != other.casefold() for one, other in pairs)
