"""Two hosts, each with a file of rejected rows of one name: what is asked of a row is done to its own file."""

from pathlib import Path

from services.monitor.api import asking
from services.monitor.api.answers.actions import RejectedFileRequest
from services.monitor.api.answers.rejections import rejections
from services.monitor.read.reader import RedisReader
from services.writer.backup.csv_backup import CsvBackup
from services.writer.backup.format import row_example
from services.writer.backup.index import Manifest
from shared.journal.rejected_examples import RejectedExamples
from shared.keys import Keys
from shared.records.actions import ActionKind
from shared.records.rejected import Rejected
from shared.redis.link import RedisLink
from tests.fakes import FakeClock, tag_values
from tests.unit.writer.backup.rows import rows


class Host:
    """One host's directory, with a rejected file that holds one row."""

    def __init__(self, link: RedisLink, keys: Keys, directory: Path, reason: str) -> None:
        self.manifest = Manifest(link, keys, directory)
        self.examples = RejectedExamples(link, keys)
        file = CsvBackup(
            directory, "rejected", FakeClock(), rotate_bytes=10**9, min_free_bytes=0, on_change=self.manifest.note
        )
        row = (*rows(tag_values(1))[0], "ORA-12899", reason)
        self.path = file.append([row])
        file.finish()
        self.manifest.flush()
        example = row_example(row, 1_767_225_600.0, self.path.name, self.manifest.place)
        self.examples.note(Rejected.ROW, "ORA-12899", example.at, example)
        self.examples.flush()

    def forget(self) -> None:
        """Hear that the file is through."""
        self.examples.forget_file(self.path.name, self.manifest.place)


def shown(link: RedisLink, keys: Keys) -> dict[str, str]:
    """Return the file that is shown for the row of each host, by the row's reason."""
    (group,) = rejections(RedisReader(link, keys).read()).rows
    return {row.reason: row.file or "" for row in group.examples}


def test_a_row_names_the_file_of_its_own_host(link: RedisLink, keys: Keys, tmp_path: Path) -> None:
    """Kind: two things under one name. "Retry" beside a row went to the other host's file, and all of it was retried or
    set aside there; and once the one was through, the rows of the other were shown no more."""
    one, two = (Host(link, keys, tmp_path / name, f"too long, of {name}") for name in ("one", "two"))
    assert one.path.name == two.path.name
    overview = RedisReader(link, keys).read()
    for host, reason in ((one, "too long, of one"), (two, "too long, of two")):
        request = RejectedFileRequest(target=shown(link, keys)[reason])
        (wanted,) = asking.rejected_file(ActionKind.SET_ASIDE_REJECTED_FILE, request, overview)
        assert (wanted.target, wanted.place) == (host.path.name, host.manifest.place)
    two.forget()
    assert list(shown(link, keys)) == ["too long, of one"]
    one.forget()
    assert RedisReader(link, keys).read().rejected[0].examples == ()
