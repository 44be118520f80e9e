"""Which account a device id belongs to: the first that brings it, for ever (R-015).

Everything a device sends is ordered and deduplicated by its id, and other people see that id in rows' times. So a
second account on the same phone, or somebody who read the id in a row, never gets it: they get one derived from it and
their account, the same at every login. The answer of the login says which id holds.
"""

from __future__ import annotations

from uuid import UUID, uuid5

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert  # compiles alike for SQLite, whose upsert is the same

from storage.accounts.tables import account_device
from storage.database import Writing

FALLBACKS = 3


async def claim_device(writing: Writing, account_id: str, asked: str | None, spare: str, now: str) -> str:
    """The device id that this account may use: `asked`, one derived from it, or `spare` (a random UUID) if none was
    asked for."""
    wanted = asked or spare
    for _ in range(FALLBACKS):
        if await _owner(writing, account_id, wanted, now) == account_id:
            return wanted
        wanted = str(uuid5(UUID(wanted), account_id))
    await _owner(writing, account_id, spare, now)
    return spare


async def _owner(writing: Writing, account_id: str, device_id: str, now: str) -> str:
    mine = insert(account_device).values(device_id=device_id, account_id=account_id, created_at=now)
    await writing.execute(mine.on_conflict_do_nothing(index_elements=["device_id"]))
    asked = select(account_device.c.account_id).where(account_device.c.device_id == device_id)
    return str((await writing.execute(asked)).scalar_one())
