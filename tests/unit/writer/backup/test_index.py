import json
import shutil
from pathlib import Path

import pytest

from services.writer.backup.csv_backup import CsvBackup
from services.writer.backup.directory import count_rows
from services.writer.backup.index import Manifest
from services.writer.backup.label import Label, write_label
from services.writer.sink import Target
from shared.keys import Keys
from tests.fakes import FakeClock, FakeLink, tag_values
from tests.unit.writer.backup.rows import rows


@pytest.fixture
def link() -> FakeLink:
    return FakeLink()


@pytest.fixture
def manifest(link: FakeLink, tmp_path: Path) -> Manifest:
    return Manifest(link, Keys("t"), tmp_path)


def backup(directory: Path) -> CsvBackup:
    return CsvBackup(directory, "backup", FakeClock(), rotate_bytes=10**9, min_free_bytes=0)


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
    ("content", "rows"),
    [(b"", 0), (b"a\rb\n", 0), (b"x" * 200_000 + b"\n", 0), (b'"open quote\n', 0), (b"\xff\xfe\n", 0), (b"a\n" * 5, 4)],
)
def test_no_file_whatever_ends_the_writer(
    link: FakeLink, manifest: Manifest, tmp_path: Path, content: bytes, rows: int
) -> None:
    path = tmp_path / "backup_20260101_000000.csv"
    path.write_bytes(content)
    assert count_rows(path) == rows
    manifest.rebuild()
    assert path.name in link.entries


def test_files_of_one_name_in_two_places_have_an_entry_each(link: FakeLink, tmp_path: Path) -> None:
    """Kind: two things under one name: what one writer says of its file overwrites what the other says of its own."""
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one, two = (Manifest(link, Keys("t"), tmp_path / name) for name in ("one", "two"))
    for name, count, manifest in (("one", 3, one), ("two", 5, two)):
        file = backup(tmp_path / name)
        file.append(rows(tag_values(count)))
        file.finish()
        manifest.rebuild()
    assert sorted(json.loads(entry)["rows"] for entry in link.entries.values()) == [3, 5]
    # And each is told of on its own from then on, however often; one that goes takes no other along
    for manifest in (one, two, one):
        manifest.rebuild()
    assert len(link.entries) == 2
    next((tmp_path / "two").glob("*.csv")).unlink()
    two.rebuild()
    one.rebuild()
    assert [json.loads(entry)["rows"] for entry in link.entries.values()] == [3]


def test_a_directory_is_known_again_by_another_host_and_under_another_path(
    link: FakeLink, manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kind: a container gets a new name with every start; its volume's files must not be listed twice."""
    file = backup(tmp_path)
    file.append(rows(tag_values(3)))
    file.finish()
    manifest.rebuild()
    monkeypatch.setattr("socket.gethostname", lambda: "another")
    moved = tmp_path.rename(tmp_path.with_name(tmp_path.name + "-moved"))
    again = Manifest(link, Keys("t"), moved)
    again.rebuild()
    assert len(link.entries) == 1
    next(moved.glob("*.csv")).unlink()
    again.rebuild()
    assert link.entries == {}


def test_a_directory_that_was_copied_with_its_machine_gets_a_name_of_its_own(
    link: FakeLink, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kind: two things under one name. A writer's machine was cloned to have a second one: each took the other's files
    for its own that were gone, told so and struck them off, twice a minute and for ever.
    """
    gone: list[tuple[str, str]] = []
    places = {"plant-1": tmp_path / "one", "plant-2": tmp_path / "two"}
    places["plant-1"].mkdir()
    manifests = {}

    def rebuild(host: str) -> None:
        monkeypatch.setattr("socket.gethostname", lambda: host)
        if host not in manifests:
            manifests[host] = Manifest(link, Keys("t"), places[host], lambda name, _: gone.append((host, name)))
        manifests[host].rebuild()

    rebuild("plant-1")
    shutil.copytree(places["plant-1"], places["plant-2"])
    for count, directory in enumerate(places.values(), 3):
        file = backup(directory)
        file.append(rows(tag_values(count)))
        file.finish()
        next(directory.glob("*.csv")).rename(directory / f"backup_20260101_00000{count}.csv")
        for label in directory.glob("*.json"):
            label.unlink()
    for _ in range(4):
        rebuild("plant-1")
        rebuild("plant-2")
    assert gone == []
    assert sorted(json.loads(entry)["rows"] for entry in link.entries.values()) == [3, 4]
    assert len({json.loads(entry)["place"] for entry in link.entries.values()}) == 2
    # And what is gone from either is told once
    next(places["plant-2"].glob("*.csv")).unlink()
    for host in places:
        rebuild(host)
    assert gone == [("plant-2", "backup_20260101_000004.csv")]
    assert [json.loads(entry)["rows"] for entry in link.entries.values()] == [3]


def test_a_file_that_another_host_told_of_and_that_is_gone_is_told_at_the_next_look(
    link: FakeLink, manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kind: as above; a container has another name after each start, and is no copy for that."""
    gone: list[str] = []
    file = backup(tmp_path)
    file.append(rows(tag_values(3)))
    file.finish()
    manifest.rebuild()
    monkeypatch.setattr("socket.gethostname", lambda: "another")
    again = Manifest(link, Keys("t"), tmp_path, lambda name, _: gone.append(name))
    name = next(tmp_path.glob("*.csv")).name
    (tmp_path / name).unlink()
    place = (tmp_path / ".place").read_text()
    for _ in range(3):
        again.rebuild()
    assert (gone, link.entries, (tmp_path / ".place").read_text()) == ([name], {}, place)


def test_more_files_than_the_list_holds_are_one_entry_with_their_sums(
    link: FakeLink, manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kind: no bound in count: a directory with a million files fills Redis."""
    gone: list[tuple[str, int]] = []
    manifest.on_gone = lambda name, rows: gone.append((name, rows))
    monkeypatch.setattr("services.writer.backup.index.MAX_WAITING", 3)
    file = backup(tmp_path)
    for count in range(1, 8):
        file.append(rows(tag_values(count)))
        file.finish()
    manifest.rebuild()
    entries = [json.loads(entry) for entry in link.entries.values()]
    assert (len(entries), sum(entry["rows"] for entry in entries)) == (4, 28)
    (rest,) = [entry for entry in entries if "files" in entry]
    assert (rest["files"], rest["rows"]) == (4, 22)
    # And when the first are through, the next ones are listed, and none counts as gone
    for path in sorted(tmp_path.glob("*.csv"))[:1] + sorted(tmp_path.glob("*_[2-5].csv")):
        (tmp_path / "recovered").mkdir(exist_ok=True)
        path.rename(tmp_path / "recovered" / path.name)
    manifest.rebuild()
    waiting = [entry for entry in map(json.loads, link.entries.values()) if entry["state"] == "waiting"]
    assert (sum(entry["rows"] for entry in waiting), gone) == (13, [])


def test_files_beyond_the_list_are_read_once_and_not_with_each_look(
    link: FakeLink, manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kind: a cost that comes again with each turn. Thousands of files were brought back without their labels: up to
    16 MB of each were read, twice a minute, to tell how many rows they have in all.
    """
    read: list[str] = []

    def counting(path: Path) -> int:
        read.append(path.name)
        return count_rows(path)

    monkeypatch.setattr("services.writer.backup.index.MAX_WAITING", 1)
    monkeypatch.setattr("services.writer.backup.index.count_rows", counting)
    for number in range(5):
        (tmp_path / f"backup_20260101_00000{number}.csv").write_bytes(b"h\n" + b"row\n" * 3)
    for _ in range(3):
        manifest.rebuild()
    assert sorted(read) == [f"backup_20260101_00000{number}.csv" for number in range(5)]
    # But one that is another by now
    (tmp_path / "backup_20260101_000004.csv").write_bytes(b"h\n" + b"row\n" * 30)
    manifest.rebuild()
    assert len(read) == 6
    (further,) = [entry for entry in map(json.loads, link.entries.values()) if "files" in entry]
    assert further["rows"] == 3 * 3 + 30


def test_a_file_beyond_the_list_that_can_not_be_read_costs_itself(
    link: FakeLink, manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kind: one's fault costs all: the list was made no more, and what was gone from the disk stood there for ever."""

    def failing(path: Path) -> int:
        if path.name.endswith("3.csv"):
            raise PermissionError(13, "Permission denied")
        return count_rows(path)

    monkeypatch.setattr("services.writer.backup.index.MAX_WAITING", 2)
    monkeypatch.setattr("services.writer.backup.index.count_rows", failing)
    for number in range(5):
        (tmp_path / f"backup_20260101_00000{number}.csv").write_bytes(b"h\n" + b"row\n" * 3)
    manifest.rebuild()
    (further,) = [entry for entry in map(json.loads, link.entries.values()) if "files" in entry]
    assert (further["files"], further["rows"]) == (3, 6)


def test_rows_are_known_from_the_label_and_a_large_file_is_not_read_through(tmp_path: Path) -> None:
    """Kind: network or disk work of unknown length. (Counting a backlog of 4 GB stopped the heartbeat for 55 s.)"""
    path = tmp_path / "backup_20260101_000000.csv"
    path.write_bytes(b"header\n" + b"12345678\n" * 10)
    with path.open("r+b") as file:
        file.truncate(10**12)
    assert count_rows(path) > 0
    write_label(path, Label(Target(), 77, 1, "x"))
    assert count_rows(path) == 77


@pytest.mark.parametrize("entry", ["", "no json", "[1]", '"text"', "null", "[" * 100_000, '{"rows": "x", "place": 5}'])
def test_no_entry_whatever_ends_the_writer(link: FakeLink, manifest: Manifest, tmp_path: Path, entry: str) -> None:
    link.entries["backup_20260101_001640.csv"] = entry
    file = backup(tmp_path)
    file.append(rows(tag_values(3)))
    file.finish()
    manifest.rebuild()
    assert any('"rows": 3' in text for text in link.entries.values())


def test_a_directory_that_is_made_later_is_the_same_place(link: FakeLink, tmp_path: Path) -> None:
    """Kind: two names for one thing: the list is begun before the directory is there."""
    manifest = Manifest(link, Keys("t"), tmp_path / "later")
    manifest.rebuild()
    file = CsvBackup(
        tmp_path / "later", "backup", FakeClock(), rotate_bytes=10**9, min_free_bytes=0, on_change=manifest.note
    )
    path = file.append(rows(tag_values(3)))
    manifest.flush()
    file.finish()
    manifest.flush()
    again = Manifest(link, Keys("t"), tmp_path / "later")
    again.rebuild()
    assert list(link.entries) == [path.name]
    path.unlink()
    again.rebuild()
    assert link.entries == {}


def test_files_are_listed_where_they_lie_after_another_directory_came_under_the_path(
    link: FakeLink, tmp_path: Path
) -> None:
    """Kind: what was looked up once is taken for true for ever: a share is mounted after the writer began, or goes.

    Its files were listed as those of the directory below it: `recover` moved them, and the alert that they wait stayed.
    """
    directory = tmp_path / "backup"
    manifest = Manifest(link, Keys("t"), directory)
    manifest.rebuild()
    file = CsvBackup(directory, "backup", FakeClock(), rotate_bytes=10**9, min_free_bytes=0, on_change=manifest.note)
    file.append(rows(tag_values(1)))
    file.finish()
    manifest.flush()
    # Given another directory in its place, with a name of its own
    directory.rename(tmp_path / "below")
    share = Manifest(link, Keys("t"), directory)
    directory.mkdir()
    share.rebuild()
    # If a file is written there by who began before, and recovered
    path = file.append(rows(tag_values(3)))
    file.finish()
    manifest.flush()
    (directory / "recovered").mkdir()
    path.rename(directory / "recovered" / path.name)
    manifest.rebuild()
    # Expect nothing of it to wait
    entries = [json.loads(entry) for entry in link.entries.values()]
    assert sorted((entry["rows"], entry["state"]) for entry in entries) == [(1, "waiting"), (3, "recovered")]


def test_a_file_that_somebody_put_elsewhere_and_linked_is_told(manifest: Manifest, tmp_path: Path) -> None:
    """Kind: gone from a list without a word. The disk was full, a person moved a file to another one and left a link,
    which nobody follows: it was in no list, in no alert, and `recover` did not take it."""
    gone: list[tuple[str, int]] = []
    manifest.on_gone = lambda name, rows: gone.append((name, rows))
    file = backup(tmp_path)
    path = file.append(rows(tag_values(3)))
    file.finish()
    manifest.rebuild()
    (tmp_path / "another disk").mkdir()
    path.symlink_to(path.rename(tmp_path / "another disk" / path.name))
    manifest.rebuild()
    assert gone == [(path.name, 3)]


def test_a_file_that_was_packed_is_gone_and_said_to_lie_beside(manifest: Manifest, tmp_path: Path) -> None:
    """Kind: what has another name is not there. It was told as gone, with nobody to say where it went."""
    gone: list[tuple[str, int]] = []
    manifest.on_gone = lambda name, count: gone.append((name, count))
    file = backup(tmp_path)
    path = file.append(rows(tag_values(3)))
    file.finish()
    manifest.rebuild()
    path.rename(path.with_name(f"{path.name}.1"))
    manifest.rebuild()
    assert gone == [(f"{path.name} ({path.name}.1 lies there: unpack it, and give it its name back)", 3)]
