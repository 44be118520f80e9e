"""Faults planted on purpose in what travels and who is told: cursors, views, pokes, commits, purges, phones.

A fault patches one name for the length of a block: what a net is worth shows in what it catches. Which net catches
which fault stands in test_planted_faults.py and tests/README.md; faults of merging are in merge_faults.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from sync import kind, memory, plan, pull, push, working
from sync.access import ALL, Role
from sync.gate import read_json
from sync.memory import MemoryStore, MemoryTx
from sync.record import Row
from sync.replica.file import EPOCH
from sync.replica.outbox import Outbox
from sync.replica.pages import Pages
from sync.wire import MAX_BODY, read_push
from sync.working import Working
from tests.worlds import backend
from tests.worlds.network import Mast


def acknowledge_before_commit() -> Any:
    """Every seventh push is answered as settled, and then its transaction is lost."""
    count = [0]
    honest = MemoryTx.write

    async def write(self: MemoryTx, writes: Any) -> None:
        count[0] += 1
        if count[0] % 7:
            await honest(self, writes)

    return patch.object(MemoryTx, "write", write)


def naive_cursor() -> Any:
    """The page is cut first and filtered afterwards, so a short page looks like the last one."""

    def behind(self: MemoryStore, held: Any, after: int, ask: Any) -> list[Any]:
        found = sorted((e for (o, _), e in self.state.ledger.items() if o == held.ord and e.seq > after),
                       key=lambda e: e.seq)[: ask.limit]
        kinds = ask.readable.get(str(held.membership.role), ())
        return [e for e in found if e.kind in kinds and held.membership.view.shows(e.part, e.day)]

    return patch.object(MemoryStore, "_behind", behind)


def poke_before_commit() -> Any:
    """The edge announces inside the transaction, where a pull still sees the old heads."""

    async def early(self: Mast, text: bytes) -> dict[str, Any]:
        body = read_json(text, max_bytes=MAX_BODY)
        pushed = read_push(body, user=self.user, device=self.device, session=self.session)
        async with self.store.transaction() as tx:
            settlement = await push.push(tx, self.kinds, self.rules, pushed, self.now_ms())
            await self.watch.announced(settlement)
        return {**settlement.as_json(), "server_now": self.now_ms()}

    return patch.object(Mast, "_push", early)


def poke_for_a_replay() -> Any:
    """A replayed batch is announced again."""
    honest = push._again

    async def again(*args: Any) -> Any:
        return replace(await honest(*args), heads={"user:x": 1})

    return patch.object(push, "_again", again)


def replay_without_membership_check() -> Any:
    """A stored answer tells its winner rows as they are, whoever may see them today."""

    def told(work: Working, results: Any) -> dict[Any, Any]:
        keys = [result.key for result in results if result.key is not None and result.tells_row]
        rows = {key: work.row(key.kind, key.home, key.id) for key in keys}
        return {key: work.kinds[key.kind].told(row, ALL) for key, row in rows.items() if row is not None}

    return patch.object(push, "rows_told", told)


def winners_told_outside_the_view() -> Any:
    """Push answers tell the winner without asking which prescriptions its reader was shown."""

    def view_of(work: Working, kind_: Any, row: Row) -> Any:
        return ALL if any(work.membership(work.author.user, scope) for scope in row.scopes) else None

    return patch.object(plan, "view_of", view_of)


def view_version_not_raised() -> Any:
    """A membership changes its view, and devices are not told to build the scope anew."""
    honest = working.Working.grant

    def grant(self: Working, user: str, scope: str, role: Role, view: Any, expires_at: str | None = None) -> None:
        before = self.membership(user, scope)
        honest(self, user, scope, role, view, expires_at)
        after = self.membership(user, scope)
        if before is not None and after is not None and before.ended_at is None:
            self._hold(replace(after, view_version=before.view_version))

    return patch.object(working.Working, "grant", grant)


def tombstones_sent_as_nothing() -> Any:
    """A deleted row simply does not come any more."""
    honest = pull._Turn.fill

    def fill(self: Any, read: Any) -> None:
        honest(self, read)
        self.changes = [change for change in self.changes if change["op"] == "put"]

    return patch.object(pull._Turn, "fill", fill)


def purge_restarts_versions() -> Any:
    """A purged tombstone takes its row along, and the same dose begins at version 1 again (found by a world)."""
    honest = memory.tombstones_purged

    def purged(store: MemoryStore, before: str) -> None:
        honest(store, before)
        kept = {key for _, key in store.state.ledger}
        store.state.rows = {key: row for key, row in store.state.rows.items() if not row.deleted or key in kept}

    return patch.object(backend, "tombstones_purged", purged)


def purge_without_floor() -> Any:
    """Tombstones go, and nobody who was away is told to begin anew."""

    def purged(store: MemoryStore, before: str) -> None:
        for place, entry in list(store.state.ledger.items()):
            if entry.deleted:
                del store.state.ledger[place]

    return patch.object(backend, "tombstones_purged", purged)


@contextmanager
def snapshot_restarts_below_the_floor() -> Iterator[None]:
    """A first sync whose page ends below the floor begins from zero for ever (found by a world)."""

    def fresh(one: Any, start: Any) -> bool:
        return start is None or start.view_version != one.membership.view_version or start.seq < one.floor

    with patch.object(memory, "after_of", lambda one, start: 0 if fresh(one, start) else start.seq), \
            patch.object(pull._Turn, "_is_fresh", staticmethod(fresh)):
        yield


def revocation_keeps_the_membership() -> Any:
    """The connection says revoked, and the scope stays open."""
    return patch.object(working.Working, "end", lambda self, user, scope: None)


def private_line_told() -> Any:
    """The mask is forgotten."""
    honest = kind.Kind.told
    return patch.object(kind.Kind, "told", lambda self, row, view: honest(self, row, replace(view, hidden=frozenset())))


def phone_forgets_what_it_sent() -> Any:
    """A batch without an answer is taken for delivered (F-02)."""
    honest = Outbox.next_batch

    def next_batch(self: Outbox, new_id: Any) -> Any:
        self._file.db.executescript("DELETE FROM change WHERE state = 'sent'; DELETE FROM batch")
        return honest(self, new_id)

    return patch.object(Outbox, "next_batch", next_batch)


def restore_noticed_by_cursor_alone() -> Any:
    """A phone without a cursor does not see that the server is another incarnation (found by a world)."""

    def resync(self: Pages, page: dict[str, Any]) -> Any:
        self._file.set(EPOCH, page["epoch"])
        return page.get("resync")

    return patch.object(Pages, "_resync", resync)
