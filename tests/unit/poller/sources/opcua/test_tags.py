from pathlib import Path
from typing import Any

import pytest

from services.poller.source import SourceError
from services.poller.sources.opcua.tags import Tag, compile_glob, parse_selection, read_tags


def test_a_list_names_nodes_and_where_it_likes_their_addresses() -> None:
    selection = parse_selection(["ns=2;s=D100", {"address": "nsu=http://maker/;i=5", "name": "speed"}])
    assert selection.listed(Path()) == [Tag("ns=2;s=D100", "ns=2;s=D100"), Tag("nsu=http://maker/;i=5", "speed")]


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ([], "use a list: "),
        ("Plant/*", "use a list: "),
        ({"globs": "Plant/*"}, "use a list: "),
        ({"glob": []}, "use a list: "),
        ([5], "entry 1: use "),
        ([{"address": "i=5", "nam": "x"}], "entry 1: use "),
        ([{"address": "i=5", "name": 5}], "entry 1: address and name are texts"),
        (["i=5", "D100"], "entry 2: 'D100' is not a node id: write it as ns=2;s=D100"),
        (["ns=x;s=D100"], "entry 1: 'ns=x;s=D100' is not a node id"),
        (["i=5", "i=6", "i=5"], "2 tags have the name 'i=5'"),
    ],
)
def test_a_wrong_list_is_told_with_its_entry(tags: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse_selection(tags)
    assert str(caught.value).startswith(reason)


def read(tmp_path: Path, text: str) -> list[Tag]:
    path = tmp_path / "tags.csv"
    path.write_text(text, "utf-8")
    return read_tags(path)


def test_a_file_holds_addresses_names_and_what_browse_adds(tmp_path: Path) -> None:
    text = '\ufeffaddress,name,type\r\nns=1;s=A,a,Double\r\n\r\n"ns=1;s=B, left",,Int32\r\n'
    assert read(tmp_path, text) == [Tag("ns=1;s=A", "a"), Tag("ns=1;s=B, left", "ns=1;s=B, left")]


def test_all_mistakes_of_a_file_are_told_with_their_lines(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        read(tmp_path, "address,name\nD1,a\ni=5,b\ni=6,b\n")
    told = str(caught.value)
    assert "tags.csv: line 2: 'D1' is not a node id" in told
    assert "line 4: 'b' is in line 3 already" in told


@pytest.mark.parametrize(
    ("text", "reason"),
    [("node,name\ni=5,a\n", "line 1: no column is called address"), ("address\n", "it names no tag"), ("", "line 1: ")],
)
def test_a_file_of_another_kind_is_told(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(SourceError, match=reason):
        read(tmp_path, text)


def test_a_workbook_under_the_name_of_a_csv_file_is_called_so(tmp_path: Path) -> None:
    """Kind: a symptom with several causes."""
    path = tmp_path / "tags.csv"
    path.write_bytes(b"PK\x03\x04\x14\0\x06\0\x08\0\0\0\x21\0\xff\xfe")
    with pytest.raises(SourceError, match="a workbook of Excel, or a zip archive: save the sheet as CSV"):
        read_tags(path)


@pytest.mark.parametrize(
    ("pattern", "matches", "others"),
    [
        ("Plant/*", ["Plant/A"], ["Plant/L/A", "Plant", "Plan/A"]),
        ("Plant/**", ["Plant/A", "Plant/L/A"], ["Plants/A"]),
        ("**/Temp?", ["Temp1", "A/B/Temp2"], ["A/Temp", "A/Temp12"]),
        ("**", ["A", "A/B.c"], []),
        ("ns=2;s=Line.(1)*", ["ns=2;s=Line.(1).Speed"], ["ns=2;s=Linex(1)", "ns=3;s=Line.(1)"]),
    ],
)
def test_a_glob_matches_steps_of_a_path(pattern: str, matches: list[str], others: list[str]) -> None:
    expression = compile_glob(pattern)
    assert [path for path in matches + others if expression.fullmatch(path)] == matches
