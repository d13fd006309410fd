"""An owner o and a writer w, made by the scripts of deploy/oracle under these names."""

import re
from collections.abc import Callable
from pathlib import Path

import oracledb

from oracle_stand_in.engine.init_script import split_script

SCRIPTS = Path("deploy/oracle")
#: what the scripts make is called so here
OTHER_NAMES = {"tagpipe_writer": "w", "tagpipe": "o"}
INSERT = "INSERT INTO {} (tag_name, tag_value, timestamp, quality) VALUES (:1, '1', DATE '2026-03-01', 'GOOD')"

Connect = Callable[[str], oracledb.Connection]


def run_script(cursor: oracledb.Cursor, script: str) -> None:
    text = (SCRIPTS / script).read_text(encoding="utf-8")
    for old, new in OTHER_NAMES.items():
        text = re.sub(rf"\b{old}\b", new, text, flags=re.IGNORECASE).replace(f"'{new}'", f"'{new.upper()}'")
    for statement in split_script(text):
        cursor.execute(statement)


def make_tables(dba: oracledb.Cursor, script: str = "02_tag_data.sql") -> None:
    """Make the owner o with its table, and w, who may log on and nothing else."""
    run_script(dba, "01_user.sql")
    dba.execute('CREATE USER w IDENTIFIED BY "Pw_1"')
    dba.execute("GRANT CREATE SESSION TO w")
    dba.execute("ALTER SESSION SET CURRENT_SCHEMA = o")
    run_script(dba, script)
