"""What the answer to a batch does: every verdict but `deferred` ends a change's wait (sync-protocol.md 5).

Knows outcomes and what a device does about each; never the network.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sync.clock import is_hlc, ms_in
from sync.record import Key, Outcome
from sync.replica.file import EPOCH, ReplicaFile
from sync.replica.outbox import Batch, Outbox
from sync.replica.rows import Rows

Body = dict[str, Any]

STANDS = frozenset({Outcome.APPLIED, Outcome.DUPLICATE, Outcome.MERGED})
LOST = frozenset({Outcome.REJECTED, Outcome.SUPERSEDED})
FINAL = frozenset(Outcome) - {Outcome.DEFERRED}


@dataclass(frozen=True, slots=True)
class Refusal:
    """A change that did not stay, kept for its author (R-200). `sentence` is the catalogue's key for the reason.

    One whose outcome is `deferred` was refused as a batch of its own and still waits.
    """

    change_id: str
    kind: str
    home: str
    id: str
    outcome: str
    code: str
    details: list[Body]
    fields: Body

    @property
    def sentence(self) -> str:
        return f"{'error' if self.outcome == Outcome.DEFERRED else 'outcome'}.{self.code}"


class Verdicts:
    """Carries out answers in the replica's file, one transaction each."""

    def __init__(self, file: ReplicaFile, outbox: Outbox, rows: Rows) -> None:
        self._file = file
        self._outbox = outbox
        self._rows = rows

    def carry_out(self, batch: Batch, answer: Body, now_ms: int) -> Counter[str]:
        """Settles a batch and counts its outcomes. A change the answer forgot, or whose outcome is none this device
        knows, is kept like a deferred one: only a clear word may end its wait (F-02)."""
        results = {result.get("change_id") or result.get("i"): result for result in answer["results"]}
        hlc = answer.get("hlc")
        server_ms = ms_in(hlc) if isinstance(hlc, str) and is_hlc(hlc) else now_ms
        counted: Counter[str] = Counter()
        with self._file.transaction() as db:
            for change in batch.changes:
                result = results.get(change["change_id"]) or results.get(change["i"]) or {}
                outcome = str(result.get("outcome", Outcome.DEFERRED))
                counted[outcome] += 1
                if outcome in FINAL:
                    self._settle(change, result, Outcome(outcome), server_ms)
                else:
                    db.execute("UPDATE change SET state = 'deferred' WHERE change_id = ?", (change["change_id"],))
            db.execute("DELETE FROM batch WHERE batch_id = ?", (batch.batch_id,))
            if self._file.get(EPOCH) is None:  # a restore before the first page must be noticed too (F-64)
                self._file.set(EPOCH, answer.get("epoch"))
            self._outbox.forget_old(server_ms)
        return counted

    def _settle(self, change: Body, result: Mapping[str, Any], outcome: Outcome, server_ms: int) -> None:
        key = Key(change["kind"], change["scopes"][0], change["id"])
        version, row = int(result.get("version") or 0), result.get("row")
        self._file.db.execute(
            "UPDATE change SET state = 'settled', outcome = ?, code = ?, shown = ?, settled_ms = ? WHERE change_id = ?",
            (outcome, result.get("code"), version if outcome in STANDS else 0, server_ms, change["change_id"]))
        if outcome in (Outcome.APPLIED, Outcome.DUPLICATE):
            self._move_bases(key, change["change_id"], version)
        if row is not None and row.get("id") == change["id"]:
            self._rows.tell(key, row["version"], None if row.get("deleted") else row, change["scopes"], confirms=False)
        self._file.db.execute("DELETE FROM refusal WHERE change_id = ?", (change["change_id"],))
        if outcome in LOST:
            self.refuse(change, outcome, str(result.get("code")), result.get("details") or [])

    def _move_bases(self, key: Key, change_id: str, version: int) -> None:
        """Later changes of this row were made on what this one left, if it followed directly on what its author saw.

        Otherwise somebody else's edit lies between, which the later ones' author has not seen: taking the version as
        their base would let an undo retract another's dose (DESIGN.md 11, first story).
        """
        self._file.db.execute(
            "UPDATE change SET base = max(base, :version) WHERE kind = :kind AND home = :home AND id = :id"
            " AND state != 'settled' AND seq > (SELECT seq FROM change WHERE change_id = :change_id)"
            " AND (SELECT base FROM change WHERE change_id = :change_id) = :version - 1",
            {"version": version, "kind": key.kind, "home": key.home, "id": key.id, "change_id": change_id})

    def refuse(self, change: Body, outcome: str, code: str, details: list[Body]) -> None:
        """Keeps a lost change where its author can find it."""
        self._file.db.execute(
            "INSERT OR REPLACE INTO refusal VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (change["change_id"], change["kind"], change["scopes"][0], change["id"], outcome, code,
             json.dumps(details, ensure_ascii=False), json.dumps(change["fields"], ensure_ascii=False)))

    def refusals(self) -> list[Refusal]:
        """In the order they came."""
        found = self._file.db.execute("SELECT * FROM refusal ORDER BY rowid")
        return [Refusal(change_id, kind, home, id_, outcome, code, json.loads(details), json.loads(fields))
                for change_id, kind, home, id_, outcome, code, details, fields in found]

    def dismiss(self, change_id: str) -> None:
        """The author has read it."""
        self._file.db.execute("DELETE FROM refusal WHERE change_id = ?", (change_id,))
