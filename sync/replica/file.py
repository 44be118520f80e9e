"""The SQLite file of one replica: its tables, its owner, its transactions and small settings.

One file belongs to one account on one device (R-015): it opens for nobody else (F-23). Knows no rules of syncing.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

FORMAT = "1"
EPOCH = "epoch"  # setting: the server's incarnation that last answered

# `change.shown` is the version until whose arrival a settled change still lies over its row; `together` the largest
# batch it may travel in. `holding` says through which scopes a row is held; `pending` marks wait for a confirmation.
SCHEMA = """
CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE change (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, change_id TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, home TEXT NOT NULL,
    id TEXT NOT NULL, base INTEGER NOT NULL, body TEXT NOT NULL, state TEXT NOT NULL DEFAULT 'queued',
    together INTEGER NOT NULL, shown INTEGER NOT NULL DEFAULT 0, outcome TEXT, code TEXT, settled_ms INTEGER
);
CREATE INDEX change_row ON change (kind, home, id);
CREATE INDEX change_state ON change (state, seq);
CREATE TABLE batch (batch_id TEXT PRIMARY KEY, changes TEXT NOT NULL);
CREATE TABLE refusal (
    change_id TEXT PRIMARY KEY, kind TEXT NOT NULL, home TEXT NOT NULL, id TEXT NOT NULL, outcome TEXT NOT NULL,
    code TEXT NOT NULL, details TEXT NOT NULL, fields TEXT NOT NULL
);
CREATE TABLE scope (name TEXT PRIMARY KEY, role TEXT NOT NULL, pending INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE TABLE purged (name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE told (
    kind TEXT NOT NULL, home TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL, deleted INTEGER NOT NULL,
    body TEXT, PRIMARY KEY (kind, home, id)
) WITHOUT ROWID;
CREATE TABLE holding (
    scope TEXT NOT NULL, kind TEXT NOT NULL, home TEXT NOT NULL, id TEXT NOT NULL, pending INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (scope, kind, home, id)
) WITHOUT ROWID;
CREATE INDEX holding_row ON holding (kind, home, id);
"""


class ForeignReplica(Exception):
    """The file belongs to another account or another device; nothing of it was read (F-23)."""


class ReplicaFile:
    """One open file, or `:memory:`. Not for several threads at once."""

    def __init__(self, path: str, account: str, device: str) -> None:
        """Opens or makes the file. Raises ForeignReplica."""
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.execute("PRAGMA journal_mode = WAL")
        # FULL: a recorded dose outlives a battery pulled a moment later (F-02)
        self.db.execute("PRAGMA synchronous = FULL")
        # what a revocation takes away is overwritten, not merely unlinked (P07)
        self.db.execute("PRAGMA secure_delete = ON")
        try:
            self._claim({"format": FORMAT, "account": account, "device": device})
        except ForeignReplica:
            self.db.close()
            raise

    def _claim(self, owner: dict[str, str]) -> None:
        with self.transaction() as db:
            if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'setting'").fetchone():
                for statement in SCHEMA.split(";"):
                    db.execute(statement)
                for name, value in owner.items():
                    self.set(name, value)
        if any(self.get(name) != value for name, value in owner.items()):
            raise ForeignReplica

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing. One inside another is part of the outer one."""
        if self.db.in_transaction:
            yield self.db
            return
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield self.db
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")

    def get(self, name: str) -> str | None:
        found = self.db.execute("SELECT value FROM setting WHERE name = ?", (name,)).fetchone()
        return None if found is None else str(found[0])

    def set(self, name: str, value: str | None) -> None:
        """None forgets the setting."""
        if value is None:
            self.db.execute("DELETE FROM setting WHERE name = ?", (name,))
        else:
            self.db.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (name, value))

    def erase_traces(self) -> None:
        """Empties the write-ahead log, where deleted rows would linger until SQLite happens to reuse it (P07)."""
        self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def close(self) -> None:
        self.db.close()
