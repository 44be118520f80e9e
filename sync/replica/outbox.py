"""What this device wants the server to know: changes in the order they were made, and the batches they travel in.

A change is queued, sent (in a batch whose answer is awaited), deferred (until the next sync) or settled (kept as a log
for restores). Nothing but a verdict of the server ends its wait (F-02). Knows no rows and no answers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sync.gate import repair_text
from sync.push import MAX_CHANGES
from sync.replica.file import ReplicaFile
from sync.wire import MAX_BODY

MAX_BATCH_BYTES = MAX_BODY - 4096  # of the changes; the rest is for the envelope
MAX_CHANGE_BYTES = MAX_BATCH_BYTES - 128
RESEND_DAYS = 35  # backups of a month, and the day before the oldest (sync-protocol.md 8)

Body = dict[str, Any]


class ChangeTooLarge(ValueError):
    """The change could never travel: its JSON is longer than MAX_CHANGE_BYTES. Nothing was recorded."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Changes exactly as they were or will be sent, under the id that makes a repetition harmless."""

    batch_id: str
    changes: Sequence[Body]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A change of which the server has not said its last word. `state` is queued, sent or deferred."""

    change_id: str
    kind: str
    home: str
    id: str
    state: str


class Outbox:
    """The queue in the replica's file."""

    def __init__(self, file: ReplicaFile) -> None:
        self._file = file

    def add(self, body: Body, base: int) -> None:
        """Queues a change made on version `base`. Raises ChangeTooLarge; ValueError or TypeError for no JSON."""
        # One lone surrogate would make the whole batch invalid UTF-8; half an emoji must not cost a dose.
        text = repair_text(json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")))
        if len(text.encode()) > MAX_CHANGE_BYTES:
            raise ChangeTooLarge(body["kind"])
        self._file.db.execute(
            "INSERT INTO change (change_id, kind, home, id, base, body, together) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (body["change_id"], body["kind"], body["scopes"][0], body["id"], base, text, MAX_CHANGES),
        )

    def waiting(self) -> list[Waiting]:
        """In the order they were made."""
        found = self._file.db.execute(
            "SELECT change_id, kind, home, id, state FROM change WHERE state != 'settled' ORDER BY seq")
        return [Waiting(*line) for line in found]

    def oldest(self) -> int | None:
        """When the oldest waiting change was recorded: milliseconds since 1970, by this device's clock."""
        found = self._file.db.execute(
            "SELECT min(json_extract(body, '$.recorded_at')) FROM change WHERE state != 'settled'").fetchone()
        return None if found[0] is None else int(found[0])

    def wake_deferred(self) -> None:
        """Once per sync: what the server put off is offered again."""
        self._file.db.execute("UPDATE change SET state = 'queued' WHERE state = 'deferred'")

    def next_batch(self, new_id: Callable[[], str]) -> Batch | None:
        """The batch whose answer is still owed, word for word; else a new one, stored before it is sent; else None."""
        with self._file.transaction() as db:
            owed = db.execute("SELECT batch_id, changes FROM batch").fetchone()
            if owed is not None:
                return Batch(owed[0], json.loads(owed[1]))
            changes = list(self._fitting())
            if not changes:
                return None
            batch = Batch(new_id(), [{"i": i, **change} for i, change in enumerate(changes)])
            text = json.dumps(batch.changes, ensure_ascii=False)
            db.execute("INSERT INTO batch VALUES (?, ?)", (batch.batch_id, text))
            db.executemany("UPDATE change SET state = 'sent' WHERE change_id = ?",
                           [(change["change_id"],) for change in changes])
            return batch

    def _fitting(self) -> Iterator[Body]:
        """The oldest queued changes that fit into one batch, by number, by bytes, and by what was refused before."""
        found = self._file.db.execute(
            "SELECT body, base, together FROM change WHERE state = 'queued' ORDER BY seq LIMIT ?", (MAX_CHANGES,))
        room, places = MAX_BATCH_BYTES, MAX_CHANGES
        for taken, (text, base, together) in enumerate(found):
            room -= len(text.encode()) + 48  # for `i`, `base` and the comma
            places = min(places, together)
            if taken and (room < 0 or taken >= places):
                return
            yield {**json.loads(text), "base": base}

    def split(self, batch: Batch) -> Body | None:
        """Takes back a batch that was refused as a whole; its changes will travel under new ids in halves of its size.

        A change that was refused by itself waits for the next sync and is returned: it stands in nobody's way (F-60).
        """
        alone = batch.changes[0] if len(batch.changes) == 1 else None
        state, half = "deferred" if alone else "queued", max(1, len(batch.changes) // 2)
        with self._file.transaction() as db:
            db.execute("DELETE FROM batch WHERE batch_id = ?", (batch.batch_id,))
            db.executemany("UPDATE change SET state = ?, together = ? WHERE change_id = ?",
                           [(state, half, change["change_id"]) for change in batch.changes])
        return alone

    def send_again(self, since_ms: int | None) -> None:
        """After a restore: queues, in their old order and under their old ids, what was settled since (server's clock).

        None means all that is remembered. What was refused stays refused: the person was told.
        """
        self._file.db.execute(
            "UPDATE change SET state = 'queued', shown = 0, outcome = NULL, code = NULL, settled_ms = NULL"
            " WHERE state = 'settled' AND outcome != 'rejected' AND settled_ms >= ?", (since_ms or 0,))
        self._file.db.execute("UPDATE change SET shown = 0 WHERE state = 'settled'")

    def forget_old(self, server_ms: int) -> None:
        """Ends the log where no backup reaches any more. Both times are the server's, for this clock may be wrong."""
        self._file.db.execute("DELETE FROM change WHERE state = 'settled' AND shown = 0 AND settled_ms < ?",
                              (server_ms - RESEND_DAYS * 86_400_000,))
