"""docs/oracle.md: every connect string in it is one that the writer understands, as the page says."""

import re
from pathlib import Path

import pytest

from sandbox.harness.oracle import ROOT
from services.writer.oracle.connections.address import addresses, connect_params
from services.writer.settings import WriterSettings

_PAGE = (ROOT / "docs/oracle.md").read_text()
_TABLE = dict(re.findall(r"^\| ([^|]+?) \| `([^`]+)`", _PAGE.split("## TLS")[0], re.MULTILINE))


def settings(dsn: str, directory: Path) -> WriterSettings:
    return WriterSettings.model_validate(
        {"oracle_dsn": dsn, "oracle_user": "u", "oracle_password": "p", "oracle_config_dir": directory}
    )


def test_the_page_has_its_table() -> None:
    assert len(_TABLE) == 9


@pytest.mark.parametrize("case", _TABLE)
def test_an_address_of_the_page_is_understood(case: str, tmp_path: Path) -> None:
    (tmp_path / "tnsnames.ora").write_text(f"PRODUCTION = {_TABLE['Data Guard: primary and standby']}\n")
    params = connect_params(settings(_TABLE[case], tmp_path))
    assert addresses(params)
    assert params.retry_count == 0
    several = {"RAC without SCAN, any node", "Data Guard: primary and standby", "a name from tnsnames.ora"}
    assert len(addresses(params)) == (2 if case in several else 1)
    assert (params.protocol == "tcps") == case.startswith("TLS")
    assert (params.server_type == "pooled") == ("DRCP" in case)
    assert params.disable_oob == ("swallows" in case)
    assert (params.ssl_server_cert_dn == "CN=db.plant") == ("another name" in case)
