"""The byte stream: primitives, packets, rows."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle_stand_in.data.binds import BindType
from oracle_stand_in.data.column_types import NUMBER_TYPE, Column
from oracle_stand_in.data.rows import RowError, bind_row_parser, bulk_packer, pack_row, unpacker
from oracle_stand_in.data.wire import NeedMoreError, Reader, clr, clr2, ub
from oracle_stand_in.protocol.answers import End, describe, error
from oracle_stand_in.protocol.auth import read_auth_message
from oracle_stand_in.protocol.handshake import parse_connect, read_data_types_message, read_fast_authentication
from oracle_stand_in.protocol.packets import HEADER, PacketSplitter, ProtocolError, data_packets
from oracle_stand_in.protocol.requests import in_bind_order, read_header
from oracle_stand_in.sql.parser.lexer import returning_binds

ROWS = st.lists(st.tuples(st.binary(max_size=300), st.binary(max_size=20), st.binary(max_size=5)), max_size=8)


@given(st.integers(min_value=0, max_value=2**64 - 1), st.binary(max_size=70_000))
def test_primitives_survive(number: int, data: bytes) -> None:
    reader = Reader(ub(number) + clr(data) + clr2(data) + b"text\x00")
    assert (reader.ub(), reader.clr(), reader.clr2(), reader.cstr()) == (number, data, data, b"text")


@given(st.binary(min_size=1, max_size=600), st.data())
def test_incomplete_values_ask_for_more(data: bytes, draw: st.DataObject) -> None:
    whole = clr(data)
    cut = draw.draw(st.integers(min_value=0, max_value=len(whole) - 1))
    with pytest.raises(NeedMoreError):
        Reader(whole[:cut]).clr()


@pytest.mark.parametrize("raw", [b"\x00", b"\xff", b"\xfd\x01", b"\xfe\x00"])
def test_null_has_several_forms(raw: bytes) -> None:
    reader = Reader(raw)
    assert reader.clr() == b""
    assert reader.pos == len(raw)


@given(st.binary(max_size=5_000), st.integers(min_value=512, max_value=8192), st.integers(min_value=1, max_value=700))
def test_answers_are_cut_into_packets_and_put_together(payload: bytes, sdu: int, piece: int) -> None:
    stream = data_packets(payload, sdu, end_of_response=True)
    splitter = PacketSplitter()
    splitter.wide_lengths = True
    packets = []
    for start in range(0, len(stream), piece):
        packets += splitter.feed(stream[start : start + piece])
    assert b"".join(packet.body[2:] for packet in packets) == payload
    assert all(len(packet.body) + 8 <= sdu for packet in packets)
    flags = [packet.body[:2] for packet in packets]
    assert flags == [b"\x00\x00"] * (len(flags) - 1) + [b"\x20\x00"]


def test_nonsense_is_no_packet() -> None:
    with pytest.raises(ProtocolError):
        PacketSplitter().feed(b"\x00\x01rubbish")


@given(ROWS, st.integers(min_value=1, max_value=50))
def test_bind_rows_are_read_as_they_arrive(rows: Sequence[tuple[bytes, ...]], piece: int) -> None:
    stream = b"".join(b"\x07" + pack_row(row) for row in rows)
    parse = bind_row_parser(3)
    found: list[tuple[bytes, ...]] = []
    buffer, pos = b"", 0
    for start in range(0, len(stream), piece):
        buffer, pos = buffer[pos:] + stream[start : start + piece], 0
        pos = parse(buffer, pos, len(rows) - len(found), found)
    assert found == list(rows)


def test_row_without_its_tag_is_noticed() -> None:
    with pytest.raises(RowError):
        bind_row_parser(1)(b"\x08\x01a", 0, 1, [])


@given(ROWS)
def test_stored_rows_are_unpacked(rows: Sequence[tuple[bytes, ...]]) -> None:
    assert [unpacker(3)(stored) for stored in bulk_packer(3)(rows)] == list(rows)


def test_long_binds_come_back_to_their_places() -> None:
    assert in_bind_order([BindType(1, 400), BindType(1, 4000)]) is None
    reorder = in_bind_order([BindType(1, 8000), BindType(1, 10), BindType(1, 5000), BindType(2, 22)])
    assert reorder is not None
    assert reorder((b"b", b"d", b"a", b"c")) == (b"a", b"b", b"c", b"d")


def test_a_connect_string_begins_where_the_packet_says() -> None:
    """go-ora puts it four bytes earlier than python-oracledb; the former could not connect."""
    text = b"(DESCRIPTION=(CONNECT_DATA=(SERVICE_NAME=FREEPDB1)))"
    for offset in (70, 74):
        head = bytearray(offset - HEADER)
        head[0:2], head[16:18], head[18:20] = (317).to_bytes(2, "big"), len(text).to_bytes(2, "big"), bytes((0, offset))
        request = parse_connect(bytes(head) + text)
        assert (request.connect_string, request.is_complete) == (text, True)


def test_a_client_may_name_its_time_zone_and_its_national_characters_before_the_types() -> None:
    """As node-oracledb 26 and go-ora do, and want the database's zone in the answer."""
    compile_caps, runtime_caps = bytes(7) + b"\x0b" + bytes(33), b"\x02\x01"
    head = b"\x02" + bytes(5) + clr(compile_caps) + clr(runtime_caps) + bytes(11) + (2000).to_bytes(2, "little")
    types = b"\x00\x01\x00\x01\x00\x01\x00\x00" + b"\x00\x1b\x00\x1b\x00\x01\x00\x00" + b"\x00\x00"
    reader = Reader(head + types)
    request = read_data_types_message(reader)
    assert reader.pos == len(reader.data)
    assert (request.field_version, request.universal_scale, request.end_of_response) == (11, True, False)
    assert request.answer == b"\x02\x80\x00\x00\x00<<<\x80\x00\x00\x00\x00\x00"


@pytest.mark.parametrize(("flags", "has_lengths"), [(1, False), (3, True)])
def test_a_client_says_whether_its_texts_have_their_length_in_front(flags: int, has_lengths: bool) -> None:
    """As JDBC does, whose user could not log on: the first letter of the name was taken for a length."""
    head = b"\x02" + bytes(4) + bytes((flags,)) + clr(bytes(41)) + clr(b"\x02\x00")
    assert read_data_types_message(Reader(head + b"\x00\x00")).has_lengths is has_lengths
    name = clr(b"SCOTT") if has_lengths else b"SCOTT"
    message = b"\x01" + ub(5) + ub(1) + b"\x01" + ub(0) + b"\x01\x01" + name
    assert read_auth_message(Reader(message), has_lengths=has_lengths).user == "SCOTT"
    sql = b"SELECT 1 FROM dual"
    text = clr(sql) if has_lengths else sql
    reader = Reader(text)
    assert reader.characters(len(sql), has_length=has_lengths) == sql
    assert reader.pos == len(text)


def test_messages_up_to_the_logon_may_come_in_one() -> None:
    """As seerdb does with a 23ai; before it was no request, and the connection was dropped."""
    types = b"\x02" + bytes(5)
    bundle = Reader(b"\x22\x01\x01\x00" + b"\x01\x06\x00driver\x00" + bytes(5) + b"\x0d" + types)
    assert read_fast_authentication(bundle)
    assert bundle.data[bundle.pos :] == types
    alone = Reader(types)
    assert not read_fast_authentication(alone)
    assert alone.pos == 0


def test_a_client_may_end_a_fetch_before_the_rows_are_out() -> None:
    """Kind: a small message that nobody knew, in front of another: JDBC's, after a query of one row."""
    cancelled = b"\x11\x78\x01" + b"\x01" + ub(2) + ub(7) + ub(300)
    closed = b"\x11\x69\x02" + b"\x01" + ub(1) + ub(7)
    header = read_header(Reader(cancelled + closed + b"\x03\x93\x03"), 12)
    assert (header.function, header.piggybacks.closed_cursors) == (147, [7])


@pytest.mark.parametrize("has_lengths", [True, False])
def test_what_a_client_says_of_itself_may_have_no_length_in_front_of_its_texts(has_lengths: bool) -> None:
    """Kind: two forms of one message. JDBC with setClientInfo: its module's first letter was taken for a length."""
    not_sent, empty = b"\x00" + ub(0), b"\x01" + ub(0)
    lengths = b"\x00\x00" + ub(0x258) + not_sent + b"\x01" + ub(6) + empty
    lengths += b"\x01" + ub(3) + b"\x00" + ub(515) + not_sent * 3 + b"\x01" + ub(4)
    texts = b"".join(clr(text) if has_lengths else text for text in (b"module", b"e7c", b"dbop"))
    message = b"\x11\x87\x01" + lengths + texts + b"\x03\x93\x03"
    found = read_header(Reader(message), 12, has_lengths=has_lengths)
    assert found.function == 147
    assert found.piggybacks.values == {
        ("USERENV", "MODULE"): "module", ("USERENV", "ACTION"): "", ("USERENV", "ECID"): "e7c",
        ("USERENV", "DBOP"): "dbop",
    }  # fmt: skip


def test_the_end_of_an_answer_names_the_call_that_it_answers() -> None:
    """JDBC takes the end of a query for an error of another call, where it does not."""
    told = error(End(in_transaction=False, sequence=9, code=1403), 12)
    assert told[:3] == b"\x04\x00\x01"
    assert told.count(b"\x09") == 2


def test_the_scale_of_a_number_is_sent_in_the_form_that_the_client_asked_for() -> None:
    columns = [Column("N", NUMBER_TYPE)]
    assert b"\x02\x00\x00\x81\x01\x16" in describe(columns, 12)
    assert b"\x02\x00\x00\x81\x7f\x01\x16" in describe(columns, 12, universal_scale=True)


def test_binds_behind_returning_have_no_values() -> None:
    """Kind: a hang. Their values were waited for."""
    counted = {
        "INSERT INTO t (a) VALUES (:1) RETURNING b, c INTO :2, :3": 2,
        "update t set a = :1 return b into :2": 1,
        "INSERT INTO t (returning) VALUES (:1)": 0,
        "SELECT ':x returning into :y' FROM t WHERE a = :1": 0,
    }
    assert {sql: returning_binds(sql) for sql in counted} == counted
