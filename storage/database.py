"""One database: transactions for whoever keeps something in it, on PostgreSQL or SQLite.

`writing()` is one transaction for Core statements and the ledger's text alike; `reading()` may only read. `retrying`
and `within` say how often and how long. Knows connections, locks and time limits; never a table or a rule.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from sqlalchemy import CursorResult, Executable
from sqlalchemy.exc import DatabaseError

from storage.engines import SQLITE, Limits, make_engines, read_address
from storage.faults import Fault, meaning
from storage.held import Held, Lease
from storage.lockfile import LockFile
from storage.soundness import UnsoundError, refuse_unsound
from sync.problem import Code, Refusal

T = TypeVar("T")

TRIES = 3  # of one transaction, when it met another (hardening 2.5)
DEADLINE_S = 4.0  # until the caller is answered; the transaction itself ends by its own time limits
TRIPS_AFTER = 5  # deadlines missed in a row, until nobody waits any more for a while
TRIPPED_S = 1.0


class Reading:
    """A connection that may read. `driver` is psycopg's or aiosqlite's own, for prepared text."""

    def __init__(self, lease: Lease) -> None:
        self._lease = lease

    @property
    def driver(self) -> Any:
        return self._lease.driver

    async def execute(self, statement: Executable, params: Mapping[str, Any] | list[Mapping[str, Any]] | None = None
                      ) -> CursorResult[*tuple[Any, ...]]:
        """Runs a Core statement in this transaction; the result is buffered."""
        return await self._lease.core.execute(statement, params)


class Writing(Reading):
    """One writing transaction. It commits when the block ends without an exception and nobody called `abandon`."""

    abandoned = False

    def abandon(self) -> None:
        """Nothing of this transaction shall stay, though nothing went wrong."""
        self.abandoned = True


class Database:
    """Open with `await database.open()`, end with `await database.close()`, or as a context; in the loop that uses it.

    `exclusive` refuses a second server on the same SQLite file; tools that only read pass False.
    """

    def __init__(self, address: str, limits: Limits | None = None, *, exclusive: bool = True) -> None:
        self.url = read_address(address)
        self.limits = limits or Limits()
        self.is_sqlite = self.url.get_backend_name() == SQLITE
        writing, reading = make_engines(self.url, self.limits)
        self.engine = writing
        self._writers = self._hold(writing, 1 if self.is_sqlite else self.limits.writers)
        self._readers = self._hold(reading, self.limits.readers)
        self._lock = LockFile(f"{self.url.database}.lock") if self.is_sqlite and exclusive else None
        self._running: set[asyncio.Task[Any]] = set()
        self._missed = 0
        self._tripped_until = 0.0

    def _hold(self, engine: Any, size: int) -> Held:
        return Held(engine, size, turn_s=self.limits.turn_s, recycle_s=self.limits.recycle_s)

    async def open(self) -> None:
        """Takes the lock file (SQLite) and one connection. Raises LockedError, UnsoundError, or the driver's error."""
        if self._lock is not None:
            self._lock.take()
        try:
            async with self._writers.lease() as lease:
                if self.is_sqlite:
                    await refuse_unsound(lease.core)
                    await lease.core.rollback()
        except BaseException as error:
            await self.close()
            if self.is_sqlite and isinstance(error, DatabaseError):
                raise UnsoundError(f"The database file cannot be used: {error.orig}.") from error
            raise

    async def __aenter__(self) -> Database:
        await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Waits for what still runs, then closes all connections."""
        if self._running:
            await asyncio.wait(self._running, timeout=self.limits.statement_ms / 1000)
        await self._readers.close()
        await self._writers.close()
        if self._lock is not None:
            self._lock.release()

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Writing]:
        """One transaction: committed at the end of the block, rolled back if anything is raised in it."""
        async with self._writers.lease() as lease:
            if self.is_sqlite:
                # IMMEDIATE: deferred transactions that read first met 130,527 busy errors in 5 s (sync-protocol 2).
                await lease.driver.execute("BEGIN IMMEDIATE")
            writing = Writing(lease)
            try:
                yield writing
            except BaseException:
                await _end(lease, commit=False)
                raise
            await _end(lease, commit=not writing.abandoned)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Reading]:
        """For Core statements and text that read. On SQLite one snapshot, on PostgreSQL one per statement."""
        async with self._readers.lease() as lease:
            if self.is_sqlite:
                await lease.driver.execute("BEGIN")
            try:
                yield Reading(lease)
            finally:
                await _end(lease, commit=False)

    @asynccontextmanager
    async def glancing(self) -> AsyncIterator[Reading]:
        """For one statement of text, which is a snapshot by itself: no BEGIN, no round trip beside its own."""
        async with self._readers.lease() as lease:
            yield Reading(lease)

    async def retrying(self, work: Callable[[], Awaitable[T]]) -> T:
        """Runs a whole transaction, again if it met another or lost its connection: TRIES times, then Refusal(BUSY)."""
        for attempt in range(1, TRIES + 1):
            try:
                return await work()
            except Exception as error:
                fault = meaning(error)
                if fault is Fault.OURS:
                    raise
                if fault is Fault.BUSY or attempt == TRIES:
                    raise Refusal(Code.BUSY, retry_after_s=1) from error
        raise AssertionError("unreachable")

    async def within(self, work: Callable[[], Awaitable[T]], deadline_s: float = DEADLINE_S) -> T:
        """Waits for `work` in a task of its own. Raises Refusal(BUSY) at the deadline, while the task ends by itself:
        of 4,000 cancelled transactions 57 had committed, and a hung server hangs cancellation too (hardening 1.8)."""
        if time.monotonic() < self._tripped_until:
            raise Refusal(Code.BUSY, retry_after_s=2)
        task: asyncio.Task[T] = asyncio.ensure_future(_awaited(work))
        self._running.add(task)
        task.add_done_callback(self._ended)
        done, _ = await asyncio.wait({task}, timeout=deadline_s)
        if done:
            self._missed = 0
            return task.result()
        self._missed += 1
        if self._missed >= TRIPS_AFTER:
            self._tripped_until = time.monotonic() + TRIPPED_S
        raise Refusal(Code.BUSY, retry_after_s=2)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # read, so that a transaction nobody waits for any more does not cry at the loop


async def _awaited(work: Callable[[], Awaitable[T]]) -> T:
    return await work()


async def _end(lease: Lease, *, commit: bool) -> None:
    """Ends the transaction for both forms of the connection. A rollback that fails leaves it to `Held` to drop it."""
    if commit:
        await (lease.core.commit() if lease.core.in_transaction() else lease.driver.commit())
        return
    try:
        await (lease.core.rollback() if lease.core.in_transaction() else lease.driver.rollback())
    except Exception:
        await lease.core.invalidate()
