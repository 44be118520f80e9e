"""Writes revisions by comparing the declared tables with an empty database that was migrated so far.

`python -m storage.migrations.revise "what changes"` writes the next one, to be read and corrected before it is kept.
`python -m storage.migrations.revise --first` writes 0001 anew; only until the first release, when databases exist.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.script import ScriptDirectory

from storage.migrations import config_for, locked, upgrade_now

VERSIONS = Path(__file__).parent / "versions"
FIRST = "0001"


def main(words: list[str]) -> int:
    if len(words) != 1:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    if words[0] == "--first":
        for old in VERSIONS.glob("*.py"):
            old.unlink()
        write(FIRST, "All tables of the first release")
    else:
        head = ScriptDirectory.from_config(config_for()).get_current_head() or "0"
        write(f"{int(head) + 1:04d}", words[0])
    return 0


def write(revision: str, message: str) -> None:
    """Writes versions/<revision>_<message>.py from what the declared tables have more than the revisions so far."""
    with tempfile.TemporaryDirectory() as folder:
        address = f"sqlite:///{folder}/empty.db"
        upgrade_now(address)
        with locked(address) as connection:
            command.revision(config_for(connection), message, autogenerate=True, rev_id=revision)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
