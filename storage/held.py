"""Connections that are opened once and handed from transaction to transaction.

SQLAlchemy's pool with its pre-ping costs 0.6 ms a request, a held connection 0.1 (DESIGN.md 11). Each lease holds one
connection in two forms, SQLAlchemy's for Core statements and the driver's own for prepared text; they share the
transaction. Lost connections are noticed before use where the operating system knows, else at the first error, and
replaced. Knows no statement.
"""

from __future__ import annotations

import asyncio
import select
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from sync.problem import Code, Refusal

LET_GO_S = 2.0
"""To roll back or close a connection that may hang; after that it is dropped as it is."""


@dataclass(slots=True, eq=False)
class Lease:
    """One open connection. `driver` is psycopg's AsyncConnection or aiosqlite's Connection."""

    core: AsyncConnection
    driver: Any
    opened_at: float

    @property
    def lost(self) -> bool:
        """Whether the operating system already knows that the server went away."""
        if not isinstance(self.driver, psycopg.AsyncConnection):
            return False
        if self.driver.closed:
            return True
        # An idle connection has nothing to say: what can be read is the server's farewell.
        poll = select.poll()
        poll.register(self.driver.pgconn.socket, select.POLLIN | select.POLLHUP | select.POLLERR)
        return bool(poll.poll(0))

    @property
    def clean(self) -> bool:
        """Whether the next one may have it: open, and in no transaction."""
        if isinstance(self.driver, psycopg.AsyncConnection):
            return not self.driver.closed and self.driver.pgconn.transaction_status == TransactionStatus.IDLE
        return not self.driver.in_transaction


class Held:
    """At most `size` connections of one engine."""

    def __init__(self, engine: AsyncEngine, size: int, *, turn_s: float, recycle_s: float) -> None:
        self.engine = engine
        self.size = size
        self._turn_s = turn_s
        self._recycle_s = recycle_s
        self._turns = asyncio.Semaphore(size)
        self._idle: list[Lease] = []
        self.opened = 0  # ever; for metrics and tests

    @asynccontextmanager
    async def lease(self) -> AsyncIterator[Lease]:
        """A connection for the length of the block. Raises Refusal(BUSY) if none is free within `turn_s`."""
        try:
            async with asyncio.timeout(self._turn_s):
                await self._turns.acquire()
        except TimeoutError:
            raise Refusal(Code.BUSY, retry_after_s=1) from None
        try:
            lease = await self._fresh()
            try:
                yield lease
            finally:
                await self._give_back(lease)
        finally:
            self._turns.release()

    async def _fresh(self) -> Lease:
        while self._idle:
            lease = self._idle.pop()  # the last one used is the warmest
            if not lease.lost and time.monotonic() - lease.opened_at < self._recycle_s:
                return lease
            await _drop(lease)
        core = await self.engine.connect()
        driver = (await core.get_raw_connection()).driver_connection
        self.opened += 1
        return Lease(core, driver, time.monotonic())

    async def _give_back(self, lease: Lease) -> None:
        if not lease.clean:
            with suppress(Exception):
                async with asyncio.timeout(LET_GO_S):
                    await lease.driver.rollback()
        if lease.clean:
            self._idle.append(lease)
        else:
            await _drop(lease)

    async def close(self) -> None:
        while self._idle:
            await _drop(self._idle.pop())
        await self.engine.dispose()


async def _drop(lease: Lease) -> None:
    with suppress(Exception):
        async with asyncio.timeout(LET_GO_S):
            await lease.core.invalidate()
    with suppress(Exception):
        async with asyncio.timeout(LET_GO_S):
            await lease.core.close()
