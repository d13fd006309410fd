"""What a person asks for becomes actions: of whom, where, and what is refused before anybody is asked."""

from dataclasses import replace
from typing import Any

import pytest

from services.monitor.api import asking
from services.monitor.api.answers.actions import (
    ForgetGroupRequest,
    ForgetServiceRequest,
    RecoverRequest,
    Request,
    ServiceRequest,
)
from services.monitor.api.asking import RefusedRequestError, Wanted
from services.monitor.read.merge import merged
from services.monitor.read.overview import KnownAction, Overview, service_of
from shared.counters import Counter
from shared.records.actions import Action, ActionKind
from tests.unit.monitor.overviews import NOW, backup_file, consumer, make_overview, writer


def waiting(place: str | None, **fields: Any) -> dict[str, Any]:
    return backup_file(**{"state": "waiting", "place": place, "host": "h", "directory": "/d", **fields})


def brief(wanted: list[Wanted]) -> list[tuple[int, str | None, str | None]]:
    return [(each.partition, each.target, each.place) for each in wanted]


def test_all_files_are_asked_of_each_directory_that_has_some() -> None:
    """Kind: a request that goes to one of two owners, and half of it is never done."""
    overview = make_overview(
        backup_files={
            "backup_1.csv": waiting("one"), "backup_2.csv": waiting("one"), "backup_1.csv at two": waiting("two"),
            "backup_3.csv": waiting("three", state="recovered"),
            "rejected_1.csv": waiting("four", kind="rejected"), "backup_4.csv": waiting(None),
        }
    )  # fmt: skip
    wanted = asking.recover(RecoverRequest(rate=2000), overview)
    assert brief(wanted) == [(0, None, "one"), (0, None, "two"), (0, None, "h:/d")]
    assert {str(each.options) for each in wanted} == {"{'rate': 2000.0}"}


def test_one_file_is_asked_of_its_directory_by_the_name_that_it_has_there() -> None:
    overview = make_overview(backup_files={"backup_1.csv": waiting("one"), "backup_1.csv at two": waiting("two")})
    wanted = asking.recover(RecoverRequest(target="backup_1.csv at two", dry_run=True), overview)
    assert brief(wanted) == [(0, "backup_1.csv", "two")]
    assert wanted[0].options == {"dry_run": True}


@pytest.mark.parametrize("target", [None, "backup_9.csv", "../../etc/passwd"])
def test_what_is_not_there_is_refused(target: str | None) -> None:
    with pytest.raises(RefusedRequestError):
        asking.recover(RecoverRequest(target=target), make_overview())


def of_partitions(**parts: Overview) -> Overview:
    return merged({int(number[1:]): part for number, part in parts.items()})


def test_each_partition_is_asked_for_its_own_and_one_alone_where_that_is_said() -> None:
    file = {"backup_1.csv": waiting("one")}
    overview = of_partitions(
        p0=make_overview(backup_files=file, services=[writer("a")]),
        p2=make_overview(backup_files=file, services=[writer("a"), writer("b"), consumer("a")]),
    )
    assert brief(asking.recover(RecoverRequest(), overview)) == [(0, None, "one"), (2, None, "one")]
    assert brief(asking.recover(RecoverRequest(partition=2), overview)) == [(2, None, "one")]
    with pytest.raises(RefusedRequestError, match="Several partitions"):
        asking.recover(RecoverRequest(target="backup_1.csv"), overview)
    with pytest.raises(RefusedRequestError, match="away"):
        asking.recover(RecoverRequest(partition=1), overview)
    pause = asking.of_each(ActionKind.PAUSE, ServiceRequest(target="writer"), overview)
    assert [each[:2] for each in brief(pause)] == [(0, "writer:a"), (2, "writer:a"), (2, "writer:b")]
    assert len(asking.of_each(ActionKind.RESUME, ServiceRequest(target="writer:b"), overview)) == 1


def test_losses_are_acknowledged_where_there_are_some_and_as_they_are_told() -> None:
    """Kind: who confirms what he sees confirms what came since."""
    lost = {Counter.INSERTED: 5, Counter.OVERFLOWED: 5}
    overview = of_partitions(p0=make_overview(), p2=make_overview(counters=lost))
    (wanted,) = asking.acknowledge(Request(), overview)
    assert (wanted.partition, wanted.options["overflowed"]) == (2, 5)
    with pytest.raises(RefusedRequestError):
        asking.acknowledge(Request(partition=0), overview)


def test_the_actions_of_all_partitions_are_one_list_each_with_its_number() -> None:
    def asked(id_: str, at: float) -> tuple[KnownAction, ...]:
        return (KnownAction(Action(id=id_, kind=ActionKind.RECOVER, asked_at=at)),)

    overview = of_partitions(
        p0=replace(make_overview(), actions=asked("older", NOW - 5)),
        p1=replace(make_overview(), actions=asked("newer", NOW)),
    )
    assert [(known.action.id, known.partition) for known in overview.actions] == [("newer", 1), ("older", 0)]


def test_only_the_dead_who_hold_nothing_are_forgotten() -> None:
    dead = service_of("writer", "dead", NOW - 60, {})
    overview = make_overview(services=[writer("living"), dead])
    assert [each.target for each in asking.forget_service(ForgetServiceRequest(target="writer:dead"), overview)] == [
        "writer:dead"
    ]
    for target, known in (
        ("writer:living", overview),
        ("writer:nobody", overview),
        ("writer:dead", make_overview(services=[dead], owners=[("writer", "dead")])),
    ):
        with pytest.raises(RefusedRequestError):
            asking.forget_service(ForgetServiceRequest(target=target), known)


@pytest.mark.parametrize(("seen_s", "has_poller"), [(5.0, False), (3600.0, True), (3600.0, False)])
def test_only_a_group_that_nobody_polls_is_forgotten(seen_s: float, has_poller: bool) -> None:
    poller = service_of(
        "poller", "p", NOW, {"state": "running", "groups": '[{"plc_code": "P", "name": "g/1", "mode": "FIXED"}]'}
    )
    overview = make_overview(
        polling={"x": {"plc_code": "P", "group_name": "g/1", "last_seen_at": NOW - seen_s}},
        services=[poller] if has_poller else [],
    )
    request = ForgetGroupRequest(plc_code="P", group_name="g/1")
    if seen_s > asking.LEAST_SILENCE_S and not has_poller:
        assert [each.target for each in asking.forget_group(request, overview)] == ['["P","g/1"]']
    else:
        with pytest.raises(RefusedRequestError):
            asking.forget_group(request, overview)
