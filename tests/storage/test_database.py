"""Transactions that end, one server per SQLite file, addresses and files that will not do (hardening 1.4, 2.7)."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import insert, select, text, update
from sqlalchemy.exc import DBAPIError

from storage.database import Database
from storage.engines import UnfitAddressError
from storage.lockfile import LockedError
from storage.soundness import UnsoundError, forgetful
from storage.tables import scope
from tests.storage.scopes import heads_of, make, name_of, raise_head


async def test_what_is_raised_in_a_transaction_undoes_it(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        async with database.writing() as writing:
            await writing.execute(insert(scope).values(ord=1, name="patient:x", head=0, floor=0))
            raise ZeroDivisionError
    assert await name_of(database, 1) is None


async def test_an_abandoned_transaction_leaves_nothing(database: Database) -> None:
    async with database.writing() as writing:
        await writing.execute(insert(scope).values(ord=1, name="patient:x", head=0, floor=0))
        writing.abandon()
    assert await name_of(database, 1) is None


async def test_a_reading_connection_refuses_to_write(database: Database) -> None:
    with pytest.raises(DBAPIError):
        async with database.reading() as reading:
            await reading.execute(insert(scope).values(ord=1, name="patient:x", head=0, floor=0))
    assert await name_of(database, 1) is None


async def test_many_writers_at_once_lose_no_step(database: Database) -> None:
    """Deferred transactions on SQLite lost 374 of 400 read-modify-writes without an error (hardening 1.4)."""
    await make(database, 1)

    async def step() -> None:
        async with database.writing() as writing:
            head = (await writing.execute(
                select(scope.c.head).where(scope.c.ord == 1).with_for_update())).scalar_one()
            await writing.execute(update(scope).where(scope.c.ord == 1).values(head=head + 1))

    await asyncio.gather(*(step() for _ in range(40)))
    assert await heads_of(database) == [40]


async def test_another_process_on_the_same_sqlite_file_waits_its_turn(sqlite_url: str) -> None:
    first, second = Database(sqlite_url), Database(sqlite_url, exclusive=False)
    await first.open()
    await second.open()
    await make(first, 1)
    await asyncio.gather(*(raise_head(one) for _ in range(50) for one in (first, second)))
    assert await heads_of(first) == [100]
    await second.close()
    await first.close()


async def test_a_cancelled_transaction_gives_its_connection_back_whole(database: Database) -> None:
    async def forever() -> None:
        async with database.writing() as writing:
            await writing.execute(insert(scope).values(ord=1, name="patient:x", head=0, floor=0))
            await asyncio.sleep(60)

    for _ in range(12):  # more often than there are connections
        task = asyncio.ensure_future(forever())
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    await make(database, 2)
    assert await name_of(database, 1) is None
    assert await name_of(database, 2) is not None


async def test_a_second_server_on_the_same_sqlite_file_is_refused_with_a_sentence(sqlite_url: str) -> None:
    first, second = Database(sqlite_url), Database(sqlite_url)
    await first.open()
    with pytest.raises(LockedError, match="Another server is using this database"):
        await second.open()
    await first.close()
    await second.open()
    await second.close()


async def test_sqlite_is_durable_and_strict_about_keys(sqlite_url: str) -> None:
    async with Database(sqlite_url) as database, database.writing() as writing:
        found = [(await writing.execute(text(f"PRAGMA {name}"))).scalar_one()
                 for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")]
    assert found == ["wal", 2, 1, 5000]


@pytest.mark.parametrize("address", ["", "nonsense", "mysql://x/y", "sqlite://", "sqlite:///:memory:"])
def test_an_address_that_cannot_be_used_is_refused_at_once(address: str) -> None:
    with pytest.raises(UnfitAddressError):
        Database(address)


async def test_a_damaged_file_is_told_in_a_sentence_and_leaves_no_lock(tmp_path: Path) -> None:
    await asyncio.to_thread((tmp_path / "broken.db").write_bytes, b"this is no database" * 100)
    for _ in range(2):
        with pytest.raises(UnsoundError, match="The database file cannot be used: file is not a database"):
            await Database(f"sqlite:///{tmp_path}/broken.db").open()


def overwrite_pages(path: Path) -> None:
    body = bytearray(path.read_bytes())
    for at in range(4096 * 3, len(body), 4096):
        body[at : at + 64] = bytes(64)
    path.write_bytes(body)


async def test_a_page_that_was_overwritten_is_found_at_the_start(sqlite_url: str) -> None:
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    overwrite_pages(path)
    with pytest.raises(UnsoundError, match=r"cannot be used|is damaged"):
        await Database(sqlite_url).open()


async def test_a_postgresql_that_may_forget_commits_is_named(postgres_url: str) -> None:
    """Hardening 2.5: a server in production refuses to start on one; the tests' own is one (fsync off, for speed)."""
    async with Database(postgres_url) as database, database.reading() as reading:
        assert await forgetful(reading) == ["fsync", "full_page_writes", "synchronous_commit"]
