"""The lowest safe versions of what we depend on (hardening 2.1), held against the lock files and this environment."""

from __future__ import annotations

import configparser
import re
from importlib.metadata import PackageNotFoundError, version

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.house.tree import ROOT

# A copy of the table in hardening 2.1. A row about a package that is not locked yet waits for it.
FLOORS = {
    "aiohttp": "3.14.5",  # CVE-2026-128131, -123817, -111750 and those before
    "python-socketio": "5.18.1",  # CVE-2025-61765, CVE-2026-48804
    "python-engineio": "4.15.1",
    "pyjwt": "2.15.1",  # CVE-2026-102266 to -102275, -48526, -32597, CVE-2022-29217
    "redis": "8.1.0",  # CVE-2023-28858, -28859
    "sqlalchemy": "2.1.9",
    "psycopg": "3.3.9",
    "aiosqlite": "0.22.1",
    "argon2-cffi": "25.1.0",
    "minio": "7.2.20",
    "pillow": "13.0.0",
    "weasyprint": "70.0",  # CVE-2025-68616, CVE-2026-49452, CVE-2026-55073
}
# Private methods of theirs are overridden: an upgrade is a decision, never an accident.
PINNED_EXACTLY = {"python-socketio", "python-engineio"}
LOCKS = ("requirements.lock", "requirements-test.lock", "requirements-build.lock")
LOCKED_LINE = re.compile(r"^(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==(?P<version>[^\s;\\]+)", re.MULTILINE)


def locked(lock: str) -> dict[str, list[Version]]:
    """Package → its versions in a lock file (several when platforms or Pythons differ)."""
    found: dict[str, list[Version]] = {}
    for match in LOCKED_LINE.finditer((ROOT / lock).read_text()):
        found.setdefault(canonicalize_name(match["name"]), []).append(Version(match["version"]))
    return found


def declared() -> dict[str, Requirement]:
    """Package → its requirement in setup.cfg."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    lines = [parser["options"]["install_requires"], *parser["options.extras_require"].values()]
    requirements = [Requirement(line) for block in lines for line in block.splitlines() if line.strip()]
    return {canonicalize_name(requirement.name): requirement for requirement in requirements}


@pytest.mark.parametrize("lock", LOCKS)
def test_no_locked_version_lies_below_its_floor(lock: str) -> None:
    below = {
        package: str(found)
        for package, versions in locked(lock).items()
        for found in versions
        if package in FLOORS and found < Version(FLOORS[package])
    }
    assert not below


def test_the_floors_speak_of_packages_that_are_really_locked() -> None:
    assert len(FLOORS.keys() & locked("requirements.lock").keys()) >= 9


def test_no_installed_version_lies_below_its_floor() -> None:
    below = {}
    for package, floor in FLOORS.items():
        try:
            found = version(package)
        except PackageNotFoundError:
            continue
        if Version(found) < Version(floor):
            below[package] = found
    assert not below


def test_what_is_installed_is_what_is_locked() -> None:
    """Else `make test` would prove something about versions that nobody else gets."""
    differing = {}
    for package, versions in locked("requirements.lock").items():
        try:
            found = Version(version(package))
        except PackageNotFoundError:
            continue  # of another platform
        if found not in versions:
            differing[package] = (str(found), [str(each) for each in versions])
    assert not differing


def test_setup_cfg_admits_no_version_below_a_floor() -> None:
    admitted = [
        package
        for package, requirement in declared().items()
        if package in FLOORS and any(requirement.specifier.contains(low) for low in _just_below(FLOORS[package]))
    ]
    assert not admitted


def _just_below(floor: str) -> list[str]:
    release = Version(floor).release
    lower = list(release)
    for place in reversed(range(len(lower))):
        if lower[place]:
            lower[place] -= 1
            break
    return [".".join(map(str, lower)), f"{floor}rc1", "0.0.1"]


@pytest.mark.parametrize("package", sorted(PINNED_EXACTLY))
def test_packages_whose_private_methods_we_override_are_pinned_exactly(package: str) -> None:
    assert str(declared()[package].specifier) == f"=={FLOORS[package]}"


def test_the_test_lock_repeats_the_versions_of_the_server() -> None:
    server, tests = locked("requirements.lock"), locked("requirements-test.lock")
    assert {package: tests.get(package) for package in server} == server


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_hashes(lock: str) -> None:
    blocks = re.split(r"\n(?=[A-Za-z0-9])", (ROOT / lock).read_text().strip())
    assert blocks
    assert [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block] == []


def test_every_declared_dependency_is_locked() -> None:
    everything = {package for lock in LOCKS for package in locked(lock)}
    # The backport is for Pythons older than we support: honoured, never installed (DESIGN 7).
    assert declared().keys() - everything == {"backports-zoneinfo"}


def test_every_build_tool_stays_out_of_the_servers_lock() -> None:
    assert not {"pip", "setuptools", "wheel", "pytest", "ruff", "mypy", "uv"} & locked("requirements.lock").keys()
