"""Brings a database to the newest schema: one tree of revisions for PostgreSQL and SQLite.

`upgrade` may be called by any number of servers at once: the first takes a lock and migrates in one transaction, the
others wait and find nothing to do (I-24). How revisions are written is storage/migrations/revise.py.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, NullPool, create_engine, event, make_url, text

LOCK_KEY = 0x64617374  # "dast"; the advisory lock of migrations on PostgreSQL
WAIT_S = 120
"""How long one server waits for another that migrates; longer than any time limit of ordinary statements."""

# Alembic keeps the running migration in a global of its module.
_ONE_AT_A_TIME = threading.Lock()


async def upgrade(address: str) -> None:
    """Migrates the database at a postgresql:// or sqlite:/// address to the newest revision. Runs in a thread."""
    await asyncio.to_thread(upgrade_now, address)


def upgrade_now(address: str) -> None:
    """As `upgrade`, in this thread."""
    with _ONE_AT_A_TIME, locked(address) as connection:
        command.upgrade(config_for(connection), "head")


async def pending(address: str) -> bool:
    """Whether the database lacks a revision of this program, or has one that this program does not know."""
    return await asyncio.to_thread(_pending, address)


def _pending(address: str) -> bool:
    engine = _engine(address)
    try:
        with engine.connect() as connection:
            stands = MigrationContext.configure(connection).get_current_revision()
    finally:
        engine.dispose()
    return stands != ScriptDirectory.from_config(config_for()).get_current_head()


def config_for(connection: Connection | None = None, **attributes: Any) -> Config:
    """Alembic's configuration without a file; `connection` is the one that env.py works on."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    config.attributes.update(connection=connection, **attributes)
    return config


@contextmanager
def locked(address: str) -> Iterator[Connection]:
    """A connection inside a transaction that no other migration shares; committed at the end."""
    engine = _engine(address)
    try:
        with engine.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK_KEY})
            yield connection
    finally:
        engine.dispose()


def _engine(address: str) -> Engine:
    url = make_url(address)
    if url.get_backend_name() == "postgresql":
        options = f"-c TimeZone=UTC -c statement_timeout=0 -c lock_timeout={WAIT_S * 1000}"
        return create_engine(url.set(drivername="postgresql+psycopg"), poolclass=NullPool,
                             connect_args={"options": options, "connect_timeout": 5})
    engine = create_engine(url.set(drivername="sqlite"), poolclass=NullPool,
                           connect_args={"timeout": WAIT_S, "isolation_level": None})
    # IMMEDIATE: the write lock first, so that two servers on one new file migrate once.
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine
