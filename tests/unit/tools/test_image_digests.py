"""Digests are asked of a registry, here one of our own; where none can be had nothing is made up."""

import hashlib
import json
import re
import shutil
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from sandbox.harness.process import Process
from sandbox.harness.redis import free_port
from sandbox.harness.waiting import wait_until
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
    assert all(digest for *_, digest in images)
    assert len({image[:2] for image in images}) == len(images)
    assert (Image("redis", "8").registry, Image("redis", "8").repository) == ("registry-1.docker.io", "library/redis")
    assert Image("host:5000/a/b", "1").registry == "host:5000"


def test_no_file_names_an_image_that_nobody_pins() -> None:
    """Kind: a list of places, and one more place; or a pin of another version than the one that runs."""
    pins = dict(re.findall(r"^(\w+_IMAGE)=(\S+)$", (ROOT / "deploy/compose/images.env").read_text(), re.MULTILINE))
    assert all(re.fullmatch(r"\S+:\S+@sha256:[0-9a-f]{64}", pin) for pin in pins.values())
    by_tag = {name: pin.partition("@")[0] for name, pin in pins.items()}
    places = [*ROOT.glob("Dockerfile*"), *ROOT.glob("docker-compose*.yml"), *(ROOT / "deploy").rglob("*.y*ml")]
    naming = re.compile(r"^(?:ARG PYTHON_IMAGE=|\s*(?:- )?image: |\s*PYTHON_IMAGE: |FROM )(?P<name>\S+)", re.MULTILINE)
    found = {each["name"] for path in places for each in naming.finditer(path.read_text())}
    ours = {name for name in found if name.startswith(("$", "tagpipe")) and "tagpipe" in name}
    others = found - ours - {"packages", "code", "services", "${PYTHON_IMAGE}"}
    in_compose = {f"${{{name}:-{tag}}}" for name, tag in by_tag.items()}
    assert others == {*in_compose, by_tag["PYTHON_IMAGE"], pins["REDIS_IMAGE"]}
    example = (ROOT / ".env.example").read_text()
    assert all(f"# {name}={tag}\n" in example for name, tag in by_tag.items())


REGISTRY = """
version: 0.1
storage: {{filesystem: {{rootdirectory: {directory}}}, delete: {{enabled: true}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


@pytest.fixture
def real_registry(tmp_path: Path) -> Iterator[str]:
    """The registry that Docker publishes, as Debian has it (docker-registry), on a port of this machine."""
    program = shutil.which("docker-registry")
    if program is None:
        pytest.skip("docker-registry is not installed")
    port = free_port()
    (tmp_path / "registry.yml").write_text(REGISTRY.format(directory=tmp_path / "images", port=port))
    with (tmp_path / "registry.log").open("wb") as log:
        process = Process([program, "serve", str(tmp_path / "registry.yml")], log, {})
    with process:
        wait_until(lambda: is_open(port), what="the registry")
        yield f"127.0.0.1:{port}"


def is_open(port: int) -> bool:
    with socket.socket() as tried:
        return tried.connect_ex(("127.0.0.1", port)) == 0


def push(registry: str, tag: str, content: bytes) -> str:
    """Put an image of one layer there as `docker push` does; return its digest."""
    client = httpx.Client(base_url=f"http://{registry}/v2/plant/redis", follow_redirects=True)
    parts = []
    for blob in (b"{}", content):
        begun = client.post("/blobs/uploads/").headers["location"]
        digest = f"sha256:{hashlib.sha256(blob).hexdigest()}"
        assert client.put(f"{begun}&digest={digest}", content=blob).status_code == 201
        parts.append({"digest": digest, "size": len(blob), "mediaType": "application/vnd.oci.image.layer.v1.tar"})
    kind = "application/vnd.oci.image.manifest.v1+json"
    config = {**parts[0], "mediaType": "application/vnd.oci.image.config.v1+json"}
    manifest = json.dumps({"schemaVersion": 2, "mediaType": kind, "config": config, "layers": parts[1:]}).encode()
    answer = client.put(f"/manifests/{tag}", content=manifest, headers={"Content-Type": kind})
    assert answer.status_code == 201, answer.text
    client.close()
    return f"sha256:{hashlib.sha256(manifest).hexdigest()}"


def test_what_a_real_registry_has_is_pinned_and_seen_to_be_old_once_the_tag_moved(
    tmp_path: Path, real_registry: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "images.env"
    file.write_text(f"REDIS_IMAGE={real_registry}/plant/redis:8-alpine\n")
    first = push(real_registry, "8-alpine", b"one")
    assert check([file], "http") == 1, "it has no digest"
    assert main([file], "http") == 0
    assert file.read_text() == f"REDIS_IMAGE={real_registry}/plant/redis:8-alpine@{first}\n"
    assert check([file], "http") == 0
    capsys.readouterr()
    second = push(real_registry, "8-alpine", b"two")
    assert check([file], "http") == 1
    assert f"is pinned to {first}; the tag means {second} now" in capsys.readouterr().err


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
    file = tmp_path / "images.env"
    file.write_text("PYTHON_IMAGE=127.0.0.1:1/python:3.13-slim\nREDIS_IMAGE=127.0.0.1:1/redis:8\n")
    before = file.read_text()
    assert main([file], "http") == 1
    assert file.read_text() == before
    assert "127.0.0.1:1/python:3.13-slim stays as it is" in capsys.readouterr().err
