from pathlib import Path
from typing import Any, cast

import pytest

from services.writer.backup.csv_backup import CsvBackup
from services.writer.backup.format import HEADER
from services.writer.backup.index import Manifest, count_rows
from shared.keys import Keys
from shared.redis_link import RedisLink
from tests.fakes import FakeClock, tag_values
from tests.unit.writer.backup.test_csv_backup import rows


class FakeLink:
    """A hash in memory."""

    def __init__(self) -> None:
        self.entries: dict[str, str] = {}

    def hash(self, _key: str) -> dict[str, str]:
        return dict(self.entries)

    def command(self, name: str, _key: str, *parts: Any) -> Any:
        if name == "HSET":
            self.entries |= dict(zip(parts[::2], parts[1::2], strict=True))
        elif name == "HMGET":
            return [self.entries.get(part) for part in parts]
        elif name == "HGET":
            return self.entries.get(parts[0])
        else:
            for part in parts:
                self.entries.pop(part, None)
        return None


@pytest.fixture
def link() -> FakeLink:
    return FakeLink()


@pytest.fixture
def manifest(link: FakeLink, tmp_path: Path) -> Manifest:
    return Manifest(cast("RedisLink", link), Keys("t"), tmp_path)


def backup(directory: Path) -> CsvBackup:
    return CsvBackup(directory, "backup", HEADER, FakeClock(), rotate_bytes=10**9, min_free_bytes=0)


@pytest.mark.req("OPS-4")
def test_the_list_is_rebuilt_from_the_directory_when_redis_lost_it(
    link: FakeLink, manifest: Manifest, tmp_path: Path
) -> None:
    file = backup(tmp_path)
    path = file.append(rows(tag_values(3)))
    file.finish()
    manifest.rebuild()
    (entry,) = link.entries.values()
    assert '"rows": 3' in entry
    assert '"state": "waiting"' in entry
    (tmp_path / "recovered").mkdir()
    path.rename(tmp_path / "recovered" / path.name)
    manifest.rebuild()
    assert '"state": "recovered"' in link.entries[path.name]
    (tmp_path / "recovered" / path.name).unlink()
    manifest.rebuild()
    assert link.entries == {}


def test_a_file_in_use_keeps_the_entry_of_who_uses_it(link: FakeLink, manifest: Manifest, tmp_path: Path) -> None:
    file = backup(tmp_path)
    path = file.append(rows(tag_values(3)))
    link.entries[path.name] = '{"state": "open", "rows": 3}'
    manifest.rebuild()
    assert link.entries[path.name] == '{"state": "open", "rows": 3}'
    file.finish()
    manifest.rebuild()
    assert '"state": "waiting"' in link.entries[path.name]


@pytest.mark.parametrize(
    "content", [b"", b"a\rb\n", b"x" * 200_000 + b"\n", b'"open quote\n', b"\xff\xfe\n", b"a\n" * 5]
)
def test_no_file_whatever_ends_the_writer(link: FakeLink, manifest: Manifest, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "backup_20260101_000000.csv"
    path.write_bytes(content)
    assert count_rows(path) >= 0
    manifest.rebuild()
    assert path.name in link.entries
