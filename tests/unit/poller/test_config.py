from pathlib import Path

import pytest

from services.poller.config import GroupConfig, load_groups
from shared.errors import SettingsError

GOOD = """
[[group]]
name = "line 1"
plc_code = "PLC01"
interval_ms = 250
[group.source]
type = "simulator"
tags = 7

[[group]]
name = "well"
[group.source]
type = "replay"
file = "WELL-00004_20171031193025.csv"
speed = "max"
"""


def load(tmp_path: Path, text: str) -> list[GroupConfig]:
    path = tmp_path / "groups.toml"
    path.write_text(text, "utf-8")
    return load_groups(path)


def problems(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, text)
    prefix = f"{tmp_path / 'groups.toml'}: "
    assert all(problem.startswith(prefix) for problem in caught.value.problems)
    return [problem.removeprefix(prefix) for problem in caught.value.problems]


def simulator(group: str = "", source: str = "") -> str:
    return f'[[group]]\nname = "line 1"\nplc_code = "PLC01"\n{group}\n[group.source]\ntype = "simulator"\n{source}\n'


def replay(group: str = "", source: str = "") -> str:
    return f'[[group]]\nname = "well"\n{group}\n[group.source]\ntype = "replay"\nfile = "W1_2017.csv"\n{source}\n'


@pytest.mark.req("FR-020")
def test_groups_get_their_place_as_id_and_the_plc_code_of_the_file_name(tmp_path: Path) -> None:
    first, second = load(tmp_path, GOOD)
    assert (first.group_id, first.plc, first.interval_s) == (1, "PLC01", 0.25)
    assert (second.group_id, second.plc) == (2, "WELL-00004")


def test_a_given_plc_code_goes_before_the_one_of_the_file_name(tmp_path: Path) -> None:
    (group,) = load(tmp_path, replay('plc_code = "P9"\ngroup_id = 12'))
    assert (group.group_id, group.plc) == (12, "P9")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (simulator("intervall_ms = 100"), "group 1 'line 1': intervall_ms is not a key; did you mean interval_ms?"),
        (simulator(source="tag = 5"), "group 1 'line 1': source.tag is not a key; did you mean tags?"),
        (
            simulator(source="zzz = 5"),
            "group 1 'line 1': source.zzz is not a key; known are type, tags, seed, bad_ratio, prefix, polls",
        ),
        (
            simulator("interval_ms = 50"),
            "group 1 'line 1': interval_ms = 50: Input should be greater than or equal to 100",
        ),
        (simulator(source='tags = "5"'), "group 1 'line 1': source.tags = '5': Input should be a valid integer"),
        (simulator('mode = "HANDSHAKE"'), "group 1 'line 1': mode = 'HANDSHAKE': only 'FIXED' is supported"),
        (
            simulator().replace('type = "simulator"', 'type = "opcua"'),
            "group 1 'line 1': source.type = 'opcua' is not a source; use simulator or replay",
        ),
        (
            simulator().replace('type = "simulator"', "tags = 5"),
            'group 1 \'line 1\': source.type is missing: use "simulator" or "replay"',
        ),
        (
            '[[group]]\nname = "line 1"\nplc_code = "PLC01"\n',
            'group 1 \'line 1\': source is missing: add [group.source] with type = "simulator" or "replay"',
        ),
        (
            simulator().replace('plc_code = "PLC01"', ""),
            "group 1 'line 1': plc_code is missing: tag names begin with it, as in PLC01.D100",
        ),
        (simulator().replace('name = "line 1"', ""), "group 1: name is missing"),
        (replay(source="speed = 0"), "group 1 'well': source.speed = 0: use a number above 0 or \"max\""),
        (replay(source='speed = "fast"'), "group 1 'well': source.speed = 'fast': use a number above 0 or \"max\""),
        (
            replay(source='timestamps = "then"'),
            "group 1 'well': source.timestamps = 'then': Input should be 'original' or 'now'",
        ),
        (simulator().replace("[[group]]", "[[grup]]"), "grup is not a key; did you mean group?"),
        ("", "group is missing: begin each polling group with a line [[group]]"),
        ("group = 3", "group = 3: Input should be a valid list"),
        (simulator() + simulator(), "2 groups have the name 'line 1': give each its own"),
        (
            simulator("group_id = 2") + replay(),
            "2 groups have the group_id 2: give each its own",
        ),
    ],
)
def test_a_mistake_is_told_with_file_group_key_and_cure(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in problems(tmp_path, text)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    told = problems(tmp_path, simulator("interval_ms = 5", "tagz = 1\nbad_ratio = 2.0"))
    assert len(told) == 3


def test_text_that_is_no_toml_is_told_with_its_place(tmp_path: Path) -> None:
    (told,) = problems(tmp_path, "[[group]]\nname = line 1\n")
    assert told.startswith("not TOML: ")
    assert "line 2" in told


def test_a_missing_file_is_told_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.toml: can't be read: No such file"):
        load_groups(tmp_path / "nowhere.toml")


def test_the_example_that_is_shipped_is_valid() -> None:
    example = Path(__file__).parents[3] / "deploy" / "poller" / "polling_groups.toml"
    assert load_groups(example)
