"""The world's server on SQLite and on PostgreSQL: plain looks by SELECT, backups by the engines' own means.

A world has a database of its own, copied from a migrated template. Knows tables; never what is right about them.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import func, insert, select, update

from storage import catalogue
from storage.accounts.tables import account, account_device, session
from storage.catalogue import KINDS
from storage.database import Database
from storage.engines import Limits
from storage.ledger import incarnation
from storage.ledger.ledger import Ledger
from storage.ledger.spelling import MEMBER, member_of
from storage.ledger.tombstones import purge
from storage.tables import change, ledger, membership, outbox, scope
from storage.tables import incarnation as incarnations
from sync.access import Membership
from sync.identity import deed_id
from sync.record import Row
from sync.store import Store
from sync.values import canonical_instant
from tests.servers.postgres import Postgres
from tests.worlds.backend import Line

BEGAN = canonical_instant("2026-11-21T08:00:00+07:00")
FEW = Limits(writers=3, readers=2)


class DatabaseBackend:
    """What both engines share; `address`, `copied` and `replaced` are each engine's own."""

    def __init__(self) -> None:
        self.ledger: Ledger
        self.copies = 0

    async def open(self) -> None:
        database = Database(self.address(), FEW)
        await database.open()
        await incarnation.begin(database, BEGAN)
        self.ledger = Ledger(database, catalogue)
        self.store: Store = self.ledger

    async def _reopened(self) -> None:
        self.ledger.database = Database(self.address(), FEW)
        await self.ledger.database.open()

    def address(self) -> str:
        raise NotImplementedError

    async def enrol(self, user: str, role: str, state: str) -> None:
        async with self.ledger.database.writing() as writing:
            await writing.execute(insert(account).values(id=user, role=role, state=state, created_at=BEGAN))

    async def session(self, user: str, device: str) -> str | None:
        id_ = deed_id(device, "session")
        async with self.ledger.database.writing() as writing:
            await writing.execute(insert(account_device).values(device_id=device, account_id=user, created_at=BEGAN))
            await writing.execute(insert(session).values(id=id_, account_id=user, device_id=device, created_at=BEGAN))
        return id_

    async def rows(self, *kinds: str) -> list[Row]:
        found: list[Row] = []
        async with self.ledger.database.reading() as reading:
            for kind in kinds or tuple(KINDS):
                shelf = self.ledger.shelves[kind]
                found += [shelf.row_of(values) for values in await reading.execute(select(*shelf.columns))]
        return found

    async def members(self) -> list[Membership]:
        async with self.ledger.database.reading() as reading:
            found = await reading.execute(select(*(membership.c[name] for name in MEMBER)))
            return [member_of(values) for values in found]

    async def journal(self) -> list[Line]:
        names = ("device_id", "change_id", "kind", "id", "outcome", "code", "version")
        async with self.ledger.database.reading() as reading:
            return [Line(*values) for values in await reading.execute(select(*(change.c[name] for name in names)))]

    async def heads(self) -> Mapping[str, int]:
        async with self.ledger.database.reading() as reading:
            return {row.name: row.head for row in await reading.execute(select(scope.c.name, scope.c.head))}

    async def fingerprint(self) -> object:
        async with self.ledger.database.reading() as reading:
            entries = [tuple(values) for values in await reading.execute(select(ledger).order_by(*ledger.primary_key))]
            counts = [(await reading.execute(select(func.count()).select_from(t))).scalar() for t in (change, outbox)]
            held = await reading.execute(select(membership).order_by(*membership.primary_key))
            members = [str(tuple(values)) for values in held]
        return entries, counts, members

    async def backup(self) -> Any:
        self.copies += 1
        return await self.copied(self.copies)

    async def copied(self, number: int) -> Any:
        raise NotImplementedError

    async def restore(self, backup: Any, epoch: str, now: str, resend_since: str) -> None:
        await self.ledger.database.close()
        await self.replaced(backup)
        await self._reopened()
        await incarnation.renew(self.ledger.database, now, resend_since)
        async with self.ledger.database.writing() as writing:  # a seed replays exactly, epochs too
            await writing.execute(update(incarnations).values(epoch=epoch))

    async def replaced(self, backup: Any) -> None:
        raise NotImplementedError

    async def purge(self, before: str) -> None:
        await purge(self.ledger.database, self.ledger.shelves, before)

    async def close(self) -> None:
        await self.ledger.database.close()


class SqliteBackend(DatabaseBackend):
    def __init__(self, template: Path, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.path = folder / "world.db"
        shutil.copy(template, self.path)

    def address(self) -> str:
        return f"sqlite:///{self.path}"

    async def copied(self, number: int) -> Path:
        copy = self.folder / f"backup{number}.db"
        with sqlite3.connect(self.path) as source, sqlite3.connect(copy) as target:
            source.backup(target)
        source.close()
        target.close()
        return copy

    async def replaced(self, backup: Path) -> None:
        for left in (self.path.with_name("world.db-wal"), self.path.with_name("world.db-shm")):
            left.unlink(missing_ok=True)
        shutil.copy(backup, self.path)


class PostgresBackend(DatabaseBackend):
    def __init__(self, server: Postgres, template: str) -> None:
        super().__init__()
        self.server = server
        self.names = [server.create_database(template=template)]

    def address(self) -> str:
        return self.server.url(self.names[-1])

    async def copied(self, number: int) -> str:
        await self.ledger.database.close()
        name = self.server.create_database(template=self.names[-1])
        self.names.insert(0, name)
        await self._reopened()
        return name

    async def replaced(self, backup: str) -> None:
        self.names.append(self.server.create_database(template=backup))

    async def close(self) -> None:
        await super().close()
        for name in self.names:
            self.server.drop_database(name)
