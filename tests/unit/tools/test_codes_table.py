from services.writer.oracle.codes import CODES
from services.writer.sink import Verdict
from tools.codes_table import DOES, PAGE, page


def test_the_page_of_alerts_knows_every_code_of_oracle() -> None:
    text = PAGE.read_text("utf-8")
    assert page(text) == text, "make codes writes it anew"
    assert [code for code in CODES if code not in text and not code.startswith("ORA-20")] == []


def test_every_verdict_is_told() -> None:
    assert DOES.keys() == set(Verdict)
