"""Each kind of event comes with the details that its kind has."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.records import events
from shared.records.events import DETAILS, Event, EventRecord, OracleError, Overflow, Pending

ROOT = Path(__file__).resolve().parents[4]


def told() -> Iterator[tuple[Event, str]]:
    """Yield the kind and the details' type of every event that a service adds with details made on the spot."""
    for path in [*ROOT.glob("services/**/*.py"), *ROOT.glob("shared/**/*.py")]:
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            match call:
                case ast.Call(
                    args=[
                        ast.Attribute(value=ast.Name(id="Event"), attr=kind),
                        _,
                        ast.Call(func=ast.Name(id=details)),
                    ]
                ):
                    yield Event[kind], details


def test_every_event_has_the_details_of_its_kind() -> None:
    """Kind: a reader that asks for a figure that the kind does not have."""
    wrong = [(kind, name) for kind, name in told() if not issubclass(getattr(events, name), DETAILS[kind])]
    assert wrong == []
    assert len({kind for kind, _ in told()}) > 12


@pytest.mark.parametrize(
    ("kind", "details", "expected"),
    [
        ("stopped", '{"pending":3}', Pending(pending=3)),
        ("stopped", '{"pending":3,"of_a_newer_version":[1]}', Pending(pending=3)),
        ("stopped", '{"pending":"many"}', None),
        ("stopped", "{", None),
        ("stopped", "[" * 5_000, None),
        ("stopped", None, None),
        ("oracle_lost", '{"code":null}', OracleError(code=None)),
        ("overflow", '{"messages":1,"values":9,"first":"","last":""}', Overflow(values=9)),
        ("of_a_newer_version", '{"pending":3}', None),
    ],
)
def test_figures_of_an_event_are_its_kinds_or_none(kind: str, details: str | None, expected: object) -> None:
    assert EventRecord(kind=kind, details=details).figures == expected
