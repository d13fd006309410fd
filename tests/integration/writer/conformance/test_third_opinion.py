"""What docs/oracle-stand-in.md says of seerdb-mirror, asked of one that runs at SEERDB_MIRROR_DSN (host:port/FREEPDB1).

pip install seerdb "psycopg[binary]" in an environment of its own; PostgreSQL with orafce;
MIRROR_USERS=tagpipe:tagpipe,system:tagpipe seerdb-mirror postgres "host=... dbname=..."
"""

import json
import os
from pathlib import Path

import pytest

from sandbox.harness.command import run_command

PAGE = (Path(__file__).parents[4] / "docs" / "oracle-stand-in.md").read_text(encoding="utf-8")
DSN = os.environ.get("SEERDB_MIRROR_DSN")


@pytest.mark.skipif(not DSN, reason="no SEERDB_MIRROR_DSN: the module's docstring says how to have one")
def test_the_page_says_what_the_mirror_does(tmp_path: Path) -> None:
    where = {
        "ORACLE_DSN": str(DSN),
        "ORACLE_USER": "tagpipe",
        "ORACLE_PASSWORD": "tagpipe",
        "ORACLE_ADMIN": "system/tagpipe",
    }
    arguments = ("services.writer", "conformance", "--report", str(tmp_path / "report"), "--rows", "2000")
    done = run_command(*arguments, environ={**os.environ, **where}, timeout_s=110)
    assert done.returncode == 1, done.stderr
    claims = json.loads((tmp_path / "report.json").read_text())["claims"]
    rows = [line.strip("|").split(" | ") for line in PAGE.splitlines() if line.startswith("| ")]
    told = {row[0].strip(): row[3].partition(":")[0].strip() for row in rows if len(row) == 4}
    assert {claim["name"]: told[claim["name"]] for claim in claims} == {
        claim["name"]: claim["state"] for claim in claims
    }
    assert "left behind" not in done.stdout
