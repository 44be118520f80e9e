"""Imports run down only: server → scheduling → storage → sync, i18n a leaf; and our names mean our packages."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.tree import PACKAGES, ROOT, name, python_files

# What each package may import of ours (DESIGN 1). server/app.py, the composition root, has no wider right than
# the rest of server: it alone *knows* every part, see below.
MAY_IMPORT = {
    "sync": set[str](),
    "i18n": set[str](),
    "storage": {"sync"},
    "scheduling": {"sync", "storage", "i18n"},
    "server": {"sync", "storage", "scheduling", "i18n"},
}
COMPOSITION_ROOT = "server/app.py"
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "base", "common", "manager", "managers", "service", "services"}


def imported(path: Path) -> Iterator[str]:
    """The dotted names of the modules that a file imports, anywhere in it; relative ones made absolute."""
    package = list(path.relative_to(ROOT).parent.parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            yield ".".join([*above, *([node.module] if node.module else [])])


def top(module: str) -> str:
    return module.partition(".")[0]


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_only_what_lies_below_it(package: str) -> None:
    forbidden = set(PACKAGES) - MAY_IMPORT[package] - {package}
    wrong = [
        f"{name(path)} imports {module}"
        for path in python_files(package)
        for module in imported(path)
        if top(module) in forbidden
    ]
    assert not wrong


def test_sync_uses_the_standard_library_only() -> None:
    wrong = [
        f"{name(path)} imports {module}"
        for path in python_files("sync")
        for module in imported(path)
        if top(module) not in sys.stdlib_module_names | {"sync"}
    ]
    assert not wrong


def test_the_house_never_imports_its_tests_or_tools() -> None:
    wrong = [
        f"{name(path)} imports {module}"
        for path in python_files()
        for module in imported(path)
        if top(module) in {"tests", "tools"}
    ]
    assert not wrong


def test_only_the_composition_root_knows_every_part() -> None:
    others = set(PACKAGES) - {"server"}
    know_all = [
        name(path)
        for path in python_files("server")
        if others <= {top(module) for module in imported(path)} and name(path) != COMPOSITION_ROOT
    ]
    assert not know_all


def test_the_contracts_of_import_linter_hold() -> None:
    """The same law, followed through chains of imports; `make lint` runs it too."""
    linted = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache", "--no-logo"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )
    assert linted.returncode == 0, linted.stdout + linted.stderr


@pytest.mark.parametrize("package", PACKAGES)
def test_our_names_mean_our_packages(package: str) -> None:
    """`sync`, `server`… are names that anybody may take: here they must be ours, not tests/sync nor a stranger's."""
    origin = importlib.import_module(package).__file__
    assert origin is not None
    assert Path(origin).resolve() == ROOT / package / "__init__.py"


def test_no_file_has_a_name_that_says_nothing() -> None:
    vague = [
        name(path)
        for path in python_files()
        if VAGUE_NAMES & {path.stem, *path.stem.split("_"), *path.relative_to(ROOT).parts}
    ]
    assert not vague


def test_every_file_says_what_it_is() -> None:
    silent = [
        name(path)
        for path in python_files()
        if path.stat().st_size and not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not silent
