"""Backup files: what the list of them says of each."""

from enum import StrEnum

from msgspec import UNSET, UnsetType

from shared.records.reading import Count, LongText, Moment, Record, Text

#: The header of a backup file, and of one of rejected rows.
HEADER = ("timestamp", "plc_code", "tag_address", "tag_name", "tag_value", "quality", "insertion_attempt_time")
REJECTED_HEADER = (*HEADER, "error_code", "error_message")


class FileKind(StrEnum):
    """What a CSV file of a writer holds."""

    BACKUP = "backup"  #: rows that Oracle did not take
    REJECTED = "rejected"  #: rows that it refused for themselves

    def is_of(self, file_name: str) -> bool:
        """Tell whether a file is of this kind, by its name: `<kind>_<day>_<time>.csv`."""
        return file_name.startswith(f"{self}_")


class FileStage(StrEnum):
    """How far a file is on its way into the table."""

    OPEN = "open"  #: a writer appends to it
    WAITING = "waiting"  #: for `recover`
    RECOVERING = "recovering"
    RECOVERED = "recovered"  #: its rows are in the table


class BackupFile(Record, frozen=True):
    """One file; or all those of a directory that are too many for the list, as one."""

    kind: Text  #: backup or rejected
    state: Text  #: open, waiting, recovering or recovered
    created: Moment
    rows: Count = 0
    bytes: Count = 0
    host: Text | None = None  #: that has it; a container's changes with each upgrade
    directory: LongText | None = None
    place: LongText | None = None  #: the directory's own name, kept in it; null from a writer that knew no places
    files: Count | UnsetType = UNSET  #: how many, where the entry stands for more than one

    @property
    def count(self) -> int:
        """How many files it stands for."""
        return 1 if self.files is UNSET else self.files
