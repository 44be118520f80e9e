"""Copies of the embedded database, and back (hardening 2.7): by SQLite's own backup interface, while it is in use.

A restore gives the database a new epoch, so that no device trusts its old cursor, and asks devices to send again what
they recorded since a day before the copy (sync-protocol 8). PostgreSQL has its own tools: docs/OPERATIONS.md.
"""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

from storage.database import Database
from storage.ledger.incarnation import renew
from storage.lockfile import LockFile
from sync.values import format_instant

PAGES_AT_ONCE = 1_000
RESENT = timedelta(days=1)


class UnfitCopyError(RuntimeError):
    """The file is no sound copy; the message says why."""


def database_file(database: Database) -> Path:
    """Raises UnfitCopyError for a database that is no file."""
    if not database.is_sqlite or database.url.database is None:
        raise UnfitCopyError("This copies SQLite files. For PostgreSQL use pg_dump and `dastern admin new-epoch`.")
    return Path(database.url.database)


def back_up(source: Path, target: Path) -> None:
    """A consistent copy, made while others write. Raises UnfitCopyError if the target exists or there is no source."""
    if target.exists():
        raise UnfitCopyError(f"{target.name} exists already.")
    if not source.exists():
        raise UnfitCopyError("There is no database yet.")
    target.touch(mode=0o600)
    with closing(sqlite3.connect(source)) as database, closing(sqlite3.connect(target)) as copy:
        database.backup(copy, pages=PAGES_AT_ONCE)
        copy.execute("PRAGMA journal_mode=DELETE")


async def restore(copy: Path, database: Database, now: datetime) -> str:
    """Puts a copy in the database's place and returns the new epoch. Raises UnfitCopyError, LockedError."""
    made = await asyncio.to_thread(_put_in_place, copy, database_file(database))
    await database.open()
    try:
        return await renew(database, format_instant(now), format_instant(min(made, now) - RESENT))
    finally:
        await database.close()


def _put_in_place(copy: Path, target: Path) -> datetime:
    """When the copy was made. Raises UnfitCopyError, LockedError."""
    _refuse_damaged(copy)
    lock = LockFile(f"{target}.lock")
    lock.take()
    try:
        with closing(sqlite3.connect(copy)) as source, closing(sqlite3.connect(target)) as place:
            source.backup(place, pages=PAGES_AT_ONCE)
    finally:
        lock.release()
    return datetime.fromtimestamp(copy.stat().st_mtime, UTC)


def _refuse_damaged(copy: Path) -> None:
    try:
        with closing(sqlite3.connect(f"file:{copy}?mode=ro", uri=True)) as source:
            found = source.execute("PRAGMA quick_check").fetchone()
    except sqlite3.Error as error:
        raise UnfitCopyError(f"{copy.name} is no readable SQLite file ({type(error).__name__}).") from None
    if found != ("ok",):
        raise UnfitCopyError(f"{copy.name} is damaged.")
