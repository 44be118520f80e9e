"""Which incarnation of the database this is: an epoch, new after every restore, that makes cursors of before void.

After a restore devices are asked to send again what they recorded since (sync-protocol 8). Knows one row.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert as insert_postgresql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite

from storage.database import Database
from storage.tables import incarnation

ONLY = 1


@dataclass(frozen=True, slots=True)
class Incarnation:
    """`resend_since` is a canonical instant, None unless the database was restored."""

    epoch: str
    resend_since: str | None


async def begin(database: Database, now: str) -> None:
    """Gives an empty database its first epoch; two servers that start together agree on one (I-24)."""
    make = insert_sqlite if database.is_sqlite else insert_postgresql
    first = make(incarnation).values(id=ONLY, epoch=uuid4().hex, made_at=now).on_conflict_do_nothing()
    async with database.writing() as writing:
        await writing.execute(first)


async def current(database: Database) -> Incarnation:
    async with database.reading() as reading:
        row = (await reading.execute(select(incarnation.c.epoch, incarnation.c.resend_since))).one()
    return Incarnation(row.epoch, row.resend_since)


async def renew(database: Database, now: str, resend_since: str) -> str:
    """The new epoch, after a restore; `resend_since` lies a day before the backup (sync-protocol 8)."""
    epoch = uuid4().hex
    async with database.writing() as writing:
        await writing.execute(update(incarnation).values(epoch=epoch, made_at=now, resend_since=resend_since))
    return epoch
