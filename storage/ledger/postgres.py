"""Runs the ledger's texts on psycopg's own connection, prepared, with one JSON parameter each.

Texts are made once per shape and kept. Knows psycopg; never what the rows mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg import AsyncConnection, AsyncRawCursor
from psycopg.errors import UniqueViolation

from storage.faults import Overtaken
from storage.ledger import postgres_page as page_text
from storage.ledger import postgres_text as text
from storage.ledger.shelf import Shelf
from storage.ledger.spelling import ENTRY, JOURNAL, MEMBER, loads
from storage.ledger.statements import RawClaim, RawPage, ReadShape, WriteShape


class PostgresStatements:
    def __init__(self, shelves: Mapping[str, Shelf]) -> None:
        self._shelves = shelves
        self._reads: dict[ReadShape, str] = {}
        self._writes: dict[WriteShape, str] = {}
        self._rows: dict[tuple[str, ...], str] = {}

    async def claim(self, driver: AsyncConnection[Any], doc: str) -> RawClaim:
        ((new, who, epoch, scopes),) = await _run(driver, text.CLAIM, doc)
        return RawClaim(bool(new), who and loads(who), epoch, [tuple(one) for one in loads(scopes or "[]")])

    async def stored(
        self, driver: AsyncConnection[Any], user: str, device: str, batch_id: str
    ) -> tuple[str, str | None]:
        ((digest, results),) = await _run(driver, text.STORED, user, device, batch_id)
        return digest, results

    async def overtaken(
        self, driver: AsyncConnection[Any], user: str, unlocked: Sequence[str], orphans: Sequence[str]
    ) -> bool:
        ((count,),) = await _run(driver, text.OVERTAKEN, user, list(unlocked), list(orphans))
        return bool(count)

    async def read(self, driver: AsyncConnection[Any], shape: ReadShape, doc: str) -> Sequence[tuple[str, Any]]:
        if shape not in self._reads:
            self._reads[shape] = self._read_text(shape)
        return _loaded(await _run(driver, self._reads[shape], doc))

    async def write(self, driver: AsyncConnection[Any], shape: WriteShape, doc: str) -> None:
        if shape not in self._writes:
            self._writes[shape] = self._write_text(shape)
        try:
            cursor = AsyncRawCursor(driver)
            await cursor.execute(self._writes[shape], (doc,), prepare=True)
        except UniqueViolation as error:
            # Two pushes with one change id met where no scope lock parts them: the second finds it when it tries again.
            raise Overtaken from error
        assert cursor.rowcount == 1, "a batch that was claimed is there to be answered"

    async def page(self, driver: AsyncConnection[Any], doc: str) -> RawPage:
        ((who, now, held, entries, reached, names),) = await _run(driver, page_text.PAGE, doc)
        epoch, resend_since = loads(now)
        return RawPage(who and loads(who), epoch, resend_since, loads(held or "[]"), loads(entries or "[]"),
                       loads(reached or "[]"), {int(ord_): name for ord_, name in loads(names or "{}").items()})

    async def rows(self, driver: AsyncConnection[Any], kinds: tuple[str, ...], doc: str) -> Sequence[tuple[str, Any]]:
        if kinds not in self._rows:
            self._rows[kinds] = _union([page_text.VIEWS, *(page_text.rows_of(self._shelves[kind]) for kind in kinds)])
        return _loaded(await _run(driver, self._rows[kinds], doc))

    async def note_removed(self, driver: AsyncConnection[Any], doc: str) -> None:
        await AsyncRawCursor(driver).execute(page_text.NOTE_REMOVED, (doc,), prepare=True)

    def _read_text(self, shape: ReadShape) -> str:
        looks = [text.looked_up(at, self._shelves[kind], column, since)
                 for at, (kind, column, since) in enumerate(shape.looks)]
        columns = (*text.READ_COLUMNS, *(f"l{at} json" for at in range(len(looks))))
        return text.unpacked(columns) + _union([text.MINE, *([text.MEMBERS] if shape.all_members else []),
                                                *([text.BEFORE] if shape.seen else []), *looks])

    def _write_text(self, shape: WriteShape) -> str:
        parts = {
            "ledger": lambda: text.upsert(text.ledger, ENTRY, "ledger", text.LEDGER_KEY),
            "membership": lambda: text.upsert(text.membership, ("scope_ord", *MEMBER), "membership", text.MEMBER_KEY),
            "change": lambda: text.insert(text.change, JOURNAL, "change"),
            "outbox": lambda: text.insert(text.outbox, text.OUTBOX, "outbox"),
        }
        steps = [text.shelf_upsert(self._shelves[kind]) for kind in shape.kinds]
        steps += [parts[name]() for name in shape.sets]
        columns = (*text.ANSWER_COLUMNS, *(f"{text.quoted(name)} json" for name in (*shape.kinds, *shape.sets)))
        steps_text = ",\n".join([text.unpacked(columns), *(f"w{at} AS ({step})" for at, step in enumerate(steps))])
        return f"{steps_text}\n{text.ANSWER}"


def _union(texts: Sequence[str]) -> str:
    return "\nUNION ALL".join(texts)


def _loaded(rows: Sequence[tuple[str, str]]) -> list[tuple[str, Any]]:
    return [(tag, loads(value)) for tag, value in rows]


async def _run(driver: AsyncConnection[Any], statement: str, *params: Any) -> list[Any]:
    cursor = AsyncRawCursor(driver)
    await cursor.execute(statement, params, prepare=True)
    return await cursor.fetchall()
