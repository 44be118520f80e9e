"""The outbox as a queue: what must follow from committed changes, claimed by one worker at a time (DESIGN.md 2).

A claim is a conditional update with an end; whoever died leaves the row to the next. The attempt number comes back with
the claim and every later word on it must bear it, so that a worker that slept through its claim says nothing (I-14).
Knows rows and times; never what a kind leads to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import or_, select, update

from storage.database import Database
from storage.tables import outbox
from sync.values import format_instant, parse_instant

LEASE = timedelta(seconds=60)
BATCH = 50
MAX_ATTEMPTS = 10  # then the row stays, undone and visible to the operator, and stops nobody else (F-16)


@dataclass(frozen=True, slots=True)
class Waiting:
    """One claimed outbox row. `touched` holds (kind, id, version, change id)."""

    id: int
    scope: str
    touched: Sequence[tuple[str, str, int, str]]
    attempt: int


async def claim(database: Database, worker: str, now: str, limit: int = BATCH) -> list[Waiting]:
    """Takes the oldest rows that nobody holds. Times are canonical instants."""
    free = (
        select(outbox.c.id)
        .where(outbox.c.done_at.is_(None), outbox.c.attempts < MAX_ATTEMPTS,
               or_(outbox.c.claimed_until.is_(None), outbox.c.claimed_until < now))
        .order_by(outbox.c.id).limit(limit)
    )
    if not database.is_sqlite:
        free = free.with_for_update(skip_locked=True)
    taken = (
        update(outbox).where(outbox.c.id.in_(free.scalar_subquery()))
        .values(claimed_by=worker, claimed_until=format_instant(parse_instant(now) + LEASE),
                attempts=outbox.c.attempts + 1)
        .returning(outbox.c.id, outbox.c.scope, outbox.c.touched, outbox.c.attempts)
    )
    async with database.writing() as writing:
        rows = (await writing.execute(taken)).all()
    return [Waiting(row.id, row.scope, [tuple(one) for one in row.touched], row.attempts)
            for row in sorted(rows, key=lambda row: row.id)]


async def finish(database: Database, one: Waiting, now: str) -> bool:
    """Marks a row done; False if the claim had passed to somebody else meanwhile."""
    done = update(outbox).where(outbox.c.id == one.id, outbox.c.attempts == one.attempt, outbox.c.done_at.is_(None))
    async with database.writing() as writing:
        return (await writing.execute(done.values(done_at=now, claimed_until=None))).rowcount == 1


async def waits(database: Database, now: str) -> bool:
    """Whether anything is there to be claimed: a reading look, so that an idle worker writes nothing."""
    looked = select(outbox.c.id).where(
        outbox.c.done_at.is_(None), outbox.c.attempts < MAX_ATTEMPTS,
        or_(outbox.c.claimed_until.is_(None), outbox.c.claimed_until < now)).limit(1)
    async with database.reading() as reading:
        return (await reading.execute(looked)).first() is not None
