import oracledb
import pytest

from services.writer.oracle.codes import CODES, RAISED_WHILE_BINDING, verdict_of
from services.writer.oracle.errors import from_driver
from services.writer.sink import Verdict


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        ("ORA-00001", Verdict.DUPLICATE), ("ORA-12899", Verdict.ROW), ("ORA-01858", Verdict.ROW),
        ("DPY-3013", Verdict.ROW), ("DPY-4004", Verdict.ROW), ("ORA-02290", Verdict.ROW), ("ORA-20001", Verdict.ROW),
        ("DPY-4011", Verdict.CONNECTION_LOST), ("ORA-03113", Verdict.CONNECTION_LOST),
        ("ORA-01000", Verdict.CONNECTION_LOST),
        ("DPY-6005", Verdict.TRANSIENT), ("DPY-4024", Verdict.TRANSIENT), ("ORA-00060", Verdict.TRANSIENT),
        ("ORA-01653", Verdict.SPACE), ("ORA-12954", Verdict.SPACE), ("ORA-01017", Verdict.CREDENTIALS),
        ("ORA-00942", Verdict.CONFIGURATION), ("ORA-99999", Verdict.UNKNOWN), ("UNKNOWN", Verdict.UNKNOWN),
    ],
)  # fmt: skip
def test_the_meaning_of_an_error_code(code: str, verdict: Verdict) -> None:
    assert verdict_of(code) is verdict


#: What issue 11 found missing: by number, as ORA codes.
_SPACE = (
    1652, 1658, 1659, 1683, 1685, 1692, 1632, 3233, 3234, 1950, 12953, 30032, *range(60002, 60008), 65114, 1650, 15041,
    1114, 1135, 8102, 26040, 27072,
)  # fmt: skip
_STATE = (
    4063, 6508, 2392, 2393, 12751, 1555, 8176, 51, 4022, 14403, 980, 1775, 903, 1747, 1732, 54013, 32795, 25128, 28112,
    443, 449, 471, 490, 7445, 29740,
    604, 1035, 1109, 1502, 2091, 2391, 2399, 4020, 4021, 4098, 12592, 12609, 16000, 16456, 25408, 28040, 28365,
)  # fmt: skip


@pytest.mark.parametrize("number", _SPACE)
def test_a_row_is_never_blamed_for_lack_of_space(number: int) -> None:
    """Kind: a code that nobody listed costs its batch retries and halving, or blames rows."""
    assert verdict_of(f"ORA-{number:05}") is Verdict.SPACE


@pytest.mark.parametrize(
    "code", [*(f"ORA-{number:05}" for number in _STATE), "DPY-1002", "DPY-4033", "DPY-3008", "DPY-5000"]
)
def test_a_row_is_never_blamed_for_the_databases_state(code: str) -> None:
    """Kind: a code that nobody listed costs its batch retries and halving, or blames rows."""
    assert verdict_of(code) not in (Verdict.ROW, Verdict.DUPLICATE, Verdict.UNKNOWN)


def test_every_known_code_says_what_is_wrong_and_what_to_do() -> None:
    assert all(meaning.cause and meaning.remedy for meaning in CODES.values())
    assert {code for code in CODES if code.startswith("DPY") and verdict_of(code) is Verdict.ROW} == (
        RAISED_WHILE_BINDING
    )


@pytest.mark.parametrize("code", ["DPY-3015", "DPY-3999", "DPY-2049", "ORA-01400", "ORA-99999", "DPY-4003"])
def test_what_is_raised_while_connecting_is_never_a_rows_fault(code: str) -> None:
    """Kind: an error of the connection taken for one of the values that wait for it (DPY-3015 rejected 1,000)."""

    class Detail:
        full_code, message = code, f"{code}: text"

    error = from_driver(oracledb.DatabaseError(Detail()), connecting=True)
    assert error.code == code
    assert error.verdict not in (Verdict.ROW, Verdict.DUPLICATE, Verdict.UNKNOWN)
