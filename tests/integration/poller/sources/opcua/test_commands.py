"""`browse` and `validate`: from a server to a group that reads it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.harness.redis import free_port
from services.poller.sources.opcua.tags import read_tags
from tests.integration.poller.pollers import command
from tests.integration.poller.sources.opcua.reading import one, toml, with_source
from tests.integration.poller.sources.opcua.servers import OpcuaServer


@pytest.fixture(scope="module")
def shared_plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpcuaServer]:
    """A server that no test breaks."""
    with OpcuaServer.quick(tmp_path_factory.mktemp("plant")) as server:
        yield server


def test_browse_lists_what_can_be_read_as_a_tree_and_as_a_file_to_build_a_group_from(
    shared_plant: OpcuaServer, tmp_path: Path
) -> None:
    tree = command("browse", shared_plant.url, "--glob", "Line/*")
    assert tree.returncode == 0, tree.stderr
    lines = tree.stdout.splitlines()
    assert lines[0] == "Line/"
    assert "  Text  ns=2;s=Line.Text  String  GOOD  점검중" in lines
    assert "  Array  ns=2;s=Line.Array  Double[3]  GOOD  1.5, ..." in lines
    assert "  Bad  ns=2;s=Line.Bad  Null  BAD  BadAttributeIdInvalid" in lines
    file = tmp_path / "tags.csv"
    file.write_text(command("browse", shared_plant.url, "--csv").stdout)
    tags = read_tags(file)
    assert len(tags) == 15
    reading = with_source(shared_plant.url, one, tags={"file": str(file)})
    assert reading.values["Line/Int"] == -7


def test_browse_says_in_one_line_why_it_can_not() -> None:
    away = command("browse", f"opc.tcp://127.0.0.1:{free_port()}")
    assert (away.returncode, away.stderr.count("\n")) == (1, 1)
    assert away.stderr.startswith("error: opc.tcp://127.0.0.1:")
    wrong = command("browse", "http://127.0.0.1")
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
    assert "write it as opc.tcp://host:port" in wrong.stderr


def test_validate_checks_files_and_asks_no_server(tmp_path: Path) -> None:
    path = tmp_path / "groups.toml"
    path.write_text(toml("opc.tcp://127.0.0.1:1"))
    good = command("validate", str(path))
    assert good.returncode == 0, good.stderr
    assert "P1, tags like Line/* of opc.tcp://127.0.0.1:1, read every 100 ms, security none" in good.stdout
    (tmp_path / "key.pem").write_text("no key")
    security = (
        'security = "sign"\ncertificate = "nowhere.der"\nprivate_key = "key.pem"\npassword_file = "p"\nuser = "u"'
    )
    path.write_text(toml("opc.tcp://127.0.0.1:1", security))
    bad = command("validate", str(path))
    assert bad.returncode == 2
    assert f"group 'line': {tmp_path / 'nowhere.der'}: can't be read" in bad.stderr
    assert f"group 'line': {tmp_path / 'key.pem'}: not a private key" in bad.stderr
    assert f"group 'line': {tmp_path / 'p'}: can't be read" in bad.stderr
