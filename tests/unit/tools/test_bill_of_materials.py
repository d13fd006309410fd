"""What the image says of what it holds: all of it, by hash, and each under a licence that it states."""

import json
import re
from importlib.metadata import distributions
from pathlib import Path

import shared
from tools.bill_of_materials import ROOT, bill, licence_of, locked, normal, notices

LOCK = ROOT / "requirements" / "runtime.txt"
INSTALLED = {normal(found.metadata["Name"]): found for found in distributions()}


def test_every_package_of_the_lock_file_is_listed_with_its_hashes() -> None:
    made = bill(locked(LOCK), shared.__version__, INSTALLED)
    lines = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)", LOCK.read_text(), re.MULTILINE)
    assert len(lines) > 30
    assert [(each["name"], each["version"]) for each in made["components"]] == lines
    hashes = [each["value"] for part in made["components"] for each in part["properties"] if "sha256" in each["name"]]
    assert len(hashes) == LOCK.read_text().count("--hash=sha256:")
    assert made["bomFormat"] == "CycloneDX"
    assert made["dependencies"][0]["dependsOn"] == [each["bom-ref"] for each in made["components"]]
    # The same things are the same bill; others are another one.
    assert made == bill(locked(LOCK), shared.__version__, INSTALLED)
    assert made["serialNumber"] != bill(locked(LOCK)[1:], shared.__version__, INSTALLED)["serialNumber"]


def test_every_package_says_its_licence_and_the_notices_hold_it() -> None:
    """Kind: a copy without the words that its licence wants to come along."""
    packages = [package for package in locked(LOCK) if normal(package.name) in INSTALLED]
    # What is not here is for another platform or an older Python, and says so.
    assert all(package.marker for package in locked(LOCK) if package not in packages)
    texts = "".join(notices(packages, INSTALLED))
    for package in packages:
        assert f"\n{package.name} {package.version}: {licence_of(INSTALLED[normal(package.name)])}\n" in texts
        assert licence_of(INSTALLED[normal(package.name)]) != "see its files"
    assert texts.count("Permission is hereby granted") > 10
    assert "GNU LESSER GENERAL PUBLIC LICENSE" in texts


def test_every_lock_file_pins_by_hash() -> None:
    """Kind: an install path beside the pinned ones."""
    for lock in (ROOT / "requirements").glob("*.txt"):
        packages = locked(lock)
        assert packages, lock
        assert all(package.hashes for package in packages), lock
    installs = [
        line for line in (ROOT / "Makefile").read_text().splitlines() if re.search(r"\bpip\b.* install\b|\(PIP\)", line)
    ]
    assert len(installs) == 4
    assert all("--require-hashes" in line for line in installs)


def _ours(name: str) -> list[Path]:
    """Return the files of a name that are ours, and not of what was installed."""
    parts = {path: path.relative_to(ROOT).parts for path in ROOT.rglob(name)}
    return [path for path, of in parts.items() if "node_modules" not in of and not of[0].startswith(".")]


def test_whatever_npm_installs_is_pinned_by_hash() -> None:
    """Kind: an install path beside the pinned ones: npm takes a package without its hash as readily."""
    locks = _ours("package-lock.json")
    assert {path.parent for path in locks} == {path.parent for path in _ours("package.json")}
    for lock in locks:
        packages = {name: each for name, each in json.loads(lock.read_text())["packages"].items() if name}
        assert packages, lock
        assert all(each.get("link") or each["integrity"].startswith("sha512-") for each in packages.values()), lock
    npm = re.compile(r"\bnpm\W+(?:install|i|add|ci)\b")
    places = [*ROOT.glob("*"), *(ROOT / "sandbox").rglob("*.py"), *(ROOT / "tests").rglob("*.py"), *ROOT.glob(".ci/*")]
    asked = [found for path in places if path.is_file() for found in npm.findall(path.read_text(errors="replace"))]
    assert not [found for found in asked if not found.endswith("ci")]


def test_the_audit_does_not_pass_over_what_it_could_not_ask() -> None:
    """Kind: nothing found, since nothing was asked: without --strict pip-audit skips what its data says nothing of."""
    makefile = (ROOT / "Makefile").read_text()
    assert "pip-audit --strict " in makefile
    assert "-r requirements/runtime.txt" in makefile.partition("pip-audit --strict")[2].partition("\n")[0]
