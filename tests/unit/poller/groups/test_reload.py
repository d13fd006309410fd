"""The loop that takes a changed file over: when it looks the same twice, as a whole, or not at all."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from services.poller.groups import reload as module
from services.poller.groups.config import load_groups
from services.poller.groups.fleet import FileState, file_state
from services.poller.groups.reload import Reload
from shared.records.events import Event
from tests.unit.poller.fleets import fleet_of, until


def group(name: str, tags: int = 3) -> str:
    return f'[[group]]\nname = "{name}"\nplc_code = "P"\n[group.source]\ntype = "simulator"\ntags = {tags}\n'


class Reloading:
    """A fleet, the loop that keeps it as its file says, and what was told. `looks`: how the file looks, in order."""

    def __init__(self, path: Path, text: str, looks: Sequence[int] = ()) -> None:
        self.path = path
        self.path.write_text(text)
        self.fleet = fleet_of(path.parent)
        self.reload = Reload(path, 1, self.fleet, self._hear)
        self.told: list[tuple[Event, str]] = []
        #: How often the file had been looked at when something was told.
        self.looked: list[int] = []
        self._looks = list(looks)
        self.looks = 0

    @property
    def names(self) -> list[str]:
        return [running.config.name for running in self.fleet.groups]

    def look(self, path: Path) -> FileState:
        state = file_state(path)
        if self._looks:
            state = (state[0], self._looks.pop(0) if len(self._looks) > 1 else self._looks[0], 0, 0, 0)
        self.looks += 1
        return state

    def _hear(self, kind: Event, message: str) -> None:
        self.told.append((kind, message))
        self.looked.append(self.looks)

    async def tell(self, count: int) -> None:
        """Wait until so much was told, and the loop has looked a few times more."""
        await until(lambda: len(self.told) >= count)
        seen = self.looks
        await until(lambda: self.looks >= seen + 4)


@asynccontextmanager
async def reloading(found: Reloading, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Reloading]:
    monkeypatch.setattr(module, "CHECK_S", 0.001)
    monkeypatch.setattr(module, "file_state", found.look)
    async with asyncio.TaskGroup() as tasks:
        found.fleet.start(load_groups(found.path, {}, 1), tasks)
        running = tasks.create_task(found.reload.run(tasks))
        await until(lambda: bool(found.looks))
        yield found
        running.cancel()
        found.fleet.cancel()


def test_a_changed_file_is_taken_over_once_and_what_is_the_same_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        found = Reloading(tmp_path / "groups.toml", group("same") + group("other") + group("going"))
        async with reloading(found, monkeypatch):
            same = found.fleet.groups[0]
            found.path.write_text(group("new") + group("other", tags=7) + group("same"))
            await found.tell(1)
            assert found.names == ["new", "other", "same"]
            assert found.fleet.groups[2] is same
            done = "1 unchanged, started: 'new', restarted: 'other', stopped: 'going'"
            assert found.told == [(Event.GROUPS_CHANGED, f"groups.toml: the file has changed: {done}")]

    asyncio.run(run())


def test_another_file_behind_a_link_is_another_however_old_and_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kind: a time taken for a name. A ConfigMap is a link that is exchanged; two may be as old and as large."""
    for version, name in (("v1", "one"), ("v2", "two")):
        (tmp_path / version).mkdir()
        (tmp_path / version / "groups.toml").write_text(group(name))
        os.utime(tmp_path / version / "groups.toml", (0, 1_000_000))
    (tmp_path / "data").symlink_to("v1")

    async def run() -> None:
        found = Reloading(tmp_path / "data" / "groups.toml", group("one"))
        os.utime(found.path, (0, 1_000_000))
        async with reloading(found, monkeypatch):
            (tmp_path / "next").symlink_to("v2")
            (tmp_path / "next").replace(tmp_path / "data")
            await found.tell(1)
            assert found.names == ["two"]

    asyncio.run(run())


def test_a_file_that_is_still_being_written_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kind: half of a file is taken for the whole."""

    async def run() -> None:
        found = Reloading(tmp_path / "groups.toml", group("one"), looks=[1, 2, 3, 4, 4])
        async with reloading(found, monkeypatch):
            await found.tell(1)
            # The fifth look is the first that is like the one before it.
            assert found.looked == [5]

    asyncio.run(run())


def test_a_mistake_changes_nothing_is_told_once_and_when_it_is_mended_the_file_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        found = Reloading(tmp_path / "groups.toml", group("one"))
        async with reloading(found, monkeypatch):
            found.path.write_text(group("two") + "[[group]]\nname = 5\n")
            await found.tell(1)
            kind, message = found.told[0]
            assert (kind, found.names) == (Event.GROUPS_REFUSED, ["one"])
            assert "it holds a mistake: all groups go on as they were: " in message
            assert "name" in message.rsplit("as they were: ", 1)[1]
            found.path.write_text(group("two"))
            await found.tell(2)
            assert [kind for kind, _ in found.told] == [Event.GROUPS_REFUSED, Event.GROUPS_CHANGED]
            assert found.names == ["two"]

    asyncio.run(run())


def test_who_sends_sighup_is_answered_although_nothing_has_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        found = Reloading(tmp_path / "groups.toml", group("one"))
        async with reloading(found, monkeypatch):
            found.reload.ask()
            await found.tell(1)
            unchanged = "1 unchanged, started: none, restarted: none, stopped: none"
            assert found.told == [(Event.GROUPS_CHANGED, f"groups.toml: SIGHUP: {unchanged}")]

    asyncio.run(run())


def test_what_a_new_group_refers_to_is_checked_before_anything_is_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        found = Reloading(tmp_path / "groups.toml", group("one"))
        replay = '[[group]]\nname = "back"\nplc_code = "P"\n[group.source]\ntype = "replay"\nfile = "readings.csv"\n'
        async with reloading(found, monkeypatch):
            found.path.write_text(replay)
            await found.tell(1)
            assert (found.told[0][0], found.names) == (Event.GROUPS_REFUSED, ["one"])
            assert "group 'back': " in found.told[0][1]
            assert "readings.csv" in found.told[0][1]

    asyncio.run(run())
