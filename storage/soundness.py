"""Whether a database may be trusted with a patient's record at all: asked at the start, told in sentences.

A damaged SQLite file must stop the start instead of failing later in the middle of somebody's dose (hardening 2.7); a
PostgreSQL whose durability is switched off forgets acknowledged commits at a crash (hardening 2.5).
"""

from __future__ import annotations

from typing import Any, Protocol

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

OLDEST_SQLITE = (3, 38, 0)  # STRICT tables, `->>`, RETURNING, upserts
DURABLE = {"fsync": ("on",), "full_page_writes": ("on",), "synchronous_commit": ("on", "remote_apply", "remote_write")}


class UnsoundError(RuntimeError):
    """The database cannot be used; the message says why."""


class Asks(Protocol):
    """A transaction that may read."""

    async def execute(self, statement: Any, params: Any = None) -> Any: ...


async def refuse_unsound(connection: AsyncConnection) -> None:
    """Raises UnsoundError for an SQLite that is too old or a file that is damaged."""
    version = str((await connection.execute(text("SELECT sqlite_version()"))).scalar_one())
    if tuple(int(part) for part in version.split(".")) < OLDEST_SQLITE:
        oldest = ".".join(map(str, OLDEST_SQLITE))
        raise UnsoundError(f"SQLite is {version}; the oldest that will do is {oldest}.")
    found = (await connection.execute(text("PRAGMA quick_check(1)"))).scalar_one()
    if found != "ok":
        raise UnsoundError(f"The database file is damaged: {found}.")


async def forgetful(reading: Asks) -> list[str]:
    """Names of PostgreSQL's settings that let acknowledged commits be lost; empty if it is durable."""
    asked = text("SELECT name, setting FROM pg_settings WHERE name = ANY (:names) ORDER BY name")
    found = await reading.execute(asked, {"names": list(DURABLE)})
    return [row.name for row in found if row.setting not in DURABLE[row.name]]
