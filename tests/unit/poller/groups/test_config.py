import os
from itertools import takewhile
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from services.poller.groups.config import MAX_TOLD, GroupConfig, load_groups
from services.poller.sources.files import MAX_GROUPS_BYTES
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
        (simulator('mode = "SOMETIMES"'), "group 1 'line 1': mode = 'SOMETIMES': use 'FIXED' or 'HANDSHAKE'"),
        (
            simulator('mode = "HANDSHAKE"\ninterval_ms = 500'),
            "group 1 'line 1': interval_ms is for mode = 'FIXED': a HANDSHAKE group is polled when asked",
        ),
        (
            replay('mode = "HANDSHAKE"'),
            "group 1 'well': mode = 'HANDSHAKE': this source gives readings at its own pace; use 'FIXED'",
        ),
        (
            simulator().replace('type = "simulator"', 'type = "modbus"'),
            "group 1 'line 1': source.type = 'modbus' is not a source; use simulator, replay or opcua",
        ),
        (
            simulator().replace('type = "simulator"', "tags = 5"),
            "group 1 'line 1': source.type is missing: use simulator, replay or opcua",
        ),
        (
            '[[group]]\nname = "line 1"\nplc_code = "PLC01"\n',
            "group 1 'line 1': source is missing: add [group.source] with type = one of simulator, replay or opcua",
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
def test_a_mistake_is_told_with_file_group_key_and_remedy(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in problems(tmp_path, text)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    told = problems(tmp_path, simulator("interval_ms = 5", "tagz = 1\nbad_ratio = 2.0"))
    assert len(told) == 3


def test_the_mark_that_some_editors_begin_with_costs_nothing(tmp_path: Path) -> None:
    """Kind: what nobody needs costs everything: "not TOML: Invalid statement (at line 1, column 1)"."""
    (group,) = load(tmp_path, "\ufeff" + simulator())
    assert group.group_id == 1


def test_text_that_is_no_toml_is_told_with_its_place(tmp_path: Path) -> None:
    (told,) = problems(tmp_path, "[[group]]\nname = line 1\n")
    assert told.startswith("not TOML: ")
    assert "line 2" in told


def test_a_missing_file_is_told_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"nowhere\.toml: can't be read: No such file"):
        load_groups(tmp_path / "nowhere.toml")


def test_the_example_that_is_shipped_is_valid() -> None:
    example = Path(__file__).parents[4] / "deploy" / "poller" / "polling_groups.toml"
    assert load_groups(example)


def test_what_the_example_holds_as_comments_is_valid_too(tmp_path: Path) -> None:
    example = (Path(__file__).parents[4] / "deploy" / "poller" / "polling_groups.toml").read_text()
    (group,) = load(tmp_path, _uncommented(example, "line 3"))
    assert (group.plc, group.source.type) == ("PLC03", "opcua")
    (group,) = load(tmp_path, _uncommented(example, "recipe"))
    assert group.mode == "HANDSHAKE"


def _uncommented(example: str, name: str) -> str:
    """Return the group of this name, its lines without the # before them."""
    lines = [line.removeprefix("# ") for line in example.split(f'# name = "{name}"')[1].splitlines()]
    keys = takewhile(lambda line: not line.startswith(("--- ", "[[")), lines)
    return "\n".join([f'[[group]]\nname = "{name}"', *(line for line in keys if line[:1] not in ("#", "-"))])


def opcua(keys: str, group: str = "") -> str:
    if "url" not in keys:
        keys += '\nurl = "opc.tcp://plc:4840"'
    if "tags" not in keys:
        keys += '\ntags = ["i=2258"]'
    return f'[[group]]\nname = "plc"\nplc_code = "P"\n{group}\n[group.source]\ntype = "opcua"\n{keys}\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (opcua('url = "http://plc"'), "source.url = 'http://plc': write it as opc.tcp://host:port"),
        (opcua('url = "opc.tcp://plc"'), "source.url = 'opc.tcp://plc': write it as opc.tcp://host:port"),
        (opcua('url = "opc.tcp://me:secret@plc:4840"'), "source.url = ***: take user and password out of the address"),
        (opcua('tags = ["D100"]'), "source.tags = ['D100']: entry 1: 'D100' is not a node id"),
        (opcua('tags = {globs = "a"}'), "source.tags: use a list: "),
        (opcua("password = 5"), "source.password = ***: "),
        (opcua('password = "secret"'), "a password needs a user"),
        (opcua('security = "sign"'), "security = 'sign' needs certificate and private_key: paths of two files"),
        (opcua('policy = "Basic128Rsa15"'), "source.policy = 'Basic128Rsa15': Input should be 'Basic256Sha256'"),
        (
            opcua('mode = "subscribe"', 'mode = "HANDSHAKE"'),
            "mode = 'HANDSHAKE': this source gives readings at its own",
        ),
    ],
)
def test_a_mistake_of_an_opcua_source_is_told_and_its_secrets_are_not(tmp_path: Path, text: str, expected: str) -> None:
    told = problems(tmp_path, text)
    assert any(expected in problem for problem in told), told
    assert not any("secret" in problem for problem in told)


def test_at_a_reload_groups_keep_their_ids_and_a_new_one_gets_a_free_one(tmp_path: Path) -> None:
    path = tmp_path / "groups.toml"
    path.write_text("\n".join(simulator().replace("line 1", name) for name in ("new", "b", "a")))
    groups = load_groups(path, {"a": 1, "b": 2})
    assert {group.name: group.group_id for group in groups} == {"new": 3, "b": 2, "a": 1}


def test_the_old_key_for_access_is_still_read_and_a_line_says_so(tmp_path: Path) -> None:
    with capture_logs() as logs:
        (old,) = load(tmp_path, opcua('mode = "subscribe"'))
        (new,) = load(tmp_path, opcua('access = "subscribe"'))
    assert old.describe() == new.describe()
    assert ", subscribed published" in new.describe()
    assert [log["event"].partition(": ")[2] for log in logs] == [
        f"group '{old.name}': source.mode = 'subscribe' is called source.access now; it is read as before"
    ]
    (problem,) = problems(tmp_path, opcua('mode = "read"\naccess = "subscribe"'))
    assert "mode is what access was called; take it out" in problem
    (problem,) = problems(tmp_path, opcua('access = "listen"'))
    assert "access = 'listen'" in problem


@pytest.mark.parametrize("access", ["read", "subscribe"])
def test_a_source_has_a_status_before_it_is_opened(tmp_path: Path, access: str) -> None:
    (group,) = load(tmp_path, opcua(f'access = "{access}"'))
    status = group.build_source(tmp_path, lambda _kind, _message: None).status()
    assert status["server"] == "away"


def test_a_file_that_is_too_large_or_nested_too_deeply_is_refused_with_the_reason(tmp_path: Path) -> None:
    """Kind: a file that people write, read whole whatever its size."""
    assert problems(tmp_path, "a = " + "[" * 10_000 + "]" * 10_000) == ["not TOML: nested too deeply"]
    path = tmp_path / "groups.toml"
    os.truncate(path, MAX_GROUPS_BYTES + 1)
    with pytest.raises(SettingsError, match=f"larger than {MAX_GROUPS_BYTES} bytes: put the tags of large groups into"):
        load_groups(path)


def test_a_pipe_is_no_file_of_polling_groups(tmp_path: Path) -> None:
    """Kind: a file that never ends, or never begins, makes everybody wait."""
    os.mkfifo(tmp_path / "groups.toml")
    with pytest.raises(SettingsError, match="can't be read: not a regular file"):
        load_groups(tmp_path / "groups.toml")


def test_so_many_mistakes_are_told_and_the_rest_counted(tmp_path: Path) -> None:
    """Kind: a line for each mistake of a file that may hold half a million."""
    group = '[[group]]\nname = "n{}"\nplc_code = "P"\nsource = {{type = "simulator", tags = 0}}\n'
    told = problems(tmp_path, "".join(group.format(number) for number in range(MAX_TOLD + 7)))
    assert (len(told), told[-1]) == (MAX_TOLD + 1, "and 7 more")


def test_a_mistake_in_a_long_list_does_not_repeat_the_list(tmp_path: Path) -> None:
    tags = ", ".join(f'"ns=2;s=D{number}"' for number in range(10_000))
    source = f'{{type = "opcua", url = "opc.tcp://h:1", tags = [{tags}, 5]}}'
    (told,) = problems(tmp_path, f'[[group]]\nname = "n"\nplc_code = "P"\nsource = {source}')
    assert "entry 10001" in told
    assert len(told) < 400
