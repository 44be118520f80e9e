"""No reader ever skips a row, and writers never deadlock (I-06, F-59, P08; sync-protocol 2): 12 writers on PostgreSQL
with rollbacks and slow commits, readers that poll with small pages.

The same harness with a cursor over one global sequence must skip some, or it would prove nothing.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable

import psycopg
import pytest

from storage import catalogue
from storage.database import Database
from storage.engines import Limits
from storage.ledger import incarnation
from storage.ledger.ledger import Ledger
from sync.access import Membership, Role
from sync.record import Row
from sync.store import Claimed, Start
from tests.storage.by_hand import NOW, Writer, dose, founded, new_id, pushed, writes
from tests.storage.ledger_stage import logged_in

WRITERS = 12
READERS = 4
PUSHES = 25  # of each writer
SCOPES = 6
SEED = 20261121


@pytest.fixture
async def store(postgres_url: str) -> AsyncIterator[Ledger]:
    database = Database(postgres_url, Limits(writers=WRITERS, readers=READERS, turn_s=30))
    await database.open()
    await incarnation.begin(database, NOW)
    yield Ledger(database, catalogue)
    await database.close()


async def everybody(store: Ledger) -> tuple[list[Writer], Writer]:
    """The patients, all of whom everybody may write for, and one reader who holds every scope."""
    patients = [await founded(store, await logged_in(store)) for _ in range(SCOPES)]
    reader = await logged_in(store)
    for patient in patients:
        await pushed(store, patient, scopes=[patient.patient], memberships=[
            Membership(other.user, patient.patient, Role.MANAGER) for other in [*patients, reader] if other != patient])
    return patients, reader


class Rolled(Exception):
    """A writer that changed its mind."""


async def test_a_polling_reader_misses_no_row_of_12_writers(store: Ledger) -> None:
    chance = random.Random(SEED)
    patients, reader = await everybody(store)
    written: set[str] = set()

    async def write(writer: Writer) -> None:
        for _ in range(PUSHES):
            await store.database.retrying(lambda: once(writer))
            await asyncio.sleep(0)

    async def once(writer: Writer) -> None:
        homes = chance.sample(patients, chance.randint(1, 3))
        rows = [dose(home.user) for home in homes for _ in range(2)]
        claim = writer.claim({home.patient: 4 for home in homes})
        try:
            async with store.transaction() as tx:
                claimed = await tx.claim(claim)
                assert isinstance(claimed, Claimed)
                assert len(claimed.scopes) == len(homes)
                await tx.read(writer.wants(*claimed.scopes))
                await tx.write(writes(writer, claim, claimed, rows))
                if chance.random() < 0.1:
                    await asyncio.sleep(0.05)
                if chance.random() < 0.1:
                    raise Rolled
        except Rolled:
            return
        written.update(row.id for row in rows)

    missed = await watched(store, reader, [write(chance.choice(patients)) for _ in range(WRITERS)], written)
    assert len(written) > 500
    assert missed == [0] * READERS


async def watched(store: Ledger, reader: Writer, writers: list[Awaitable[None]], written: set[str]) -> list[int]:
    """How many of the written rows each polling reader has missed when all is quiet."""
    done = asyncio.Event()
    readers = [asyncio.ensure_future(follow(store, reader, limit, done)) for limit in (1, 7, 40, 500)]
    await asyncio.gather(*writers)
    done.set()
    return [len(written - seen) for seen in await asyncio.gather(*readers)]


async def follow(store: Ledger, reader: Writer, limit: int, done: asyncio.Event) -> set[str]:
    """What a device holds that polls with this page size until nothing is left."""
    starts: dict[int, Start] = {}
    seen: set[str] = set()
    while True:
        last_look = done.is_set()
        page = await store.page(reader.ask(*starts.values(), limit=limit))
        entries = page.entries[:limit]
        seen.update(entry.id for entry in entries)
        cut = entries[-1] if len(page.entries) > limit else None
        for held in page.held:
            if held.ord in page.reached and (cut is None or held.ord < cut.ord):
                starts[held.ord] = Start(held.ord, held.membership.view_version, held.head)
            elif cut is not None and held.ord == cut.ord:
                starts[held.ord] = Start(held.ord, held.membership.view_version, cut.seq)
        if last_look and not entries:
            return seen
        await asyncio.sleep(0)


async def test_the_naive_control_with_one_global_sequence_misses_some(postgres_url: str) -> None:
    async with await psycopg.AsyncConnection.connect(postgres_url, autocommit=True) as admin:
        await admin.execute("CREATE TABLE naive (seq bigserial PRIMARY KEY, id uuid NOT NULL)")
    written: set[str] = set()
    done = asyncio.Event()
    chance = random.Random(SEED)

    async def write(connection: psycopg.AsyncConnection[tuple[object, ...]]) -> None:
        for _ in range(PUSHES):
            ids = [new_id() for _ in range(4)]
            async with connection.transaction():
                for id_ in ids:
                    await connection.execute("INSERT INTO naive (id) VALUES (%s)", (id_,))
                if chance.random() < 0.1:
                    await asyncio.sleep(0.05)
            written.update(ids)

    async def read(connection: psycopg.AsyncConnection[tuple[object, ...]]) -> set[str]:
        cursor, seen = 0, set[str]()
        while True:
            last_look = done.is_set()
            found = await (await connection.execute(
                "SELECT seq, id FROM naive WHERE seq > %s ORDER BY seq LIMIT 40", (cursor,))).fetchall()
            seen.update(str(id_) for _, id_ in found)
            cursor = int(str(found[-1][0])) if found else cursor
            if last_look and not found:
                return seen

    missed = await with_connections(postgres_url, write, read, written, done)
    assert len(written) == WRITERS * PUSHES * 4
    assert missed > 0


async def with_connections(
    url: str, write: Callable[..., Awaitable[None]], read: Callable[..., Awaitable[set[str]]], written: set[str],
    done: asyncio.Event,
) -> int:
    connections = [await psycopg.AsyncConnection.connect(url, autocommit=True) for _ in range(WRITERS + 1)]
    try:
        reading = asyncio.ensure_future(read(connections[0]))
        await asyncio.gather(*(write(connection) for connection in connections[1:]))
        done.set()
        return len(written - await reading)
    finally:
        for connection in connections:
            await connection.close()


async def test_writers_of_scopes_that_overlap_at_random_neither_deadlock_nor_share_a_number(store: Ledger) -> None:
    """Locks are taken in ascending order whatever the order of the changes; nothing is retried here."""
    chance = random.Random(SEED + 1)
    patients, _ = await everybody(store)
    numbers: dict[int, list[int]] = {}

    async def write(writer: Writer) -> None:
        for _ in range(PUSHES):
            homes = chance.sample(patients, chance.randint(1, 4))
            rows: list[Row] = [dose(home.user) for home in homes]
            founding = [f"patient:{new_id()}"] if chance.random() < 0.2 else []
            claimed = await pushed(store, writer, rows, founding=founding)
            assert isinstance(claimed, Claimed)
            for got in claimed.scopes.values():
                numbers.setdefault(got.ord, []).extend(range(got.first, got.first + got.room))

    await asyncio.gather(*(write(chance.choice(patients)) for _ in range(WRITERS)))
    for taken in numbers.values():
        assert len(taken) == len(set(taken))
        assert max(taken) - min(taken) == len(taken) - 1
