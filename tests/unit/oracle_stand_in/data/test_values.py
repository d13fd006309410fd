"""Oracle's data types as bytes: there and back, and in the right order."""

import math
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle_stand_in.data.values import (
    ZERO,
    NumberRangeError,
    decode_double,
    decode_interval,
    decode_number,
    decode_timestamp,
    encode_date,
    encode_double,
    encode_interval,
    encode_number,
    encode_timestamp,
    number_from_text,
    number_to_text,
    round_number,
)
from oracle_stand_in.errors import OracleError

NUMBERS = st.decimals(min_value=Decimal("-1e60"), max_value=Decimal("1e60"), allow_nan=False, places=12).filter(
    lambda number: len(number.as_tuple().digits) <= 38
)
MOMENTS = st.datetimes(min_value=datetime(1, 1, 1), max_value=datetime(9999, 12, 31))


@pytest.mark.parametrize(
    ("number", "raw"),
    [
        ("0", "80"),
        ("1", "c102"),
        ("-1", "3e6466"),
        ("123", "c20218"),
        ("100", "c202"),
        ("-123.45", "3d644e3866"),
        ("0.01", "c002"),
        ("0.1", "c00b"),
        ("1e125", "ff0b"),
        ("1e-130", "8002"),
    ],
)
def test_number_has_the_bytes_oracle_gives_it(number: str, raw: str) -> None:
    assert encode_number(Decimal(number)).hex() == raw
    assert decode_number(bytes.fromhex(raw)) == Decimal(number)


@given(NUMBERS)
def test_number_survives(number: Decimal) -> None:
    raw = encode_number(number)
    assert decode_number(raw) == number
    assert len(raw) <= 22


@given(NUMBERS, NUMBERS)
def test_numbers_sort_as_bytes(a: Decimal, b: Decimal) -> None:
    assert (encode_number(a) < encode_number(b)) is (a < b)
    assert (encode_number(a) == encode_number(b)) is (a == b)


def test_number_has_limits() -> None:
    for number in ("1e126", "-1e126", "NaN", "Infinity"):
        with pytest.raises(NumberRangeError):
            encode_number(Decimal(number))
    assert encode_number(Decimal("1e-131")) == ZERO


@given(NUMBERS)
def test_number_text_is_read_back(number: Decimal) -> None:
    raw = encode_number(number)
    text = number_to_text(raw)
    assert number_from_text(text) == raw
    assert "E" not in text
    assert not text.lstrip("-").startswith("0.")


@pytest.mark.parametrize("text", ["", "x", "1_000", "1,5", "NaN", "--1", "0x10"])
def test_other_text_is_no_number(text: str) -> None:
    with pytest.raises(ValueError, match="number"):
        number_from_text(text)


@pytest.mark.parametrize(
    ("number", "precision", "scale", "expected"),
    [("1.005", 5, 2, "1.01"), ("-1.005", 5, 2, "-1.01"), ("999.994", 5, 2, "999.99"), ("1234", 3, -2, "1200")],
)
def test_number_is_rounded_to_its_scale(number: str, precision: int, scale: int, expected: str) -> None:
    assert decode_number(round_number(encode_number(Decimal(number)), precision, scale)) == Decimal(expected)


def test_number_beyond_its_precision_is_refused() -> None:
    with pytest.raises(NumberRangeError):
        round_number(encode_number(Decimal("999.995")), 5, 2)


@given(MOMENTS)
def test_timestamp_survives(moment: datetime) -> None:
    raw = encode_timestamp(moment)
    assert decode_timestamp(raw) == (moment, moment.microsecond * 1000)
    assert len(raw) == (11 if moment.microsecond else 7)
    assert decode_timestamp(encode_date(moment))[0] == moment.replace(microsecond=0)


@given(MOMENTS, MOMENTS)
def test_timestamps_sort_as_bytes(a: datetime, b: datetime) -> None:
    assert (encode_timestamp(a) < encode_timestamp(b)) is (a < b)


@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_doubles_survive_and_sort(a: float, b: float) -> None:
    assert decode_double(encode_double(a)) == a
    if a < b:
        assert encode_double(a) < encode_double(b)
    assert math.isnan(decode_double(encode_double(math.nan)))


@pytest.mark.parametrize("seconds", [0.0, 1.5, -1.5, 86_400.0, -90_061.000001, 8.64e12])
def test_an_interval_survives_and_sorts(seconds: float) -> None:
    value = timedelta(seconds=seconds)
    raw = encode_interval(value)
    assert (len(raw), decode_interval(raw)) == (11, value)
    assert (raw > encode_interval(timedelta())) == (seconds > 0)


@pytest.mark.parametrize("raw", [b"\x01", bytes(6), b"\xff" * 11])
def test_what_is_no_interval_is_refused(raw: bytes) -> None:
    with pytest.raises(OracleError, match="ORA-01867"):
        decode_interval(raw)
