"""What a demo run is asked to do: the parameters, checked, and the poller's configuration made of them. Pure."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path

from shared.foreign_csv.dialect import DialectError, Said

DEFAULT_RATE = "3491/1s"

#: The simulator's most tags.
MAX_TAGS = 1_000_000

#: The poller's shortest interval of a group.
MIN_INTERVAL_MS = 100

#: What DEMO_SOURCE may be.
SOURCES = ("simulator", "opcua")

#: Seconds for which a replay stays up after its verdict, where nobody sits at a terminal to end it.
STAY_S = 30.0

#: What may be said of a recorded file (DEMO_CSV_FORM), each with an example.
FORM_OPTIONS = {
    "encoding": "cp949",
    "delimiter": "semicolon",
    "decimal": "comma",
    "time_format": "%d/%m/%Y %H:%M:%S",
    "time_zone": "Asia/Seoul",
}

_RATE = re.compile(r"(?P<tags>\d[\d_]*)\s*/\s*(?P<interval>\d+(\.\d+)?)\s*(?P<unit>ms|s)")


class PlanError(ValueError):
    """A parameter can't be used; the text is one line that names it and the cure."""


@dataclass(frozen=True)
class Rate:
    """How many tags the simulator polls, and how often."""

    tags: int
    interval_ms: int

    @property
    def values_per_s(self) -> float:
        """Values that this makes in a second."""
        return self.tags * 1000 / self.interval_ms


@dataclass(frozen=True)
class Plan:
    """One run of the demo. `seconds` 0: until stopped. `csv` None: the simulator. Port 0: any free one."""

    rate: Rate
    seconds: float = 0.0
    csv: Path | None = None
    opcua: bool = False  #: the tags are those of a node-opcua server, not the poller's simulator
    form: Said = field(default_factory=Said)  #: what was said of the recorded file
    plc: str = "PLC01"
    stay_s: float | None = None  #: seconds that a replay stays up after its verdict; None: not said
    speed: float | None = None  #: times the recorded speed; None: as fast as it is taken
    directory: Path = Path(".demo")
    ports: Mapping[str, int] = field(default_factory=dict)  #: of monitor, redis and oracle, where given

    @property
    def ends_by_itself(self) -> bool:
        """Tell whether this run ends with a verdict."""
        return bool(self.seconds or self.csv)


def make_plan(given: Mapping[str, str]) -> Plan:
    """Return the plan for these parameters, named like the variables: `DEMO_RATE`. An empty one is not given.

    Raises: PlanError.
    """
    given = {name: value.strip() for name, value in given.items() if value.strip()}
    csv = given.get("DEMO_CSV")
    if csv and "DEMO_RATE" in given:
        raise PlanError("DEMO_RATE is the simulator's; a replay (DEMO_CSV) takes DEMO_SPEED instead")
    source = given.get("DEMO_SOURCE", "simulator")
    if source not in SOURCES:
        raise PlanError(f"DEMO_SOURCE={source}: use {' or '.join(SOURCES)}")
    if csv and "DEMO_SOURCE" in given:
        raise PlanError("DEMO_SOURCE and DEMO_CSV: give one of them")
    if "DEMO_SPEED" in given and not csv:
        raise PlanError("DEMO_SPEED needs DEMO_CSV, the recorded file to replay")
    for name in ("DEMO_CSV_FORM", "DEMO_STAY"):
        if name in given and not csv:
            raise PlanError(f"{name} needs DEMO_CSV, the recorded file to replay")
    return Plan(
        rate=parse_rate(given.get("DEMO_RATE", DEFAULT_RATE)),
        seconds=_number("DEMO_SECONDS", given.get("DEMO_SECONDS", "0"), "0 (until Ctrl+C) or more seconds"),
        csv=_file(csv) if csv else None,
        plc=plc_code(Path(csv)) if csv else "PLC01",
        form=_form(given.get("DEMO_CSV_FORM", "")),
        stay_s=_number("DEMO_STAY", given["DEMO_STAY"], "seconds, 0 or more") if "DEMO_STAY" in given else None,
        opcua=source == "opcua",
        speed=_speed(given.get("DEMO_SPEED", "max")),
        directory=Path(given.get("DEMO_DIRECTORY", ".demo")).absolute(),
        ports={
            name: _port(variable, given[variable])
            for name in ("monitor", "redis", "oracle")
            if (variable := f"DEMO_{name.upper()}_PORT") in given
        },
    )


def parse_rate(text: str) -> Rate:
    """Return the rate that `tags/interval` names.

    >>> parse_rate("5000/500ms")
    Rate(tags=5000, interval_ms=500)

    Raises: PlanError.
    """
    match = _RATE.fullmatch(text)
    if match is None:
        raise PlanError(f"DEMO_RATE={text}: write tags/interval, for example 3491/1s or 5000/500ms")
    interval_ms = round(float(match["interval"]) * (1000 if match["unit"] == "s" else 1))
    rate = Rate(int(match["tags"].replace("_", "")), interval_ms)
    if not 1 <= rate.tags <= MAX_TAGS:
        raise PlanError(f"DEMO_RATE={text}: give it 1 to {MAX_TAGS} tags")
    if interval_ms < MIN_INTERVAL_MS:
        raise PlanError(f"DEMO_RATE={text}: give it an interval of at least {MIN_INTERVAL_MS}ms")
    return rate


def plc_code(csv: Path) -> str:
    """Return the PLC that a recorded file stands for: its name up to the first underscore, without blanks.

    >>> plc_code(Path("WELL-00012_20170320033022.csv"))
    'WELL-00012'
    """
    return "-".join(csv.stem.split("_", maxsplit=1)[0].split()) or "PLC01"


def poller_toml(plan: Plan, opcua_url: str = "") -> str:
    """Return the poller's configuration for this run; `opcua_url` is where its OPC UA server is, if it has one."""
    source: dict[str, object]
    if plan.csv is not None:
        source = {
            "type": "replay",
            "file": str(plan.csv),
            "timestamps": "original",
            "speed": "max" if plan.speed is None else plan.speed,
            "loop": False,
        }
        return _group_toml({"name": "replay", "plc_code": plan.plc}, source)
    if plan.opcua:
        tags = [f"ns=1;s=D{number}" for number in range(plan.rate.tags)]
        source = {"type": "opcua", "url": opcua_url, "tags": tags}
    else:
        source = {"type": "simulator", "tags": plan.rate.tags, "seed": 1}
    return _group_toml({"name": "line 1", "plc_code": plan.plc, "interval_ms": plan.rate.interval_ms}, source)


def _group_toml(group: Mapping[str, object], source: Mapping[str, object]) -> str:
    # A JSON scalar, or a list of them, is one of TOML, too.
    def pairs(table: Mapping[str, object]) -> list[str]:
        return [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in table.items()]

    return "\n".join(["[[group]]", *pairs(group), 'mode = "FIXED"', "[group.source]", *pairs(source), ""])


def _number(variable: str, text: str, wanted: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not isfinite(number) or number < 0:
        raise PlanError(f"{variable}={text}: give it {wanted}")
    return number


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    wanted = "max, or a number above 0: 1 is as recorded, 10 ten times as fast"
    speed = _number("DEMO_SPEED", text, wanted)
    if speed == 0:
        raise PlanError(f"DEMO_SPEED={text}: give it {wanted}")
    return speed


def _form(text: str) -> Said:
    given: dict[str, str | None] = {}
    for part in filter(None, map(str.strip, text.split(";"))):
        name, _, value = part.partition("=")
        if name not in FORM_OPTIONS or not value:
            some = "; ".join(f"{option}={example}" for option, example in FORM_OPTIONS.items())
            raise PlanError(f"DEMO_CSV_FORM={text}: write what applies of {some}")
        given[name] = value
    try:
        return Said.of(given)
    except DialectError as error:
        raise PlanError(f"DEMO_CSV_FORM={text}: {error}") from None


def _port(variable: str, text: str) -> int:
    # isdecimal alone would take other scripts' digits, which int() takes too: harmless.
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise PlanError(f"{variable}={text}: give it a port from 1 to 65535, or leave it out for a free one")
    return int(text)


def _file(text: str) -> Path:
    path = Path(text).expanduser().absolute()
    if not path.is_file():
        raise PlanError(f"DEMO_CSV={text}: {'it is no file' if path.exists() else 'there is no such file'}")
    return path
