"""Digests are asked of a registry, here one of our own; where none can be had nothing is made up."""

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tools.image_digests import FILES, ROOT, Image, check, main, named_in

DIGEST = "sha256:" + "5" * 64


class Registry(BaseHTTPRequestHandler):
    """Docker Hub's ways: a token first, then a digest in a header."""

    def do_GET(self) -> None:
        assert self.path == "/token?service=here&scope=pull"
        self._answer(200, {}, b'{"token": "a-token"}')

    def do_HEAD(self) -> None:
        if self.headers.get("Authorization") != "Bearer a-token":
            host = self.headers["Host"]
            challenge = f'Bearer realm="http://{host}/token",service="here",scope="pull"'
            self._answer(401, {"WWW-Authenticate": challenge})
        elif self.path == "/v2/library/redis/manifests/8-alpine" and "image.index" in self.headers["Accept"]:
            self._answer(200, {"Docker-Content-Digest": DIGEST})
        else:
            self._answer(200 if "strange" in self.path else 404, {})

    def _answer(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def registry() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Registry) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def test_every_image_of_others_is_known() -> None:
    found = {image.name for name in FILES for image in named_in((ROOT / name).read_text())}
    assert found == {"python", "redis", "gvenzl/oracle-free", "prom/prometheus", "grafana/grafana", "prom/alertmanager"}
    # One tag is one image, wherever it is named.
    images = {(image.name, image.tag, image.digest) for name in FILES for image in named_in((ROOT / name).read_text())}
    assert len({image[:2] for image in images}) == len(images)
    assert (Image("redis", "8").registry, Image("redis", "8").repository) == ("registry-1.docker.io", "library/redis")
    assert Image("host:5000/a/b", "1").registry == "host:5000"


def test_no_file_names_an_image_that_nobody_pins() -> None:
    """Kind: a list of places, and one more place."""
    places = [*ROOT.glob("Dockerfile*"), *ROOT.glob("docker-compose*.yml"), *(ROOT / "deploy").rglob("*.y*ml")]
    naming = re.compile(r"^(?:ARG PYTHON_IMAGE=|\s*(?:- )?image: |FROM )(?P<name>\S+)", re.MULTILINE)
    found = {
        (path.relative_to(ROOT).as_posix(), each["name"])
        for path in places
        for each in naming.finditer(path.read_text())
        if not each["name"].startswith(("$", "tagpipe")) and each["name"] not in {"packages", "code", "services"}
    }
    assert len(found) > 5
    assert {file for file, _ in found} == set(FILES)
    known = {(file, f"{each.name}:{each.tag}") for file in FILES for each in named_in((ROOT / file).read_text())}
    assert {(file, name.partition("@")[0]) for file, name in found} == known


def test_what_is_not_pinned_or_old_is_named_and_nothing_is_written(
    tmp_path: Path, registry: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kind: a pin that nobody looks at again: it grows old, or was never there."""
    file = tmp_path / "docker-compose.yml"
    old = "sha256:" + "1" * 64
    image = f"    image: {registry}/library/redis:8-alpine"
    for pinned, said in (
        ("", "library/redis:8-alpine is named by its tag alone"),
        (f"@{old}", f"is pinned to {old}; the tag means {DIGEST} now"),
        (f"@{DIGEST}", ""),
    ):
        file.write_text(f"{image}{pinned}\n")
        assert check([file], "http") == (1 if said else 0)
        err = capsys.readouterr().err
        assert said in err if said else not err
        assert file.read_text() == f"{image}{pinned}\n"
    file.write_text(f"    image: 127.0.0.1:1/library/redis:8@{old}\n")
    assert check([file], "http") == 1
    assert "nobody says to what" in capsys.readouterr().err


def test_a_digest_is_written_where_the_registry_gives_one_and_nowhere_else(
    tmp_path: Path, registry: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kind: a digest that nobody gave, or that of another image."""
    file = tmp_path / "docker-compose.yml"
    unknown = "sha256:" + "1" * 64
    file.write_text(
        f"    image: {registry}/library/redis:8-alpine\n    image: {registry}/plant/other:1@{unknown}\n"
        f"    image: {registry}/plant/strange:2\n    image: ${{TAGPIPE_IMAGE:-tagpipe:dev}}\n"
    )
    assert main([file], "http") == 1
    assert file.read_text() == (
        f"    image: {registry}/library/redis:8-alpine@{DIGEST}\n    image: {registry}/plant/other:1@{unknown}\n"
        f"    image: {registry}/plant/strange:2\n    image: ${{TAGPIPE_IMAGE:-tagpipe:dev}}\n"
    )
    assert main([file], "http") == 1
    said = capsys.readouterr()
    assert said.out.count(DIGEST) == 2
    assert said.err.count("plant/other:1 stays as it is") == said.err.count("gives no digest of plant/strange:2") == 2


def test_a_registry_that_can_not_be_reached_changes_nothing_and_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "Dockerfile"
    file.write_text("ARG PYTHON_IMAGE=127.0.0.1:1/python:3.13-slim\nFROM ${PYTHON_IMAGE}\n")
    before = file.read_text()
    assert main([file], "http") == 1
    assert file.read_text() == before
    assert "127.0.0.1:1/python:3.13-slim stays as it is" in capsys.readouterr().err
