"""`Ledger`: sync.store.Store on a database. The push's transactions, the pull's page, and what a server asks besides.

Knows the port and the connections; SQL stands in postgres_*.py and sqlite_*.py.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from storage.database import Database, Writing
from storage.failpoints import failpoint
from storage.ledger import spelling
from storage.ledger.postgres import PostgresStatements
from storage.ledger.shelf import Catalogue, shelves
from storage.ledger.spelling import dumps
from storage.ledger.sqlite import SqliteStatements
from storage.ledger.statements import Statements
from storage.ledger.tx import LedgerTx
from sync.access import id_in
from sync.record import Key, Row
from sync.store import Held, Page, PageAsk, RowsRead, Tx

MOST_ORD = 2**31 - 1
MOST_SEQ = 2**63 - 1


class Ledger:
    """The store port on PostgreSQL or SQLite. `catalogue` is storage/catalogue.py."""

    def __init__(self, database: Database, catalogue: Catalogue) -> None:
        self.database = database
        self.shelves = shelves(catalogue)
        self.statements: Statements = (
            SqliteStatements(self.shelves) if database.is_sqlite else PostgresStatements(self.shelves)
        )

    def transaction(self) -> AbstractAsyncContextManager[Tx]:
        """Committed at the end of the block if `write` was done, else rolled back: a replay leaves nothing."""
        return self._transaction()

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[LedgerTx]:
        async with self.database.writing() as writing:
            tx = self.join(writing)
            yield tx
            if tx.written:
                await failpoint("push.before_commit")
            else:
                writing.abandon()
        if tx.written:
            await failpoint("push.after_commit")

    def join(self, writing: Writing) -> LedgerTx:
        """A push inside somebody's transaction: registration writes account and rows, or neither (F-55). One per
        transaction, before or after other statements; the owner of `writing` commits."""
        return LedgerTx(self.statements, self.shelves, writing)

    async def page(self, ask: PageAsk) -> Page:
        async with self.database.glancing() as reading:
            raw = await self.statements.page(reading.driver, dumps(_page_doc(ask)))
        held = [Held(ord_, spelling.member_of(member), head, floor) for member, ord_, head, floor in raw.held]
        entries = [spelling.entry_of(one) for one in raw.entries]
        return Page(spelling.who_of(raw.who), raw.epoch, held, entries, frozenset(raw.reached), raw.names,
                    raw.resend_since)

    async def rows(self, user: str, keys: Sequence[Key], now: str) -> RowsRead:
        """Rows by key, tombstones too, and the reader's active memberships in the same snapshot."""
        wanted: dict[str, list[dict[str, str]]] = {}
        for key in keys:
            if self.shelves[key.kind].fits_key(key):
                wanted.setdefault(key.kind, []).append({"home": id_in(key.home), "id": key.id})
        kinds = tuple(sorted(wanted))
        async with self.database.glancing() as reading:
            found = await self.statements.rows(reading.driver, kinds, dumps({"user_id": user, "now": now, **wanted}))
        views: dict[str, int] = {}
        rows: dict[Key, Row] = {}
        for tag, value in found:
            if tag == "view":
                views[value[0]] = value[1]
            else:
                row = self.shelves[tag].row_of(value)
                rows[row.key] = row
        return RowsRead(rows, views)

    async def note_removed(self, user: str, device: str, told: Sequence[str], purged: Sequence[str], now: str) -> None:
        """Keeps that this device heard that these scopes are gone, and that it has deleted those rows."""
        doc = {"user_id": user, "device_id": device, "now": now, "told": told, "purged": purged}
        async with self.database.writing() as writing:
            await self.statements.note_removed(writing.driver, dumps(doc))


def _page_doc(ask: PageAsk) -> dict[str, Any]:
    starts = {start.ord: start for start in ask.starts if start.ord <= MOST_ORD}  # a forged cursor may repeat itself
    return {
        "user_id": ask.user, "session_id": ask.session, "now": ask.now, "lim": ask.limit, "readable": ask.readable,
        "scopes": None if ask.scopes is None else sorted(ask.scopes),
        "starts": [{"ord": start.ord, "view_version": start.view_version, "seq": min(start.seq, MOST_SEQ),
                    "floor": min(start.floor, MOST_SEQ)}
                   for start in starts.values()],
    }
