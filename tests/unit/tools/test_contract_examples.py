"""Every example of docs/contract.md is what it says: messages become those values, files are read as told."""

import io
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime

import pytest

from services.consumer.expand import expand
from services.writer.backup.format import cells_of, csv_text, value_of
from services.writer.importing.columns import Columns
from shared.errors import RejectedError
from shared.foreign_csv.dialect import Said, find_dialect
from shared.foreign_csv.lines import Records
from shared.messages import read_message
from shared.models import PollingData, TagValue
from shared.partitions import partition_of
from shared.records.files import HEADER
from tools.contract_page import PAGE

TEXT = PAGE.read_text("utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
MESSAGES = re.findall(r"^```json\n(.*?)^```\n\nbecomes.*?\n\n```text\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def shown(value: TagValue) -> str:
    time = value.timestamp.isoformat(sep=" ")
    return f"{value.tag_name} | {time} | {'none' if value.tag_value is None else value.tag_value} | {value.quality}"


def becomes(message: str) -> Iterator[str]:
    """Yield the lines that the page shows below a message."""
    try:
        data, faults = read_message(message.encode())
    except RejectedError as error:
        yield f"rejected: {error}"
        return
    yield from map(shown, expand(data))
    yield from (f"rejected: {fault.address}: {fault.reason}" for fault in faults)


@pytest.mark.parametrize(("message", "told"), MESSAGES)
def test_a_message_becomes_what_the_page_says(message: str, told: str) -> None:
    assert list(becomes(message)) == told.splitlines()


def test_no_example_of_the_page_is_left_untried() -> None:
    kinds = [kind for kind, _ in BLOCKS]
    assert kinds.count("json") == len(MESSAGES) == 5
    assert kinds.count("csv") == 2
    # Run by tests/integration/pipeline/test_contract.py, but for the one that is run below.
    assert kinds.count("sh") == 4
    assert set(kinds) == {"json", "text", "csv", "sh"}


def test_the_partition_is_what_a_plain_crc_says() -> None:
    (line,) = [block for kind, block in BLOCKS if kind == "sh" and block.startswith("python3")]
    code = re.fullmatch(r"python3 -c '(.*)'\n", line)
    assert code
    said = subprocess.run([sys.executable, "-c", code[1]], capture_output=True, text=True, check=True).stdout
    assert said == f"{partition_of('PLC01', 4)}\n"
    assert f"```text\n{said}```" in TEXT


def test_the_backup_file_of_the_page_is_one() -> None:
    header, *lines = next(block for kind, block in BLOCKS if kind == "csv").splitlines(keepends=True)
    assert header == f"{','.join(HEADER)}\n"
    values = [value_of(cells_of(line.encode()), len(HEADER)) for line in lines]
    assert [value.tag_value for value in values] == ["12.5", 'say "hi", twice', None]
    assert {value.timestamp for value in values} == {datetime(2026, 1, 2, 3, 4, 5, 678901)}
    for line in lines:
        assert csv_text([cells_of(line.encode())]) == line.encode()


def test_the_file_of_another_program_is_read_as_the_page_says() -> None:
    block = [block for kind, block in BLOCKS if kind == "csv"][1]
    told = TEXT.partition(block)[2].partition("```text\n")[2].partition("```")[0]
    columns = Columns({}, ".", is_ambiguous=False)
    file = io.BytesIO(block.encode())
    dialect = find_dialect(file, Said(), columns.are_in, columns.of_values)
    rows = columns.reader(dialect)
    assert [shown(rows.value(record.cells)) for record in Records(file, dialect)] == told.splitlines()


def test_the_fields_of_the_page_are_those_that_are_read() -> None:
    """Kind: a document that a new field does not come to."""
    fields = set(re.findall(r"`(\w+)`", TEXT.partition("| key | type |")[2].partition("\n\n")[0]))
    assert set(PollingData.__struct_fields__) <= fields
