"""Base images by digest: `make digests` asks their registries which bytes a tag means now, and writes that down.

`make digests CHECK=1` writes nothing, and names the images that are not pinned, or pinned to what the tag meant once.

A tag may mean other bytes tomorrow; `name:tag@sha256:...` may not. Where a registry can't be reached the images stay as
they are written, and the command says so and ends with status 1: a digest is asked for, never made up.
"""

import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import httpx

ROOT = Path(__file__).parent.parent

#: Where images of others are pinned. Compose files and Dockerfile name the same tags, for engines without a registry.
FILES = ("deploy/compose/images.env", "deploy/kubernetes/overlays/single/redis.yaml")

_NAMED = re.compile(
    r"(?P<before>^[A-Z]+_IMAGE=|^\s*image: )(?P<name>[a-z0-9.-]+(?::[0-9]+(?=/))?[a-z0-9./_-]*):"
    r"(?P<tag>[A-Za-z0-9._-]+)"
    r"(?:@(?P<digest>sha256:[0-9a-f]{64}))?",
    re.MULTILINE,
)

#: What a tag may lead to: a list of images for several machines comes first, since its digest is for all of them.
_KINDS = (
    "application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
)

_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


class Image(NamedTuple):
    """An image of somebody else's, as a file names it."""

    name: str
    tag: str
    digest: str | None = None

    @property
    def registry(self) -> str:
        """Where it is asked for; names without a host are Docker Hub's."""
        host, slash, _ = self.name.partition("/")
        return host if slash and ("." in host or ":" in host) else "registry-1.docker.io"

    @property
    def repository(self) -> str:
        """Its path there; those without an owner are the library's."""
        path = self.name.partition("/")[2] if self.name.startswith(f"{self.registry}/") else self.name
        return path if "/" in path else f"library/{path}"


def named_in(text: str) -> list[Image]:
    """Return the images that a file names; our own, whose names come from the environment, are none of them."""
    return [Image(found["name"], found["tag"], found["digest"]) for found in _NAMED.finditer(text)]


def ask(image: Image, client: httpx.Client, scheme: str = "https") -> str:
    """Return the digest that a tag has in its registry now.

    Raises: httpx.HTTPError: it can't be reached, or refuses; LookupError: it gives none.
    """
    url = f"{scheme}://{image.registry}/v2/{image.repository}/manifests/{image.tag}"
    headers = {"Accept": _KINDS}
    answer = client.head(url, headers=headers)
    if answer.status_code == httpx.codes.UNAUTHORIZED:
        asked = dict(_CHALLENGE.findall(answer.headers.get("www-authenticate", "")))
        realm = asked.pop("realm", "")
        token = client.get(realm, params=asked).raise_for_status().json().get("token", "")
        answer = client.head(url, headers={**headers, "Authorization": f"Bearer {token}"})
    answer.raise_for_status()
    digest = str(answer.headers.get("docker-content-digest", ""))
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        raise LookupError(f"{image.registry} gives no digest of {image.repository}:{image.tag}")
    return digest


def with_digests(text: str, digests: dict[tuple[str, str], str]) -> str:
    """Return a file's text with these digests at the images that they are of."""

    def mended(found: "re.Match[str]") -> str:
        digest = digests.get((found["name"], found["tag"]), found["digest"])
        return f"{found['before']}{found['name']}:{found['tag']}{f'@{digest}' if digest else ''}"

    return _NAMED.sub(mended, text)


def check(files: Iterable[Path], scheme: str = "https") -> int:
    """Say which images are named by tag alone, and which tags mean something else by now; return the exit status."""
    status = 0
    images = {image for path in files for image in named_in(path.read_text("utf-8"))}
    with httpx.Client(timeout=20, follow_redirects=True) as client:
        for image in sorted(images, key=lambda each: each[:2]):
            problem = _problem_with(image, client, scheme)
            if problem:
                sys.stderr.write(f"error: {image.name}:{image.tag} {problem}\n")
                status = 1
    return status


def _problem_with(image: Image, client: httpx.Client, scheme: str) -> str:
    if image.digest is None:
        return "is named by its tag alone: `make digests` pins it"
    try:
        current = ask(image, client, scheme)
    except (httpx.HTTPError, httpx.InvalidURL, LookupError, ValueError) as error:
        return f"is pinned, and nobody says to what: {image.registry}: {error}"
    return (
        "" if current == image.digest else f"is pinned to {image.digest}; the tag means {current} now: `make digests`"
    )


def main(files: Iterable[Path], scheme: str = "https") -> int:
    """Renew all digests that can be had; return the exit status."""
    digests: dict[tuple[str, str], str] = {}
    status = 0
    texts = {path: path.read_text("utf-8") for path in files}
    with httpx.Client(timeout=20, follow_redirects=True) as client:
        for image in sorted({image._replace(digest=None) for text in texts.values() for image in named_in(text)}):
            try:
                digests[image.name, image.tag] = ask(image, client, scheme)
            except (httpx.HTTPError, httpx.InvalidURL, LookupError, ValueError) as error:
                sys.stderr.write(f"error: {image.name}:{image.tag} stays as it is: {image.registry}: {error}\n")
                status = 1
            else:
                sys.stdout.write(f"{image.name}:{image.tag}@{digests[image.name, image.tag]}\n")
    for path, text in texts.items():
        path.write_text(with_digests(text, digests), "utf-8")
    return status


if __name__ == "__main__":
    run = check if sys.argv[1:] == ["--check"] else main
    raise SystemExit(run([ROOT / name for name in FILES]))
