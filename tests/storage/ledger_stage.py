"""The ledger on a database for tests of what the port does not speak of: people with sessions, counts of tables."""

from __future__ import annotations

from sqlalchemy import FromClause, func, insert, select

from storage.accounts.tables import account, session
from storage.ledger.ledger import Ledger
from tests.storage.by_hand import NOW, Writer, new_id


async def logged_in(store: Ledger) -> Writer:
    """Somebody with an account and a live session."""
    writer = Writer(session=new_id())
    async with store.database.writing() as writing:
        await writing.execute(insert(account).values(id=writer.user, role="patient", state="active", created_at=NOW))
        await writing.execute(insert(session).values(
            id=writer.session, account_id=writer.user, device_id=writer.device, created_at=NOW))
    return writer


async def count(store: Ledger, table: FromClause) -> int:
    async with store.database.reading() as reading:
        return int((await reading.execute(select(func.count()).select_from(table))).scalar_one())
