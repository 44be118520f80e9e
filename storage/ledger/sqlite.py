"""Runs the ledger's texts on aiosqlite's own connection: a constant number of statements, one JSON parameter each.

Texts are made once per shape and kept. Knows aiosqlite; never what the rows mean.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from aiosqlite import Connection

from storage.ledger import sqlite_page as page_text
from storage.ledger import sqlite_text as text
from storage.ledger.postgres_text import LEDGER_KEY, MEMBER_KEY, OUTBOX, SETS
from storage.ledger.shelf import Shelf
from storage.ledger.spelling import ENTRY, JOURNAL, MEMBER, loads
from storage.ledger.statements import RawClaim, RawPage, ReadShape, WriteShape


class SqliteStatements:
    def __init__(self, shelves: Mapping[str, Shelf]) -> None:
        self._shelves = shelves
        self._reads: dict[ReadShape, str] = {}
        self._writes: dict[WriteShape, list[str]] = {}
        self._rows: dict[tuple[str, ...], str] = {}

    async def claim(self, driver: Connection, doc: str) -> RawClaim:
        ((who, epoch),) = await _run(driver, text.AUTHOR, doc)
        new = bool(await _run(driver, text.BATCH, doc))
        scopes: list[tuple[str, int, int, int, bool]] = []
        if new and who is not None:
            rooms = {one["name"]: one["room"] for one in orjson.loads(doc)["scopes"]}
            numbered = [(*one[:3], bool(one[3])) for one in await _run(driver, text.NUMBER, doc)]
            founded = [(*one, True) for one in await _run(driver, text.FOUND, doc)]
            scopes = [(name, ord_, head - rooms[name] + 1, rooms[name], made)
                      for name, ord_, head, made in numbered + founded]
        return RawClaim(new, who and loads(who), epoch, scopes)

    async def stored(self, driver: Connection, user: str, device: str, batch_id: str) -> tuple[str, str | None]:
        ((digest, results),) = await driver.execute_fetchall(text.STORED, (user, device, batch_id))
        return digest, results

    async def overtaken(
        self, driver: Connection, user: str, unlocked: Sequence[str], orphans: Sequence[str]
    ) -> bool:
        return False  # the only writer: nobody committed between the claim's look and its locks

    async def read(self, driver: Connection, shape: ReadShape, doc: str) -> Sequence[tuple[str, Any]]:
        if shape not in self._reads:
            looks = [text.looked_up(at, self._shelves[kind], column, since)
                     for at, (kind, column, since) in enumerate(shape.looks)]
            self._reads[shape] = text.READ + _union([text.MINE, *([text.MEMBERS] if shape.all_members else []),
                                                     *([text.BEFORE] if shape.seen else []), *looks])
        return _loaded(await _run(driver, self._reads[shape], doc))

    async def write(self, driver: Connection, shape: WriteShape, doc: str) -> None:
        if shape not in self._writes:
            self._writes[shape] = self._write_texts(shape)
        for statement in self._writes[shape]:
            cursor = await driver.execute(statement, {"p": doc})
            await cursor.close()

    async def page(self, driver: Connection, doc: str) -> RawPage:
        ((who, now, held, entries, reached, names),) = await _run(driver, page_text.PAGE, doc)
        epoch, resend_since = loads(now)
        return RawPage(who and loads(who), epoch, resend_since, sorted(loads(held), key=lambda one: int(one[1])),
                       sorted(loads(entries), key=lambda one: (one[0], one[1])), loads(reached),
                       {int(ord_): name for ord_, name in loads(names).items()})

    async def rows(self, driver: Connection, kinds: tuple[str, ...], doc: str) -> Sequence[tuple[str, Any]]:
        if kinds not in self._rows:
            self._rows[kinds] = _union([page_text.VIEWS, *(page_text.rows_of(self._shelves[kind]) for kind in kinds)])
        return _loaded(await _run(driver, self._rows[kinds], doc))

    async def note_removed(self, driver: Connection, doc: str) -> None:
        await _run(driver, page_text.NOTE_REMOVED, doc)

    def _write_texts(self, shape: WriteShape) -> list[str]:
        parts = {
            "ledger": lambda: text.upsert(SETS["ledger"], ENTRY, "ledger", LEDGER_KEY),
            "membership": lambda: text.upsert(SETS["membership"], ("scope_ord", *MEMBER), "membership", MEMBER_KEY),
            "change": lambda: text.insert(SETS["change"], JOURNAL, "change"),
            "outbox": lambda: text.insert(SETS["outbox"], OUTBOX, "outbox"),
        }
        shelves = [self._shelves[kind] for kind in shape.kinds]
        return [
            *(text.upsert(shelf.table, [column.name for column in shelf.columns], shelf.name, shelf.key)
              for shelf in shelves),
            *(parts[name]() for name in shape.sets),
            text.ANSWER,
        ]


def _union(texts: Sequence[str]) -> str:
    return "\nUNION ALL".join(texts)


def _loaded(rows: Sequence[tuple[str, str]]) -> list[tuple[str, Any]]:
    return [(tag, loads(value)) for tag, value in rows]


async def _run(driver: Connection, statement: str, doc: str) -> list[Any]:
    return list(await driver.execute_fetchall(statement, {"p": doc}))
