"""What an earlier demo left in the directory of the next."""

from pathlib import Path

from sandbox.pipeline import clear


def test_backup_files_of_an_earlier_run_are_put_aside_and_wait_in_no_other(tmp_path: Path) -> None:
    """Kind: an alert from the first second on, whose remedy is refused: each demo has a table of its own."""
    (tmp_path / "redis").mkdir()
    (tmp_path / "backup" / "recovered").mkdir(parents=True)
    assert clear(tmp_path) is None, "nothing waits"
    found = []
    for _ in range(2):
        (tmp_path / "backup" / "backup_20260101_000000.csv").write_text("rows")
        found.append(clear(tmp_path))
    assert len(set(found)) == 2
    for aside in found:
        assert aside is not None
        assert (aside / "backup_20260101_000000.csv").read_text() == "rows"
    assert list((tmp_path / "backup").iterdir()) == []
    assert not (tmp_path / "redis").exists()
