"""What a page of a pull does: grants, rebuilds, losses, rows, cursor, in one transaction (sync-protocol.md 6, 7).

A scope that is sent from its beginning has its rows marked; those that arrive are confirmed, the others go once the
last page is here. Unsent work is never touched. Knows the answer's members; never the network.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sync.record import Key
from sync.replica.file import EPOCH, ReplicaFile
from sync.replica.outbox import Outbox
from sync.replica.rows import Rows
from sync.values import ms_of, parse_instant

Body = dict[str, Any]

CURSOR, AFRESH = "cursor", "afresh"  # settings; `afresh` while everything is being sent anew


class Pages:
    """Takes pages into the replica's file."""

    def __init__(self, file: ReplicaFile, outbox: Outbox, rows: Rows) -> None:
        self._file = file
        self._outbox = outbox
        self._rows = rows

    @property
    def cursor(self) -> str | None:
        return self._file.get(CURSOR)

    def purged(self) -> list[str]:
        """Lost scopes whose rows are gone from here, and of which the server does not know that yet."""
        return [name for (name,) in self._file.db.execute("SELECT name FROM purged ORDER BY name")]

    def erase_traces(self) -> None:
        """Before a purge is confirmed: what was deleted is gone from the file, too."""
        self._file.erase_traces()

    def take(self, page: Body, confirmed: Sequence[str]) -> bool:
        """Takes one page in. `confirmed` are the purged scopes its request named. True for a resync: the server was
        restored from a backup, and what was recorded since waits in the outbox again (F-64)."""
        with self._file.transaction() as db:
            db.executemany("DELETE FROM purged WHERE name = ?", [(name,) for name in confirmed])
            resync = self._resync(page)
            if resync is not None:
                self._start_anew(resync)
                return True
            self._hear_of_scopes(page["scopes"])
            for change in page["changes"]:
                key = Key(change["kind"], change["home"], change["id"])
                body = change["row"] if change["op"] == "put" else None
                self._rows.tell(key, change["version"], body, change["scopes"], confirms=True)
            self._file.set(CURSOR, page["cursor"])
            if not page["has_more"]:
                self._finish()
        return False

    def _resync(self, page: Body) -> Body | None:
        """The server's word that it was restored; or ours, for a null cursor does not say which epoch we come from."""
        known, epoch = self._file.get(EPOCH), page["epoch"]
        self._file.set(EPOCH, epoch)
        told: Body | None = page.get("resync")
        return {} if told is None and known not in (None, epoch) else told

    def _start_anew(self, resync: Body) -> None:
        since = resync.get("resend_since")
        self._outbox.send_again(None if since is None else ms_of(parse_instant(since)))
        # versions of the old epoch say nothing about those of the new one, which may be lower
        self._file.db.execute("UPDATE told SET version = 0")
        self._file.set(CURSOR, None)
        self._doubt_everything()

    def _doubt_everything(self) -> None:
        self._file.set(AFRESH, "1")
        self._file.db.execute("UPDATE scope SET pending = 1")
        self._file.db.execute("UPDATE holding SET pending = 1")

    def _hear_of_scopes(self, scopes: Body) -> None:
        db = self._file.db
        known = self._rows.scopes()
        # A held scope that is announced as new means that the server could not read the cursor and began from zero.
        if self._file.get(AFRESH) is None and any(scope["name"] in known for scope in scopes["added"]):
            self._doubt_everything()
        for scope in (*scopes["added"], *scopes["rebuilt"]):
            db.execute("INSERT OR REPLACE INTO scope VALUES (?, ?, 0)", (scope["name"], scope["role"]))
            db.execute("UPDATE holding SET pending = 1 WHERE scope = ?", (scope["name"],))
        for scope in scopes["removed"]:
            self._forget(scope["name"])

    def _finish(self) -> None:
        """The last page: what was announced and did not arrive is not there any more."""
        db = self._file.db
        for (name,) in db.execute("SELECT name FROM scope WHERE pending").fetchall():
            self._forget(name)
        db.execute("DELETE FROM holding WHERE pending")
        self._drop_unheld()
        db.execute("UPDATE change SET shown = 0 WHERE state = 'settled'")  # by now they stand in told rows
        self._file.set(AFRESH, None)

    def _forget(self, scope: str) -> None:
        """Purges a lost scope: its rows held through nothing else, its log, the content of its refusals (P07)."""
        db = self._file.db
        db.execute("DELETE FROM scope WHERE name = ?", (scope,))
        db.execute("DELETE FROM holding WHERE scope = ?", (scope,))
        self._drop_unheld()
        db.execute("DELETE FROM change WHERE home = ? AND state = 'settled'", (scope,))
        db.execute("UPDATE refusal SET fields = '{}' WHERE home = ?", (scope,))
        db.execute("INSERT OR IGNORE INTO purged VALUES (?)", (scope,))

    def _drop_unheld(self) -> None:
        self._file.db.execute(
            "DELETE FROM told WHERE NOT EXISTS (SELECT 1 FROM holding AS h WHERE h.kind = told.kind"
            " AND h.home = told.home AND h.id = told.id)")
