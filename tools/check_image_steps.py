"""Runs the builder stage of the Dockerfile by hand, in a clean folder, and starts what it made. Needs no container.

What this cannot show: that the base image exists and that the final stage's account and paths behave. Usage:
`python -m tools.check_image_steps` (a minute; needs the package index).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
BUILD_TOOLS = ("pip", "setuptools", "wheel", "pytest", "mypy", "ruff")


class Instruction(NamedTuple):
    """One instruction of a Dockerfile, its continued lines joined."""

    keyword: str
    rest: str


def stages(text: str) -> dict[str, list[Instruction]]:
    """Name of a stage → its instructions after FROM, in order."""
    joined = re.sub(r"\\\n\s*", "", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE))
    found: dict[str, list[Instruction]] = {}
    current: list[Instruction] = []
    for line in filter(None, map(str.strip, joined.splitlines())):
        keyword, _, rest = line.partition(" ")
        if keyword == "FROM":
            current = found.setdefault(rest.partition(" AS ")[2], [])
        elif found:
            current.append(Instruction(keyword, rest.strip()))
    return found


def build(root: Path, python: Path) -> None:
    """Runs WORKDIR, COPY, ENV and RUN of the builder stage with `root` in place of /."""
    environment = {
        "PATH": f"{python.parent}:/usr/bin:/bin", "HOME": str(root), "LC_ALL": "C.UTF-8",
        **{name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "HTTP", "http"))},
    }
    folder = root
    for keyword, rest in stages((ROOT / "Dockerfile").read_text())["builder"]:
        if keyword == "WORKDIR":
            folder = root / rest.lstrip("/")
            folder.mkdir(parents=True)
        elif keyword == "ENV":
            environment |= dict(pair.split("=", 1) for pair in rest.split())
        elif keyword == "COPY":
            copy(rest.split(), folder)
        elif keyword == "RUN":
            script = re.sub(r"(?<![\w.])/(build|opt)/", rf"{root}/\1/", rest)
            subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=folder, env=environment, check=True)
        else:
            raise ValueError(f"The builder stage has an instruction that this check cannot run: {keyword}")


def copy(words: list[str], folder: Path) -> None:
    """COPY source… destination: a folder's content goes into the destination, files go under their names."""
    *sources, destination = words
    for source in (ROOT / word for word in sources):
        if source.is_dir():
            shutil.copytree(source, folder / destination, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        else:
            shutil.copy(source, folder / destination)


def check(environment: Path, elsewhere: Path) -> None:
    """The environment holds our packages and console script, and none of the tools that built it."""
    python = environment / "bin/python"
    clean = {"PATH": f"{environment / 'bin'}:/usr/bin:/bin", "LC_ALL": "C.UTF-8", "HOME": str(elsewhere)}
    for package in ("sync", "storage", "scheduling", "server", "i18n"):
        program = f"import {package}; print({package}.__file__)"
        told = subprocess.run(
            [python, "-c", program], cwd=elsewhere, env=clean, check=True, capture_output=True, text=True
        )
        if not Path(told.stdout.strip()).is_relative_to(environment):
            raise SystemExit(f"{package} comes from {told.stdout.strip()}, not from the image's environment")
    for tool in BUILD_TOOLS:
        found = subprocess.run(
            [python, "-c", f"import {tool}"], cwd=elsewhere, env=clean, check=False, capture_output=True
        )
        if found.returncode == 0:
            raise SystemExit(f"{tool} is in the final image's environment")
    subprocess.run([environment / "bin/dastern", "--help"], cwd=elsewhere, env=clean, check=True)


def main() -> None:
    base = Path(tempfile.mkdtemp(prefix="dastern-image-"))
    try:
        build(base, Path(sys.base_prefix) / "bin" / "python3")
        elsewhere = base / "elsewhere"
        elsewhere.mkdir()
        check(base / "opt/dastern", elsewhere)
        print("The image's steps hold: the environment is complete, the console script starts, no build tool is in it.")
    finally:
        shutil.rmtree(base)


if __name__ == "__main__":
    main()
