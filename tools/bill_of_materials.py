"""What the image holds of others: a bill of materials (CycloneDX) and their licences. `make sbom`, and the Dockerfile.

From the lock file alone comes what there is and by which hashes it is known; from the environment that was installed
from it, the licences. Imports nothing but the standard library: it runs while the image is built. The same lock file
and environment give the same bytes.
"""

import json
import re
import sys
import uuid
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parent.parent

#: So that the serial number of a bill follows from what it lists.
_SPACE = uuid.UUID("6b1f3f0e-6c55-4c7e-9a53-6f0b7b1f9a11")

_PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^\s;]+)(?:\s*;\s*(?P<marker>[^\\]+?))?\s*\\?$")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_LICENCE_FILE = re.compile(r"(?:^|/)(?:LICEN[CS]E|COPYING|NOTICE|AUTHORS)[^/]*$", re.IGNORECASE)


class Package(NamedTuple):
    """One line of a lock file, with its hashes."""

    name: str
    version: str
    marker: str | None
    hashes: tuple[str, ...]

    @property
    def purl(self) -> str:
        """What scanners know it by."""
        return f"pkg:pypi/{normal(self.name)}@{self.version}"


def normal(name: str) -> str:
    """Return a name as the index spells it.

    >>> normal("Typing_Extensions")
    'typing-extensions'
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def locked(lock: Path) -> list[Package]:
    """Return the packages of a lock file in its order."""
    packages: list[Package] = []
    for line in lock.read_text("utf-8").splitlines():
        pin = _PIN.match(line)
        if pin:
            packages.append(Package(pin["name"], pin["version"], pin["marker"], ()))
        elif packages and (found := _HASH.findall(line)):
            last = packages.pop()
            packages.append(last._replace(hashes=(*last.hashes, *found)))
    return packages


def bill(packages: list[Package], version: str, installed: dict[str, Distribution]) -> dict[str, Any]:
    """Return the bill of materials; a package that is not for this platform is in it without a licence."""
    components = [_component(package, installed.get(normal(package.name))) for package in packages]
    serial = uuid.uuid5(_SPACE, json.dumps([version, *(package.purl for package in packages)]))
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {
            "component": {"type": "application", "bom-ref": "tagpipe", "name": "tagpipe", "version": version},
        },
        "components": components,
        "dependencies": [{"ref": "tagpipe", "dependsOn": [package.purl for package in packages]}],
    }


def _component(package: Package, installed: Distribution | None) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": package.purl,
        "name": package.name,
        "version": package.version,
        "purl": package.purl,
        # Of every file that may be installed; which one it is depends on the platform.
        "properties": [{"name": "tagpipe:sha256", "value": digest} for digest in package.hashes],
    }
    if package.marker:
        component["properties"].append({"name": "tagpipe:marker", "value": package.marker})
    if installed is not None:
        component["licenses"] = [{"license": {"name": licence_of(installed)}}]
    return component


def licence_of(package: Distribution) -> str:
    """Return the licence that a package says it has."""
    said = package.metadata
    if "License-Expression" in said:
        return said["License-Expression"]
    names = [line.rpartition(" :: ")[2] for line in said.get_all("Classifier") or () if line.startswith("License ::")]
    lines = [text.strip().partition("\n")[0] for text in said.get_all("License") or ()]
    return ", ".join(filter(None, names or lines)) or "see its files"


def notices(packages: list[Package], installed: dict[str, Distribution]) -> Iterator[str]:
    """Yield the text of the third-party notices: of each package its licence and the files that say it.

    Raises: LookupError: a package that is installed has no word about its licence.
    """
    yield "tagpipe contains these packages of others. Each is used under its own licence.\n"
    for package in packages:
        found = installed.get(normal(package.name))
        if found is None:
            continue
        texts = [text for file in found.files or () if _LICENCE_FILE.search(str(file)) and (text := _text(found, file))]
        licence = licence_of(found)
        if not texts and licence == "see its files":
            raise LookupError(f"{package.name} {package.version} says nothing of its licence")
        yield f"\n{'=' * 80}\n{package.name} {package.version}: {licence}\n{'=' * 80}\n"
        yield from (f"\n{text.strip()}\n" for text in texts)


def _text(package: Distribution, file: Any) -> str:
    path = Path(str(package.locate_file(file)))
    return path.read_text("utf-8", "replace") if path.is_file() and path.suffix not in {".py", ".pyc"} else ""


def main(lock: Path, environment: Path, target: Path, version: str) -> None:
    """Write `sbom.cdx.json` and `THIRD_PARTY_NOTICES.txt` into a directory; `environment` is a `site-packages`."""
    packages = locked(lock)
    installed = {normal(found.metadata["Name"]): found for found in distributions(path=[str(environment)])}
    target.mkdir(parents=True, exist_ok=True)
    (target / "sbom.cdx.json").write_text(json.dumps(bill(packages, version, installed), indent=1) + "\n", "utf-8")
    (target / "THIRD_PARTY_NOTICES.txt").write_text("".join(notices(packages, installed)), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4])
