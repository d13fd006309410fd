"""An Oracle as anybody sees it who may log on: where it is, and what its tables hold."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import oracledb

#: One row of a table like TAG_DATA: tag_name, tag_value (a text there), timestamp, quality.
Row = tuple[str, object, datetime, str]

#: The same by its key: tag_name and timestamp -> tag_value and quality.
Cells = dict[tuple[str, datetime], tuple[object, str]]

#: The repository.
ROOT = Path(__file__).resolve().parents[2]

#: What makes the tables: name -> script.
SCHEMAS: Mapping[str, Path] = {
    "tag_data": ROOT / "deploy" / "oracle" / "02_tag_data.sql",
    "tag_values": ROOT / "deploy" / "oracle" / "03_tag_values.sql",
}

#: Milliseconds that one round trip may take: nobody must hang on a database that does.
_CALL_TIMEOUT_MS = 30_000

#: Rows fetched in one round trip.
_ARRAY_SIZE = 5_000


@dataclass(frozen=True)
class Oracle:
    """Where an Oracle is and who may enter."""

    dsn: str
    user: str
    password: str

    @contextmanager
    def connect(self) -> Iterator[oracledb.Connection]:
        """Lend a connection of its own. Raises: oracledb.Error."""
        with oracledb.connect(user=self.user, password=self.password, dsn=self.dsn) as connection:
            connection.call_timeout = _CALL_TIMEOUT_MS
            yield connection

    def query(self, sql: str, *binds: object) -> list[tuple[Any, ...]]:
        """Return all rows of a query. Raises: oracledb.Error."""
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.arraysize = _ARRAY_SIZE
            cursor.execute(sql, list(binds))
            return list(cursor)

    def execute(self, *statements: str) -> None:
        """Run statements and commit. Raises: oracledb.Error."""
        with self.connect() as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
            connection.commit()

    def count(self, table: str) -> int:
        """Return the number of rows in a table. Raises: oracledb.Error."""
        return int(self.query(f"SELECT COUNT(*) FROM {table}")[0][0])

    def rows(self, table: str) -> Iterator[Row]:
        """Yield all rows of a table like TAG_DATA, however many there are. Raises: oracledb.Error."""
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.arraysize = cursor.prefetchrows = _ARRAY_SIZE
            cursor.execute(f"SELECT tag_name, tag_value, timestamp, quality FROM {table}")
            yield from cursor

    def cells(self, table: str) -> Cells:
        """Return all rows of a table like TAG_DATA. Raises: oracledb.Error."""
        return {(name, timestamp): (value, quality) for name, value, timestamp, quality in self.rows(table)}
