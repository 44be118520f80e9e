"""Connections that heal, and callers that are answered in time (hardening 1.8, 2.5; I-19, I-21)."""

from __future__ import annotations

import asyncio
import sqlite3
import time

import psycopg
import pytest
from sqlalchemy import insert, select, text, update

from storage.database import TRIES, TRIPS_AFTER, Database
from storage.engines import Limits
from storage.faults import Fault, Overtaken, meaning
from storage.migrations import upgrade_now
from storage.tables import scope
from sync.problem import Code, Refusal
from tests.servers.postgres import PostgresCluster
from tests.storage.scopes import heads_of, make, name_of, raise_head


async def test_a_transaction_that_met_another_is_repeated_and_then_refused(database: Database) -> None:
    tried = 0

    async def overtaken(until: int) -> str:
        nonlocal tried
        tried += 1
        if tried < until:
            raise Overtaken
        return "done"

    assert await database.retrying(lambda: overtaken(TRIES)) == "done"
    tried = 0
    with pytest.raises(Refusal) as refused:
        await database.retrying(lambda: overtaken(TRIES + 1))
    assert (refused.value.code, tried) == (Code.BUSY, TRIES)


async def test_our_own_mistakes_are_not_repeated(database: Database) -> None:
    tried = 0

    async def mistaken() -> None:
        nonlocal tried
        tried += 1
        raise KeyError

    with pytest.raises(KeyError):
        await database.retrying(mistaken)
    assert tried == 1


def test_what_an_error_means() -> None:
    assert meaning(psycopg.errors.DeadlockDetected()) is Fault.AGAIN
    assert meaning(psycopg.errors.AdminShutdown()) is Fault.AGAIN
    assert meaning(psycopg.OperationalError("the connection is lost")) is Fault.AGAIN
    assert meaning(psycopg.errors.LockNotAvailable()) is Fault.BUSY
    assert meaning(psycopg.errors.DiskFull()) is Fault.BUSY
    assert meaning(psycopg.errors.UniqueViolation()) is Fault.OURS
    assert meaning(psycopg.errors.UndefinedColumn()) is Fault.OURS
    full = sqlite3.OperationalError("database or disk is full")
    full.sqlite_errorcode = sqlite3.SQLITE_FULL
    assert meaning(full) is Fault.BUSY


async def test_two_transactions_that_lock_each_other_out_both_end_well(postgres_url: str) -> None:
    async with Database(postgres_url) as database:
        await make(database, 1)
        await make(database, 2)

        async def both(first: int, second: int) -> None:
            async with database.writing() as writing:
                for ord_ in (first, second):
                    await writing.execute(update(scope).where(scope.c.ord == ord_).values(head=text("head + 1")))
                    await asyncio.sleep(0.05)

        await asyncio.gather(database.retrying(lambda: both(1, 2)), database.retrying(lambda: both(2, 1)))
        assert await heads_of(database) == [2, 2]


async def test_a_caller_is_answered_at_the_deadline_and_the_transaction_still_ends(database: Database) -> None:
    """Of 4,000 cancelled transactions 57 had committed: nobody cancels, the retry finds what was stored."""
    async def slow() -> None:
        async with database.writing() as writing:
            await writing.execute(insert(scope).values(ord=1, name="patient:x", head=0, floor=0))
            await asyncio.sleep(0.3)

    began = time.monotonic()
    with pytest.raises(Refusal) as refused:
        await database.within(slow, 0.05)
    assert time.monotonic() - began < 0.25
    assert (refused.value.code, refused.value.retry_after_s) == (Code.BUSY, 2)
    await asyncio.sleep(0.5)
    assert await name_of(database, 1) == "patient:x"


async def test_after_five_deadlines_in_a_row_nobody_waits_for_a_while(database: Database) -> None:
    for _ in range(TRIPS_AFTER):
        with pytest.raises(Refusal):
            await database.within(lambda: asyncio.sleep(0.2), 0.01)
    began = time.monotonic()
    with pytest.raises(Refusal):
        await database.within(lambda: asyncio.sleep(0), 5)
    assert time.monotonic() - began < 0.1
    await asyncio.sleep(1.1)
    assert await database.within(lambda: name_of(database, 1), 5) is None


async def test_whoever_finds_no_free_connection_is_told_to_come_back(database_url: str) -> None:
    async with Database(database_url, Limits(writers=1, turn_s=0.1)) as database:
        async with database.writing():
            with pytest.raises(Refusal) as refused:
                async with database.writing():
                    raise AssertionError("there is one connection, and it is taken")
        assert refused.value.code is Code.BUSY
        await make(database, 1)


async def test_a_lock_that_does_not_come_is_busy_and_not_an_error(postgres_url: str) -> None:
    async with Database(postgres_url, Limits(lock_ms=100)) as database:
        await make(database, 1)
        async with database.writing() as writing:
            await writing.execute(update(scope).where(scope.c.ord == 1).values(head=5))
            with pytest.raises(Refusal) as refused:
                await database.retrying(lambda: raise_head(database))
        assert refused.value.code is Code.BUSY
        await raise_head(database)


@pytest.mark.parametrize("crash", [False, True])
async def test_a_restarted_postgresql_is_noticed_before_anybody_fails(
    crashable_postgres: PostgresCluster, crash: bool
) -> None:
    """I-19, I-21: the first request after a database crash fails without a ping (hardening 2.5); ours costs no trip."""
    url = crashable_postgres.url("postgres")
    await asyncio.to_thread(upgrade_now, url)
    async with Database(url, Limits(writers=4, readers=2)) as database:
        await make(database, 1)
        await asyncio.gather(*(raise_head(database) for _ in range(20)), *(name_of(database, 1) for _ in range(8)))
        await asyncio.to_thread(crashable_postgres.stop_immediate if crash else crashable_postgres.stop)
        with pytest.raises(Refusal) as refused:
            await database.retrying(lambda: raise_head(database))
        assert refused.value.code is Code.BUSY
        await asyncio.to_thread(crashable_postgres.start)
        await asyncio.gather(*(raise_head(database) for _ in range(20)), *(name_of(database, 1) for _ in range(8)))
        assert await heads_of(database) == [40]


async def test_a_server_killed_in_the_middle_costs_that_transaction_only(crashable_postgres: PostgresCluster) -> None:
    url = crashable_postgres.url("postgres")
    await asyncio.to_thread(upgrade_now, url)
    async with Database(url, Limits(writers=2)) as database:
        await make(database, 1)
        with pytest.raises(Exception) as lost:
            async with database.writing() as writing:
                await writing.execute(update(scope).where(scope.c.ord == 1).values(head=9))
                await asyncio.to_thread(crashable_postgres.stop_immediate)
                await asyncio.to_thread(crashable_postgres.start)
                await writing.execute(select(scope))
        assert meaning(lost.value) is Fault.AGAIN
        await raise_head(database)
        assert await heads_of(database) == [1]
