import tomllib
from pathlib import Path

import pytest

from sandbox.plan import PlanError, Rate, make_plan, parse_rate, plc_code, poller_toml


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("3491/1s", Rate(3491, 1000)),
        ("5000/500ms", Rate(5000, 500)),
        ("1_000 / 0.25s", Rate(1000, 250)),
        ("1/100ms", Rate(1, 100)),
    ],
)
def test_rate_is_tags_and_interval(text: str, rate: Rate) -> None:
    assert parse_rate(text) == rate


@pytest.mark.parametrize("text", ["fast", "3491", "3491/1m", "-5/1s", "0/1s", "10/99ms", "2000000/1s", "10/1s extra"])
def test_impossible_rate_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(PlanError, match=r"^DEMO_RATE=.*: .+$") as refused:
        make_plan({"DEMO_RATE": text})
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"DEMO_SECONDS": "soon"}, "DEMO_SECONDS=soon: "),
        ({"DEMO_SECONDS": "-1"}, "DEMO_SECONDS=-1: "),
        ({"DEMO_SECONDS": "nan"}, "DEMO_SECONDS=nan: "),
        ({"DEMO_CSV": "nowhere.csv"}, "DEMO_CSV=nowhere.csv: there is no such file"),
        ({"DEMO_CSV": "/"}, "DEMO_CSV=/: it is no file"),
        ({"DEMO_SPEED": "2"}, "DEMO_SPEED needs DEMO_CSV"),
        ({"DEMO_SOURCE": "modbus"}, "DEMO_SOURCE=modbus: use simulator or opcua"),
        ({"DEMO_SOURCE": "opcua", "DEMO_CSV": __file__}, "DEMO_SOURCE and DEMO_CSV: give one of them"),
        ({"DEMO_CSV": __file__, "DEMO_RATE": "1/1s"}, "DEMO_RATE is the simulator's"),
        ({"DEMO_CSV": __file__, "DEMO_SPEED": "0"}, "DEMO_SPEED=0: "),
        ({"DEMO_MONITOR_PORT": "http"}, "DEMO_MONITOR_PORT=http: "),
        ({"DEMO_REDIS_PORT": "65536"}, "DEMO_REDIS_PORT=65536: "),
    ],
)
def test_impossible_parameter_is_refused_with_its_name(given: dict[str, str], says: str) -> None:
    with pytest.raises(PlanError) as refused:
        make_plan(given)
    assert str(refused.value).startswith(says)


def test_nothing_given_is_the_default_until_stopped() -> None:
    plan = make_plan({"DEMO_RATE": "", "DEMO_SECONDS": " "})
    assert plan.rate == Rate(3491, 1000)
    assert not plan.ends_by_itself
    assert plan.ports == {}


def test_ports_are_those_that_were_given() -> None:
    assert make_plan({"DEMO_REDIS_PORT": "6380", "DEMO_ORACLE_PORT": ""}).ports == {"redis": 6380}


@pytest.mark.parametrize(
    ("name", "plc"),
    [("WELL-00012_2017.csv", "WELL-00012"), ("plant.csv", "plant"), ("my well_1.csv", "my-well"), ("_x.csv", "PLC01")],
)
def test_file_name_begins_with_the_plc(name: str, plc: str) -> None:
    assert plc_code(Path(name)) == plc


def test_poller_is_told_to_simulate() -> None:
    (group,) = tomllib.loads(poller_toml(make_plan({"DEMO_RATE": "20/200ms"})))["group"]
    assert group["interval_ms"] == 200
    assert group["source"] == {"type": "simulator", "tags": 20, "seed": 1}


def test_poller_is_told_to_read_the_opcua_server() -> None:
    plan = make_plan({"DEMO_RATE": "2/200ms", "DEMO_SOURCE": "opcua"})
    (group,) = tomllib.loads(poller_toml(plan, "opc.tcp://127.0.0.1:4840"))["group"]
    assert group["interval_ms"] == 200
    tags = ["ns=1;s=D0", "ns=1;s=D1"]
    assert group["source"] == {"type": "opcua", "url": "opc.tcp://127.0.0.1:4840", "tags": tags}


def test_poller_is_told_to_replay_once_with_the_recorded_times(tmp_path: Path) -> None:
    csv = tmp_path / 'a "quoted" 이름_1.csv'
    csv.write_text("timestamp,a\n")
    (group,) = tomllib.loads(poller_toml(make_plan({"DEMO_CSV": str(csv)})))["group"]
    assert group["plc_code"] == 'a-"quoted"-이름'
    assert group["source"] == {
        "type": "replay",
        "file": str(csv),
        "timestamps": "original",
        "speed": "max",
        "loop": False,
    }


def test_speed_of_the_replay_is_passed_on(tmp_path: Path) -> None:
    csv = tmp_path / "a.csv"
    csv.touch()
    (group,) = tomllib.loads(poller_toml(make_plan({"DEMO_CSV": str(csv), "DEMO_SPEED": "10"})))["group"]
    assert group["source"]["speed"] == 10.0
