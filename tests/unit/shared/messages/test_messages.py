"""Messages as they come: the good ones, those with a fault in one tag, and those that nobody can read."""

import base64
import gzip
import json
import zlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.consumer.expand import expand
from shared.errors import RejectedError
from shared.messages import MESSAGE_MAX_BYTES, encode_polling_data, read_message
from shared.models import TagValue, encode_values
from shared.texts import TEXT_LIMIT

MOMENT = datetime(2026, 1, 1)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()


def read(fields: str, timestamp: str = '"2026-01-01"') -> tuple[dict[str, TagValue], dict[str, str]]:
    """Return the values of a message by address, and why tags were left out."""
    raw = f'{{"timestamp":{timestamp},"plc_code":"P",{fields}}}'.encode(errors="surrogateescape")
    data, faults = read_message(raw)
    values = expand(data)
    encode_values(values)  # whatever came, the buffer can hold it
    return {value.tag_address: value for value in values}, {fault.address: fault.reason for fault in faults}


def told(value: TagValue) -> tuple[str | None, str]:
    return value.tag_value, value.quality


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "9" * 400, "-" + "9" * 5000])
def test_what_is_no_number_is_bad_without_a_value_and_costs_nobody_else(number: str) -> None:
    """Kind: one tag's fault costs the whole message."""
    values, faults = read(f'"tag_values":{{"a":{number},"b":2.5,"big":{"9" * 40}}}')
    if number != "9" * 400:  # the strict decoder takes it: an integer of 400 digits is a text of 400 digits
        assert told(values["a"]) == (None, "BAD")
    assert told(values["b"]) == ("2.5", "GOOD")
    assert told(values["big"]) == ("9" * 40, "GOOD")
    assert faults == {}


@pytest.mark.parametrize(
    ("quality", "stored"),
    [
        ('"Good"', "GOOD"), ('"GoodClamped"', "GOOD"), ('"good"', "GOOD"), ('"UncertainLastUsableValue"', "UNCERTAIN"),
        ('"BadNoCommunication"', "BAD"), ('"SO-SO"', "UNCERTAIN"), ("null", "GOOD"), ('""', "GOOD"),
        ("192", "UNCERTAIN"), ("[]", "UNCERTAIN"), ("true", "UNCERTAIN"),
    ],
)  # fmt: skip
def test_a_quality_is_known_by_its_beginning(quality: str, stored: str) -> None:
    """Kind: one tag's fault costs the whole message."""
    values, faults = read(f'"tag_values":{{"a":1,"b":2}},"tag_qualities":{{"a":{quality}}}')
    assert told(values["a"]) == ("1", stored)
    assert told(values["b"]) == ("2", "GOOD")
    assert faults == {}


@pytest.mark.parametrize(
    ("time", "stored"),
    [
        ("null", MOMENT), ('""', MOMENT), ('"0001-01-01T00:00:00+09:00"', MOMENT),
        ('"9999-12-31T23:59:59.9999999-05:00"', MOMENT), ('"2016-12-31T23:59:60Z"', datetime(2017, 1, 1)),
        ('"2016-12-31T23:59:60.25"', datetime(2017, 1, 1, 0, 0, 0, 250_000)),
        ('"2026-02-03T04:05:06"', datetime(2026, 2, 3, 4, 5, 6)),
    ],
)  # fmt: skip
def test_a_tag_without_a_time_of_its_own_has_that_of_its_poll(time: str, stored: datetime) -> None:
    """Kind: one tag's fault costs the whole message."""
    # A quality that only the slow way understands, so that all go that way.
    values, faults = read(
        f'"tag_values":{{"a":1,"b":2}},"tag_timestamps":{{"a":{time}}},"tag_qualities":{{"b":"Good"}}'
    )
    assert (values["a"].timestamp, values["b"].timestamp) == (stored, MOMENT)
    assert faults == {}


@pytest.mark.parametrize("time", ['"soon"', "5", "[]", '"2026-01-01T25:00:00"', '"2026-01-01T00:60:00"', "true"])
def test_a_tag_whose_time_cant_be_read_is_left_out_alone_and_told(time: str) -> None:
    """Kind: one tag's fault costs the whole message, and nobody hears of the tag."""
    values, faults = read(f'"tag_values":{{"a":1,"b":2}},"tag_timestamps":{{"a":{time}}}')
    assert list(values) == ["b"]
    assert list(faults) == ["a"]
    assert "time" in faults["a"]


@pytest.mark.parametrize(
    ("time", "stored"),
    [
        ("2026-01-02t12:00:00z", datetime(2026, 1, 2, 12)), (" 2026-01-02 12:00 ", datetime(2026, 1, 2, 12)),
        ("2026-01-02T12:00:00+09:00[Asia/Seoul]", datetime(2026, 1, 2, 3)),
        ("2026-01-02T12:00:00.5Z[UTC]", datetime(2026, 1, 2, 12, 0, 0, 500_000)),
        ("2026-12-31T24:00:00", datetime(2027, 1, 1)), ("2026-12-31T24:00:00.000+09:00", datetime(2026, 12, 31, 15)),
        ("20261231T2400", datetime(2027, 1, 1)), ("2016-12-31T23:59:60z", datetime(2017, 1, 1)),
    ],
)  # fmt: skip
def test_a_time_that_standards_allow_is_one(time: str, stored: datetime) -> None:
    """Kind: what a standard allows, and a library does not read. The message was rejected, with all of its tags."""
    message, faults = read_message(f'{{"timestamp":"{time}","plc_code":"P","tag_values":{{"a":1}}}}'.encode())
    assert (message.timestamp, faults) == (stored, [])
    values, told_of = read(f'"tag_values":{{"a":1}},"tag_timestamps":{{"a":"{time}"}}')
    assert (values["a"].timestamp, told_of) == (stored, {})


@pytest.mark.parametrize(
    "time", ["2026-12-31T24:00:01", "2026-12-31T24:30Z", "2026-01-02T12:00:00[Asia/Seoul]", "9999-12-31T24:00:00", "  "]
)
def test_a_time_of_which_a_part_would_have_to_be_guessed_is_none(time: str) -> None:
    """Kind: a guess where two readings are possible."""
    with pytest.raises(RejectedError):
        read_message(f'{{"timestamp":"{time}","plc_code":"P","tag_values":{{"a":1}}}}'.encode())


@pytest.mark.parametrize("time", ["20260102120000Z", "20260102103000+09:00", "20260102235959Z", "1769092341842"])
def test_digits_without_a_t_between_date_and_time_are_no_time(time: str) -> None:
    """Kind: a guess where two readings are possible. 20260102120000Z was stored at 20:00, milliseconds since 1970 in
    the year 1769, where their digits happened to allow it.
    """
    values, faults = read(f'"tag_values":{{"a":1,"b":2}},"tag_timestamps":{{"a":"{time}"}}')
    assert list(values) == ["b"]
    assert list(faults) == ["a"]
    with pytest.raises(RejectedError, match="has a T between date and time"):
        read_message(f'{{"timestamp":"{time}","plc_code":"P","tag_values":{{"a":1}}}}'.encode())


def test_iso_8601_without_dashes_is_a_time() -> None:
    values, faults = read('"tag_values":{"a":1},"tag_timestamps":{"a":"20260102T120000Z"}')
    assert values["a"].timestamp == datetime(2026, 1, 2, 12)
    assert faults == {}


def test_what_is_left_out_is_kept_as_a_message_of_that_tag_alone() -> None:
    raw = (
        b'{"timestamp":"2026-01-01","plc_code":"P","group_id":7,"mode":"FIXED","tag_values":{"a":1,"b":2},'
        b'"tag_timestamps":{"a":"soon","b":"2026-01-01"},"tag_qualities":{"a":"GOOD"},"error_tags":{"a":"late"}}'
    )
    _, (fault,) = read_message(raw)
    assert fault.alone == {
        "timestamp": "2026-01-01", "plc_code": "P", "group_id": 7, "mode": "FIXED", "tag_values": {"a": 1},
        "tag_timestamps": {"a": "soon"}, "tag_qualities": {"a": "GOOD"}, "error_tags": {"a": "late"},
    }  # fmt: skip
    assert (fault.reason, fault.detail) == ("the time can't be read", "soon")


@pytest.mark.parametrize(
    ("address", "reason"),
    [("", "empty"), ("x" * 1001, "longer than 1000 characters"), ("\\ud800", "no text"), ("\udcff", "no text")],
)
def test_an_address_that_is_none_is_left_out(address: str, reason: str) -> None:
    """Kind: one tag's fault costs the whole message."""
    for place in (f'"tag_values":{{"{address}":1,"b":2}}', f'"tag_values":{{"b":2}},"error_tags":{{"{address}":"x"}}'):
        values, faults = read(place)
        assert list(values) == ["b"]
        (told_of,) = faults.values()
        assert reason in told_of
        assert all(len(shown) <= TEXT_LIMIT + 30 for shown in faults)


def test_text_that_is_no_text_keeps_the_rest_and_is_uncertain() -> None:
    """Kind: one tag's fault costs the whole message."""
    values, faults = read('"tag_values":{"a":"lone \\ud800 one","b":"\udcff\udcfe","c":"온도"}')
    assert told(values["a"]) == ("lone \ufffd one", "UNCERTAIN")
    assert told(values["b"]) == ("\ufffd\ufffd", "UNCERTAIN")
    assert told(values["c"]) == ("온도", "GOOD")
    assert faults == {}


def test_a_text_that_no_column_holds_is_left_out() -> None:
    values, faults = read(f'"tag_values":{{"a":"{"x" * 40_000}","b":2}}')
    assert list(values) == ["b"]
    assert "longer than 32767" in faults["a"]


def test_an_error_text_of_any_type_is_an_error() -> None:
    """Kind: one tag's fault costs the whole message."""
    values, faults = read('"tag_values":{"a":1,"ok":2},"error_tags":{"a":1,"b":null,"c":{"code":5},"d":[]}')
    assert {address: value.quality for address, value in values.items()} == {
        "a": "BAD", "b": "BAD", "c": "BAD", "d": "BAD", "ok": "GOOD",
    }  # fmt: skip
    values, _ = read('"tag_values":{"a":1,"ok":2},"error_tags":["a"]')
    assert (values["a"].quality, values["ok"].quality) == ("BAD", "GOOD")
    assert faults == {}


@pytest.mark.parametrize(
    "fields",
    [
        '"poll_time_ms":"fast"', '"poll_time_ms":null', '"poll_time_ms":NaN', '"group_id":"one"', '"group_id":1.5',
        '"group_name":7', '"mode":"SOMETIMES"', '"mode":null', '"tag_qualities":null', '"tag_timestamps":null',
        '"error_tags":null', '"tag_timestamps":[]', '"group_name":"' + "g" * 5000 + '"', '"mode":"handshake"',
    ],
)  # fmt: skip
def test_what_is_wrong_with_the_poll_does_not_cost_its_values(fields: str) -> None:
    """Kind: what nobody needs costs what everybody needs."""
    values, faults = read(f'"tag_values":{{"a":1}},{fields}')
    assert told(values["a"]) == ("1", "GOOD")
    assert faults == {}


def test_qualities_that_cant_be_read_at_all_make_every_tag_uncertain() -> None:
    values, _ = read('"tag_values":{"a":1,"b":null},"tag_qualities":[1]')
    assert (values["a"].quality, values["b"].quality) == ("UNCERTAIN", "BAD")


def test_a_poll_of_no_readable_time_keeps_the_tags_that_have_one() -> None:
    values, faults = read('"tag_values":{"a":1,"b":2},"tag_timestamps":{"a":"2026-01-01"}', timestamp='"soon"')
    assert values["a"].timestamp == MOMENT
    assert list(faults) == ["b"]


def test_of_a_key_that_comes_twice_the_last_counts_and_the_others_are_untouched() -> None:
    values, _ = read('"tag_values":{"a":1,"b":2,"a":3}')
    assert {address: value.tag_value for address, value in values.items()} == {"a": "3", "b": "2"}


@pytest.mark.parametrize(
    "parts",
    [
        '"tag_values":{"a":1,"b":2,"a":3}',
        '"tag_values":{"\\u0061":1,"b":2,"a":3}',
        '"tag_values":{"a" :1,"b":2,"a" :3}',
        '"tag_values":{"a":1,"b":2},"tag_values":{"a":3}',
        '"tag_values":{"a":1,"b":2},"TagValues":{"x":9},"tag_values":{"a":3}',
        '"tag_values":{"a":1,"b":2,"a":3,"b":2}',
    ],
)  # fmt: skip
def test_a_reading_whose_name_comes_again_does_not_vanish(parts: str) -> None:
    """Kind: what is ignored is lost. Of two readings of one name the first was in no place, and the ledger balanced."""
    data, faults = read_message(f'{{"timestamp":"2026-01-01","plc_code":"P",{parts}}}'.encode())
    assert {value.tag_address: value.tag_value for value in expand(data)} == {"a": "3", "b": "2"}
    (fault,) = faults
    assert (fault.address, fault.code, fault.detail) == ("a", "REPEATED", "1")
    assert fault.alone == {"timestamp": "2026-01-01", "plc_code": "P", "tag_values": {"a": 1}}


def test_rows_that_stand_there_twice_are_all_values() -> None:
    """Kind: the same."""
    rows = '"rows":[["a","2026-01-01",1]],"rows":[["a","2026-01-02",2]]'
    data, faults = read_message(f'{{"plc_code":"P",{rows}}}'.encode())
    assert [value.tag_value for value in expand(data)] == ["1", "2"]
    assert not faults


def test_a_text_that_looks_like_names_costs_nothing() -> None:
    values, faults = read('"tag_values":{"a":"{\\"x\\":1,\\"x\\":2}","DB1:0":"12:30"},"site":{"a":1,"a":2}')
    assert {address: value.tag_value for address, value in values.items()} == {"a": '{"x":1,"x":2}', "DB1:0": "12:30"}
    assert faults == {}


def test_a_part_that_nobody_reads_may_have_a_name_that_is_no_text() -> None:
    """Kind: a side path that ends the main one. The question whether names repeat refused the message for it."""
    raw = '{"timestamp":"2026-01-01","plc_code":"P","tag_values":{"a":1,"b":2},"설비":"A"}'.encode("cp949")
    data, faults = read_message(raw)
    assert [(value.tag_value, value.quality) for value in expand(data)] == [("1", "GOOD"), ("2", "GOOD")]
    assert not faults


@pytest.mark.parametrize(
    ("pack", "words"),
    [
        (gzip.compress, "it is packed by gzip: put the JSON as it is; JSON is malformed"),
        (zlib.compress, "packed by zlib"), (base64.b64encode, "base64"),
        (lambda raw: json.dumps(raw.decode()).encode(), "it was encoded twice: Expected `object`, got `str`"),
        (lambda raw: b"[" + raw + b"]", "each poll is a message of its own: Expected `object`, got `array`"),
    ],
)  # fmt: skip
def test_what_another_program_made_of_a_message_is_named(pack: Callable[[bytes], bytes], words: str) -> None:
    """Kind: a symptom with several causes. "invalid character (byte 0)" was all that was said."""
    with pytest.raises(RejectedError, match=words):
        read_message(pack(b'{"timestamp":"2026-01-01","plc_code":"P","tag_values":{"a":1}}'))


@pytest.mark.parametrize("name", ["tagQualities", "TagQualities", "TAG_QUALITIES", "tag-qualities"])
def test_qualities_as_another_language_spells_them_do_not_vanish(name: str) -> None:
    """Kind: what is ignored is lost. Serializers of .NET and Java write names so: BAD values were stored as GOOD."""
    values, faults = read(f'"tag_values":{{"a":1}},"{name}":{{"a":"BAD"}}')
    assert told(values["a"]) == ("1", "BAD")
    assert faults == {}


def test_a_whole_message_may_be_spelled_as_another_language_does() -> None:
    parts = (
        '"PlcCode":"P","Timestamp":"2026-01-01","TagValues":{"a":1},"ErrorTags":{"b":"x"},"GroupId":7,"GroupName":"g"'
    )
    data, faults = read_message(f"{{{parts}}}".encode())
    assert [(value.tag_address, value.quality) for value in expand(data)] == [("a", "GOOD"), ("b", "BAD")]
    assert (data.group_id, data.group_name, list(faults)) == (7, "g", [])
    # What is there under its own name is that, whatever else is called alike.
    values, _ = read('"tag_values":{"a":1},"TimeStamp":7,"Tag_Values":{"a":2}')
    assert told(values["a"]) == ("1", "GOOD")


def test_rows_that_are_none_are_said_to_be_where_nothing_else_has_a_time() -> None:
    """Kind: words that lead to the wrong place: that the message has no time was all that was said."""
    with pytest.raises(RejectedError, match="row 1: a row is an array of address, time, value and quality"):
        read_message(b'{"plc_code":"P","rows":[{"tag_address":"a","timestamp":"2026-01-01","value":1}]}')


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_does_not_cost_the_message(encoding: str) -> None:
    raw = '{"timestamp":"2026-01-01","plc_code":"P","tag_values":{"a":"온도"}}'.encode(encoding)
    assert expand(read_message(raw)[0])[0].tag_value == "온도"


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("nan", None), ("-nan", None), ("inf", None), ("-inf", None), ("1.#QNAN", None), ("-1.#IND", None),
        ("1.#INF", None),
        ("-nan(ind)", None), ("nan(0x8000)", None), ("5.", "5.0"), ("-5.", "-5.0"), (".5", "0.5"), ("-.5", "-0.5"),
        ("+7", "7"), ("+7.25", "7.25"), ("1.5e3", "1500.0"),
    ],
)  # fmt: skip
def test_a_number_as_printf_writes_it_does_not_cost_the_message(number: str, text: str | None) -> None:
    """Kind: one tag's fault costs the whole message."""
    values, faults = read(f'"tag_values":{{"a":{number},"nan.5.":"5., nan, \\"+7","b":-2.5e-3}}')
    assert told(values["a"]) == (text, "BAD" if text is None else "GOOD")
    assert told(values["nan.5."]) == ('5., nan, "+7', "GOOD"), "texts stay as they are"
    assert told(values["b"]) == ("-0.0025", "GOOD")
    assert faults == {}


@pytest.mark.parametrize("number", ["1,5", "--5", "5..", "0x1F", "five"])
def test_what_is_no_number_in_any_language_is_not_guessed(number: str) -> None:
    with pytest.raises(RejectedError):
        read(f'"tag_values":{{"a":{number}}}')


def test_the_end_of_a_string_of_c_does_not_cost_the_message() -> None:
    raw = b'{"timestamp":"2026-01-01","plc_code":"P","tag_values":{"a":1}}'
    for end in (b"\0", b"\0\0", b"\n\0", b"\r\n"):
        assert read_message(raw + end)[0].tag_values == {"a": 1}


@pytest.mark.parametrize("mark", ["\t", "\n", "\r\n", "\x1b", "\x00"])
def test_a_control_character_in_a_text_does_not_cost_the_message(mark: str) -> None:
    """Kind: one tag's fault costs the whole message: of a text with a line break, as it is, no tag was stored."""
    values, faults = read(f'"tag_values":{{"a":"low{mark}level","b":2,"{mark}c":3}}')
    assert told(values["a"]) == (f"low{mark}level", "GOOD")
    assert told(values["b"]) == ("2", "GOOD")
    assert told(values[f"{mark}c"]) == ("3", "GOOD")
    assert faults == {}


@pytest.mark.parametrize("nul", ["\\u0000", "\0"])
def test_nuls_that_fill_a_text_or_a_name_are_no_part_of_it(nul: str) -> None:
    """Kind: what nobody needs costs something. With them no query finds `RUN`, and a tag is another one."""
    fields = (
        f'"tag_values":{{"a":"RUN{nul * 5}","b{nul}":2,"c":"{nul}","d":"x{nul}y"}},"error_tags":{{"e{nul}":"late"}},'
        f'"tag_qualities":{{"b{nul}":"UNCERTAIN"}},"rows":[["f{nul}",null,"STOP{nul}"]]'
    )
    values, faults = read(fields)
    assert {address: told(value) for address, value in values.items()} == {
        "a": ("RUN", "GOOD"), "b": ("2", "UNCERTAIN"), "c": (None, "BAD"), "d": ("x\0y", "GOOD"), "e": (None, "BAD"),
        "f": ("STOP", "GOOD"),
    }  # fmt: skip
    assert faults == {}
    data, _ = read_message(f'{{"timestamp":"2026-01-01","plc_code":"P{nul}","tag_values":{{"a":1}}}}'.encode())
    assert data.plc_code == "P"


def test_two_tags_whose_names_differ_by_nuls_alone_do_not_become_one() -> None:
    values, faults = read('"tag_values":{"a":1,"a\\u0000":2,"b\\u0000":3,"b\\u0000\\u0000":4}')
    assert {address: value.tag_value for address, value in values.items()} == {"a": "1", "b": "3"}
    assert {"a\0", "b\0\0"} == faults.keys()
    assert "another tag's" in faults["a\0"]


@pytest.mark.parametrize(
    "time", ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00", "1601-01-01T00:00:00Z", "1970-01-01T00:00:00.000+00:00"]
)
@pytest.mark.parametrize("other", ["", ',"tag_qualities":{"b":"Good"}'])
def test_the_begin_of_a_calendar_is_no_time(time: str, other: str) -> None:
    """Kind: a sign that there is none taken for one. Each sample of such a tag had one key, and all that followed the
    first were duplicates of it.
    """
    values, faults = read(
        f'"tag_values":{{"a":1,"b":2}},"tag_timestamps":{{"a":"{time}"}}{other},"rows":[["c","{time}",3]]'
    )
    assert {value.timestamp for value in values.values()} == {MOMENT}
    assert values.keys() == {"a", "b", "c"}
    assert faults == {}


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00Z", "1601-01-01T00:00:00Z", "1970-01-01"])
def test_a_poll_at_the_begin_of_a_calendar_has_no_time(time: str) -> None:
    """Kind: a sign that there is none taken for one, and stored in that year without a word."""
    with pytest.raises(RejectedError, match="begin of a calendar") as caught:
        read_message(f'{{"timestamp":"{time}","plc_code":"P","tag_values":{{"a":1}}}}'.encode())
    assert caught.value.code == "NO_TIME"
    # And: what its rows say counts, as where it has none.
    message, faults = read_message(f'{{"timestamp":"{time}","plc_code":"P","rows":[["a","2026-01-02",1]]}}'.encode())
    assert (message.timestamp, faults) == (datetime(2026, 1, 2), [])


@pytest.mark.parametrize("time", ["-0370-01-01T00:00:00Z", "0001-01-01T00:00:00+09:00", "1601-01-01T00:00:00Z"])
def test_a_time_that_a_controller_never_set_costs_at_most_its_tag(time: str) -> None:
    values, faults = read(f'"tag_values":{{"a":1,"b":2}},"tag_timestamps":{{"a":"{time}"}}')
    assert "b" in values
    assert ("a" in values) != ("a" in faults)


@pytest.mark.parametrize(
    "deep",
    [
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 50_000 + "1" + "}" * 50_000,
        '[{"b":' * 5000 + '"]}"' + "}]" * 5000,
        "[[1],[2]," + "[" * 5000 + "nan" + "]" * 5000 + ",[3]]",
    ],
)
@pytest.mark.parametrize("other", ["2.5", "nan"])
def test_what_is_nested_too_deeply_costs_its_tag_alone(deep: str, other: str) -> None:
    """Kind: one tag's fault costs the whole message: nested 100,000 deep it ended the reading of all of it."""
    values, faults = read(f'"tag_values":{{"a":1,"b":{deep},"c":{other},"d":"[{{"}},"group_name":"g"')
    assert not faults
    assert told(values["a"]) == ("1", "GOOD")
    assert told(values["b"]) == (None, "BAD")
    assert told(values["c"]) == (("2.5", "GOOD") if other == "2.5" else (None, "BAD"))
    assert told(values["d"]) == ("[{", "GOOD")


@pytest.mark.parametrize(
    "text",
    [
        '"' + '\\"' * 500_000,
        '"' + '\\"' * 500_000 + "\\",
        '"' + '\\\n"' * 300_000,
        "nan(" * 300_000,
        "[{" * 900_000,
        "[1," * 900_000,
    ],
)
def test_no_message_takes_longer_than_its_length(text: str) -> None:
    """Kind: a poison message: one that is read for ever. Were it n squared, it would run into the time limit."""
    with pytest.raises(RejectedError):
        read(f'"tag_values":{{"a":{text}')


def test_a_message_that_is_put_goes_without_what_json_has_no_form_for() -> None:
    """Kind: one tag's fault costs the whole message, before it is queued."""
    data: dict[str, Any] = {
        "timestamp": MOMENT, "plc_code": "P", "group_id": 1, "group_name": "g",
        "tag_values": {"a": object(), "b": 2.5, "c": "\ud800", "d": float("nan"), "\udcff": 1, "e": 10**400},
    }  # fmt: skip
    message, faults = read_message(encode_polling_data(data))
    values = {value.tag_address: told(value) for value in expand(message)}
    assert values["b"] == ("2.5", "GOOD")
    assert values["c"] == ("\ufffd", "UNCERTAIN")
    assert values["a"] == values["d"] == values["e"] == (None, "BAD")
    assert len(faults) == 1


def test_a_message_that_is_too_large_is_refused_before_it_is_queued() -> None:
    with pytest.raises(RejectedError, match="8000000 are taken"):
        encode_polling_data({"timestamp": MOMENT, "plc_code": "P", "tag_values": {"a": "x" * MESSAGE_MAX_BYTES}})


def test_reasons_are_cut() -> None:
    """Kind: a text from outside goes on in full."""
    with pytest.raises(RejectedError) as refused:
        read_message(json.dumps({"timestamp": "x" * 100_000, "plc_code": "P"}).encode())
    assert len(str(refused.value)) < 500


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (b"", "truncated"), (b"{", "truncated"), (b"null", "Expected `object`"), (b"[]", "Expected `object`"),
        (b"\xff\xfe", "malformed"), (b'"text"', "Expected `object`"), (b"1", "Expected `object`"),
        (b"{}", "missing required field `timestamp`"), (b'{"timestamp":"2026-01-01"}', "`plc_code`"),
        (b'{"timestamp":5,"plc_code":"P"}', "timestamp"), (b'{"timestamp":"soon","plc_code":"P"}', "Invalid isoformat"),
        (b'{"timestamp":"2026-13-01T00:00:00","plc_code":"P"}', "month"),
        (b'{"timestamp":"2026-01-01T25:00:00","plc_code":"P"}', "hour"),
        (b'{"timestamp":"","plc_code":"P"}', "Invalid isoformat"),
        (b'{"timestamp":"0001-01-01T00:00:00+14:00","plc_code":"P"}', "out of range"),
        (b'{"timestamp":"2026-01-01","plc_code":5}', "plc_code"),
        (b'{"timestamp":"2026-01-01","plc_code":""}', "plc_code: '' is no text of 1 to 200 characters"),
        (b'{"timestamp":"2026-01-01","plc_code":"' + b"P" * 201 + b'"}', "is no text of 1 to 200 characters"),
        (b'{"timestamp":"2026-01-01","plc_code":"\\udfff"}', "is no text of 1 to 200 characters"),
        (b'{"timestamp":"2026-01-01","plc_code":null}', "plc_code"),
        (b'{"timestamp":"2026-01-01","plc_code":"P","tag_values":[1]}', "tag_values"),
        (b'{"timestamp":"2026-01-01","plc_code":"P","tag_values":"a"}', "tag_values"),
        (b'{"timestamp":"2026-01-01","plc_code":"P"} {"more":1}', "trailing"),
        (b'{"timestamp":"2026-01-01","plc_code":"P","tag_values":' + b"[" * 100_000, ""),
    ],
)  # fmt: skip
def test_a_message_that_cant_be_understood_says_why(message: bytes, reason: str) -> None:
    with pytest.raises(RejectedError) as refused:
        read_message(message)[0]
    assert reason in str(refused.value)


def understood(raw: bytes) -> bool:
    """Expand a message; any other error than the one foreseen fails the test."""
    try:
        expand(read_message(raw)[0])
    except RejectedError:
        return False
    return True


@given(st.binary())
def test_no_bytes_whatever_do_more_than_be_refused(raw: bytes) -> None:
    assert understood(raw) in (True, False)


@given(st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20))
def test_no_json_whatever_does_more_than_be_refused(message: object) -> None:
    assert understood(json.dumps(message).encode()) in (True, False)


def test_nanoseconds_and_offsets_in_times_are_understood() -> None:
    for text, moment in [
        ("2026-01-02T03:04:05.123456789", datetime(2026, 1, 2, 3, 4, 5, 123456)),
        ("2026-01-02 03:04:05", datetime(2026, 1, 2, 3, 4, 5)),
        ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5)),
        ("2026-01-02T03:04:05.5+09:00", datetime(2026, 1, 2, 3, 4, 5, 500000) - timedelta(hours=9)),
    ]:
        raw = json.dumps({"timestamp": text, "plc_code": "P"}).encode()
        assert read_message(raw)[0].timestamp == moment
