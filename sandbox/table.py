"""The demo's table, read with the Oracle driver as anybody would, to compare it with what should be there."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import oracledb

from sandbox.recording import Row

#: Milliseconds that one round trip may take: the runner must not hang on a database that does.
_CALL_TIMEOUT_MS = 30_000

#: Rows fetched in one round trip.
_ARRAY_SIZE = 5_000


class DemoTable:
    """TAG_DATA of the demo's database."""

    def __init__(self, dsn: str, user: str, password: str) -> None:
        self._login = {"dsn": dsn, "user": user, "password": password}

    def count(self) -> int:
        """Return the number of rows.

        Raises: RuntimeError: the database does not answer.
        """
        with self._cursor() as cursor:
            cursor.execute("SELECT COUNT(*) FROM tag_data")
            return int(cursor.fetchone()[0])

    def rows(self) -> Iterator[Row]:
        """Yield all rows.

        Raises: RuntimeError: the database does not answer.
        """
        with self._cursor() as cursor:
            cursor.execute("SELECT tag_name, tag_value, timestamp, quality FROM tag_data")
            yield from cursor

    @contextmanager
    def _cursor(self) -> Iterator[Any]:
        try:
            with oracledb.connect(**self._login) as connection:
                connection.call_timeout = _CALL_TIMEOUT_MS
                with connection.cursor() as cursor:
                    cursor.arraysize = cursor.prefetchrows = _ARRAY_SIZE
                    yield cursor
        except oracledb.Error as error:
            raise RuntimeError(f"the table can't be read: {error}") from error
