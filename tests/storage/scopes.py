"""Scope rows as something to write and read, for tests of transactions and connections."""

from __future__ import annotations

from sqlalchemy import insert, select, text, update

from storage.database import Database
from storage.tables import scope
from tests.storage.by_hand import new_id


async def name_of(database: Database, ord_: int) -> str | None:
    async with database.reading() as reading:
        found = await reading.execute(select(scope.c.name).where(scope.c.ord == ord_))
        return found.scalar_one_or_none()


async def make(database: Database, ord_: int) -> None:
    async with database.writing() as writing:
        await writing.execute(insert(scope).values(ord=ord_, name=f"patient:{new_id()}", head=0, floor=0))


async def raise_head(database: Database, ord_: int = 1) -> None:
    async with database.writing() as writing:
        await writing.execute(update(scope).where(scope.c.ord == ord_).values(head=text("head + 1")))


async def heads_of(database: Database) -> list[int]:
    async with database.reading() as reading:
        return list((await reading.execute(select(scope.c.head).order_by(scope.c.ord))).scalars())
