"""A database of either engine with the accounts' tables, a clock that is set by hand, and Sokha's account in it."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID, uuid4

from storage.accounts import tables
from storage.accounts.accounts import NewAccount, create_account
from storage.accounts.sessions import NewSession, Opened, open_session
from storage.database import Database
from storage.metadata import METADATA

NOW = "2026-11-21T02:00:00+00:00"
TABLES = [tables.account, tables.account_device, tables.session, tables.refresh_token, tables.login_guard, tables.audit]


@asynccontextmanager
async def opened(address: str) -> AsyncIterator[Database]:
    database = Database(address)
    await database.open()
    try:
        async with database.engine.begin() as connection:
            await connection.run_sync(lambda made: METADATA.create_all(made, tables=TABLES))
        yield database
    finally:
        await database.close()


def sqlite_address(folder: Path) -> str:
    return f"sqlite:///{folder / 'accounts.db'}"


def uid() -> str:
    return str(uuid4())


def random_uuid(bits: bytes) -> str:
    return str(UUID(bytes=bits, version=4))


def person(phone: str | None = "+85512345678", email: str | None = None, role: str = "patient") -> NewAccount:
    return NewAccount(uid(), role, phone, email, "$argon2id$none", "km", NOW)


async def added(database: Database, new: NewAccount) -> bool:
    async with database.writing() as writing:
        return await create_account(writing, new, NOW)


async def logged_in(database: Database, account_id: str, device_id: str | None = None, now: str = NOW) -> Opened:
    new = NewSession(uid(), account_id, device_id, uid(), "Sokha's phone", "android", secrets.token_bytes(32))
    async with database.writing() as writing:
        return await open_session(writing, new, now)
