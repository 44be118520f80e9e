"""Forgets old tombstones, and raises the floor of their scope in the same transaction, under the scope's lock (R-202).

Never one without the other: a phone that was away for longer would keep ghosts (sync-protocol 12). Only the places in
the ledger go, the buried rows stay: a dose that is made again under its computed id must not start from version 1, or
phones that hold a higher one would not believe it (P09).
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import delete, select, true, update

from storage.database import Database, Writing
from storage.ledger.shelf import Shelf
from storage.tables import ledger, scope
from sync.access import id_in

TOMBSTONE_DAYS = 180
AT_ONCE = 1_000  # of one scope in one transaction: its lock is held meanwhile


async def purge(database: Database, shelves: Mapping[str, Shelf], before: str) -> int:
    """Forgets tombstones of rows that were deleted before this canonical instant; returns how many ledger entries."""
    async with database.reading() as reading:
        found = await reading.execute(select(ledger.c.scope_ord).where(ledger.c.deleted == true()).distinct())
        ords = [row.scope_ord for row in found]
    forgotten = 0
    for ord_ in sorted(ords):
        after = 0
        while True:
            async with database.writing() as writing:
                last, gone = await _purge_some(writing, shelves, ord_, after, before)
            forgotten += gone
            if last is None:
                break
            after = last
    return forgotten


async def _purge_some(
    writing: Writing, shelves: Mapping[str, Shelf], ord_: int, after: int, before: str
) -> tuple[int | None, int]:
    """(the last number looked at, or None at the end; how many were forgotten)."""
    await writing.execute(select(scope.c.ord).where(scope.c.ord == ord_).with_for_update())
    looked = (await writing.execute(
        select(ledger.c.seq, ledger.c.kind, ledger.c.home, ledger.c.id)
        .where(ledger.c.scope_ord == ord_, ledger.c.deleted == true(), ledger.c.seq > after)
        .order_by(ledger.c.seq).limit(AT_ONCE)
    )).all()
    if not looked:
        return None, 0
    seqs: list[int] = []
    places: dict[tuple[str, str], dict[str, int]] = {}
    for seq, kind, home, id_ in looked:
        places.setdefault((kind, home), {})[id_] = seq
    for (kind, home), ids in places.items():
        seqs += [ids[id_] for id_ in await _old(writing, shelves[kind], home, list(ids), before)]
    if seqs:
        await writing.execute(delete(ledger).where(ledger.c.scope_ord == ord_, ledger.c.seq.in_(seqs)))
        floor = max(seqs)
        await writing.execute(update(scope).where(scope.c.ord == ord_, scope.c.floor < floor).values(floor=floor))
    return looked[-1].seq, len(seqs)


async def _old(writing: Writing, shelf: Shelf, home: str, ids: list[str], before: str) -> list[str]:
    """Ids among these whose rows have been tombstones since before."""
    table = shelf.table
    old = (table.c[shelf.home.column] == id_in(home), table.c.id.in_(ids), table.c.deleted == true(),
           table.c.changed_at < before)
    return [row.id for row in await writing.execute(select(table.c.id).where(*old))]
