"""Claims about the project's own DDL: deploy/oracle makes tables that the sink writes into, in both layouts."""

import re
from pathlib import Path

from services.writer.conformance.claim import Claims, NotTriedError, expect
from services.writer.conformance.place import Place, ends, values
from services.writer.oracle.oracle_sink import OracleSink

#: Scripts of the tables, by layout; users and grants are a DBA's.
_SCRIPTS = {
    "02_tag_data.sql": "tag_data",
    "03_tag_values.sql": "tag_values",
    "04_tag_data_partitioned.sql": "tag_data",
    "05_tag_values_partitioned.sql": "tag_values",
    "11_tag_data_iot.sql": "tag_data",
}

#: The optional column that the writer leaves alone; tag_values has it already.
_INSERTED_AT = ("CONSTRAINT", "inserted_at TIMESTAMP(6) DEFAULT SYSTIMESTAMP, CONSTRAINT")

_DIRECTORY = Path("deploy/oracle")


CLAIMS = Claims[Place]()


@CLAIMS.relied_on_by("services.writer.oracle.layout.LAYOUTS")
def deploy_scripts(place: Place) -> str:
    """The tables of deploy/oracle are made by their scripts, partitioned or not, and take values."""
    if not _DIRECTORY.is_dir():
        raise NotTriedError(f"{_DIRECTORY} is not here: run it in a checkout")
    told = [f"{script}: {_written(place, script, layout)}" for script, layout in _SCRIPTS.items()]
    told.append(f"with inserted_at: {_written(place, '02_tag_data.sql', 'tag_data', _INSERTED_AT)}")
    return "; ".join(told)


def _written(place: Place, script: str, layout: str, change: tuple[str, str] = ("", "")) -> str:
    name = place.new_name()
    text = re.sub(r"--.*", "", (_DIRECTORY / script).read_text(encoding="utf-8")).replace(*change, 1)
    place.make(*filter(None, map(str.strip, re.sub(rf"\b{layout}(?=_|\b)", name, text).split(";"))))
    settings = place.settings.model_copy(update={"oracle_table": name, "oracle_table_layout": layout})
    sink = OracleSink(settings)
    try:
        first, again = sink.write(values(10)), sink.write(values(10))
    finally:
        sink.close()
    told = first.written, len(again.duplicates)
    expect(told == (10, 10), f"{script}: first {ends(first)}, then {ends(again)}")
    return "10 stored, 10 duplicates"
