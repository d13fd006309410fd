import asyncio
from typing import Any

from services.poller.source import Reading
from services.poller.sources.simulator import TEXTS, Simulator, SimulatorModel


def simulator(**keys: Any) -> Simulator:
    return Simulator(SimulatorModel.model_validate({"type": "simulator", **keys}))


def polls(source: Simulator, count: int) -> list[Reading | None]:
    async def run() -> list[Reading | None]:
        return [await source.read() for _ in range(count)]

    return asyncio.run(run())


def readings(source: Simulator, count: int) -> list[Reading]:
    return [reading for reading in polls(source, count) if reading is not None]


def test_the_same_seed_gives_the_same_plant() -> None:
    keys = {"tags": 200, "seed": 7, "bad_ratio": 0.1}
    assert readings(simulator(**keys), 5) == readings(simulator(**keys), 5)
    assert readings(simulator(**keys), 5) != readings(simulator(**keys | {"seed": 8}), 5)


def test_every_poll_has_every_tag_once() -> None:
    addresses = {f"D{number}" for number in range(100, 3591)}
    for reading in readings(simulator(tags=3491, bad_ratio=0.01), 3):
        assert reading.values.keys() | reading.errors.keys() == addresses
        assert not reading.values.keys() & reading.errors.keys()


def test_a_plant_has_numbers_booleans_and_texts_and_they_change() -> None:
    first, *_, last = readings(simulator(tags=400, bad_ratio=0), 50)
    assert {type(value) for value in first.values.values()} == {float, int, bool, str}
    for kind in (float, int, bool, str):
        tags = [address for address, value in first.values.items() if type(value) is kind]
        assert any(first.values[tag] != last.values[tag] for tag in tags), kind


def test_even_five_tags_are_of_all_kinds() -> None:
    (reading,) = readings(simulator(tags=5, bad_ratio=0), 1)
    assert {type(value) for value in reading.values.values()} == {float, int, bool, str}


def test_values_are_short_texts() -> None:
    for reading in readings(simulator(tags=1000), 100):
        for value in reading.values.values():
            assert value in TEXTS or len(repr(value)) <= len("-12345.678")


def test_the_wanted_part_of_the_tags_is_bad_in_both_ways() -> None:
    some = readings(simulator(tags=1000, bad_ratio=0.05, seed=3), 100)
    errors = sum(len(reading.errors) for reading in some)
    nulls = sum(list(reading.values.values()).count(None) for reading in some)
    assert 4_000 < errors + nulls < 6_000
    assert errors > 1_000
    assert nulls > 1_000


def test_nothing_and_everything_can_be_bad() -> None:
    (none_bad,) = readings(simulator(tags=50, bad_ratio=0), 1)
    assert None not in none_bad.values.values()
    assert not none_bad.errors
    (all_bad,) = readings(simulator(tags=50, bad_ratio=1), 1)
    assert set(all_bad.values.values()) == {None}
    assert len(all_bad.values) + len(all_bad.errors) == 50


def test_a_number_of_polls_is_an_end() -> None:
    assert [reading is None for reading in polls(simulator(polls=2), 4)] == [False, False, True, True]
