"""What belongs to the project: its root, its packages, its files as git would commit them."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("sync", "storage", "scheduling", "server", "i18n")


@cache
def files() -> tuple[Path, ...]:
    """Every file that git holds or would take, absolute; from a tree without git, every file outside hidden folders."""
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=False, env=os.environ | {"GIT_OPTIONAL_LOCKS": "0"},
    )
    if listed.returncode == 0:
        found = [ROOT / name for name in listed.stdout.split("\0") if name]
    else:
        found = [path for path in ROOT.rglob("*") if not _is_hidden(path.relative_to(ROOT))]
    return tuple(sorted(path for path in found if path.is_file()))


def _is_hidden(path: Path) -> bool:
    made = {".git", ".venv", "var", "build", "__pycache__"}
    return any(part in made or part.endswith("_cache") for part in path.parts)


def python_files(*packages: str) -> list[Path]:
    """The Python files of the named packages (of all five when none is named)."""
    roots = tuple(ROOT / name for name in packages or PACKAGES)
    return [path for path in files() if path.suffix == ".py" and any(root in path.parents for root in roots)]


def name(path: Path) -> str:
    """A file's path from the root, for messages."""
    return path.relative_to(ROOT).as_posix()
