"""The embedded default from a fresh clone: a folder ./var with database, key and demo accounts (DESIGN.md 6, 8).

Nothing is asked and nothing weak is made: key and passwords are random per install. Knows files and environment; what
the cast does is server/demo_cast.py.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Mapping, MutableMapping
from pathlib import Path

from server.settings import PREFIX
from server.tokens import KEY_BYTES

FOLDER = Path("var")
KEY_FILE = "token_key.txt"
ACCOUNTS_FILE = "demo-accounts.txt"


def environment(folder: Path = Path()) -> dict[str, str]:
    """The process's environment over the lines of `.env`, if there is one."""
    return {**_lines_of(folder / ".env"), **os.environ}


def embedded(environ: Mapping[str, str]) -> dict[str, str]:
    """`environ` with what a first run needs: the folder is made, and a signing key that outlives the process."""
    found: MutableMapping[str, str] = dict(environ)
    FOLDER.mkdir(mode=0o700, exist_ok=True)
    if not found.get(f"{PREFIX}TOKEN_KEY") and not _has_file(found.get(f"{PREFIX}TOKEN_KEY_FILE")):
        key = FOLDER / KEY_FILE
        if not key.exists():
            keep_secret(key, secrets.token_hex(KEY_BYTES))
        found[f"{PREFIX}TOKEN_KEY_FILE"] = str(key)
    return dict(found)


def keep_secret(path: Path, text: str) -> None:
    """Writes a file that only its owner may read, never through another's link."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "w") as file:
        file.write(text)


def accounts_text(accounts: Iterable[tuple[str, str, str, str]]) -> str:
    """The file of demo accounts from (name, part, phone, password)."""
    lines = [f"{name:<28} {phone:<14} {password:<20} {part}" for name, part, phone, password in accounts]
    return "\n".join(["Demo accounts of this install. Log in with phone and password.", "", *lines, ""])


def _has_file(path: str | None) -> bool:
    return bool(path) and Path(str(path)).exists()


def _lines_of(path: Path) -> dict[str, str]:
    """NAME=value lines; `#` begins a comment, quotes around a value are taken off."""
    if not path.is_file():
        return {}
    found = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        name, equals, value = line.strip().partition("=")
        if equals and not name.startswith("#"):
            found[name.strip()] = value.strip().strip("\"'")
    return found
