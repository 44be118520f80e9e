"""An opened database, and people with accounts and sessions in it; every time is written by hand."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

from storage.accounts.accounts import NewAccount, create_account
from storage.accounts.sessions import NewSession, Opened, open_session
from storage.database import Database

NOW = "2026-11-21T02:00:00+00:00"


@asynccontextmanager
async def opened(address: str) -> AsyncIterator[Database]:
    database = Database(address)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


def uid() -> str:
    return str(uuid4())


def person(phone: str | None = "+85512345678", email: str | None = None, role: str = "patient") -> NewAccount:
    return NewAccount(uid(), role, phone, email, "$argon2id$none", "km", NOW)


async def added(database: Database, new: NewAccount) -> bool:
    async with database.writing() as writing:
        return await create_account(writing, new, NOW)


async def logged_in(database: Database, account_id: str, device_id: str | None = None, now: str = NOW) -> Opened:
    new = NewSession(uid(), account_id, device_id, uid(), "Sokha's phone", "android", secrets.token_bytes(32))
    async with database.writing() as writing:
        return await open_session(writing, new, now)
