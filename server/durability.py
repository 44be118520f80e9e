"""Whether the database really keeps what it acknowledges (hardening 2.5): asked once, at the start.

Knows three settings of PostgreSQL; SQLite's are ours (storage/engines.py).
"""

from __future__ import annotations

from sqlalchemy import text

from storage.database import Database

DEMANDED = {"fsync": ("on",), "synchronous_commit": ("on", "remote_apply", "remote_write", "local"),
            "full_page_writes": ("on",)}


class ForgetfulDatabaseError(RuntimeError):
    """The database may lose acknowledged doses at a power cut; the message names the settings."""


async def refuse_forgetful(database: Database, *, production: bool) -> None:
    """Raises ForgetfulDatabaseError in production."""
    if database.is_sqlite or not production:
        return
    async with database.reading() as reading:
        found = {name: (await reading.execute(text(f"SHOW {name}"))).scalar_one() for name in DEMANDED}
    wrong = [f"{name} is {value}" for name, value in found.items() if value not in DEMANDED[name]]
    if wrong:
        raise ForgetfulDatabaseError(f"This PostgreSQL may lose what it acknowledged: {', '.join(wrong)}.")
