"""docs/contract.md says what the code goes by."""

import msgspec

from shared.messages import read_message
from shared.records.reading import Record
from tools.contract_page import PAGE, RECORDS, page


def kinds(of: type[Record]) -> set[type[Record]]:
    return {of}.union(*map(kinds, of.__subclasses__()))


def test_the_contract_lists_the_keys_and_records_of_today() -> None:
    text = PAGE.read_text("utf-8")
    assert page(text) == text, "make contract writes it anew"


def test_every_field_that_services_tell_each_other_is_on_the_page() -> None:
    """Kind: a document that a new record does not come to."""
    text = PAGE.read_text("utf-8")
    fields = {(kind.__name__, field.name) for kind in kinds(Record) for field in msgspec.structs.fields(kind)}
    assert len(fields) > 100
    assert {(kind, name) for kind, name in fields if f"`{name}`" not in text} == set()
    assert {kind.__name__ for kind in RECORDS} <= {kind for kind, _ in fields}


def test_the_message_that_an_engine_puts_by_the_page_is_read_whole() -> None:
    block = PAGE.read_text("utf-8").partition("RPUSH '{tagpipe}:data_queue' '")[2].partition("'\n```")[0]
    data, faults = read_message(block.encode())
    assert faults == ()
    assert (len(data.tag_values), len(data.error_tags), data.poll_time_ms) == (3, 1, 3.1)
