"""From an address to SQLAlchemy engines with our settings (hardening 2.5, 2.7). Opens nothing itself.

There are two engines: one whose connections write, in transactions that the caller begins, and one that may only read.
Neither pools: storage/held.py keeps their connections. Knows drivers and time limits; never a table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import URL, NullPool, event, make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

POSTGRESQL = "postgresql"
SQLITE = "sqlite"
SQLITE_BUSY_MS = 5_000


class UnfitAddressError(ValueError):
    """The database's address cannot be used; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long anything may take, and how many connections there are. Milliseconds unless the name says seconds."""

    writers: int = 8  # on SQLite there is one
    readers: int = 4
    connect_s: int = 2
    statement_ms: int = 5_000
    lock_ms: int = 2_000
    idle_in_transaction_ms: int = 10_000
    turn_s: float = 2.0  # to get a connection at all
    recycle_s: float = 1_800.0


def read_address(address: str) -> URL:
    """The URL with its driver. Raises UnfitAddressError."""
    try:
        url = make_url(address)
    except Exception as error:  # SQLAlchemy's and int()'s errors alike
        raise UnfitAddressError("The database address cannot be read.") from error
    engine = url.get_backend_name()
    if engine == POSTGRESQL:
        return url.set(drivername="postgresql+psycopg")
    if engine == SQLITE:
        if not url.database or url.database == ":memory:":
            raise UnfitAddressError("SQLite needs a file: in memory nothing would outlive the process.")
        return url.set(drivername="sqlite+aiosqlite")
    raise UnfitAddressError(f"{engine} is no database we know; use postgresql:// or sqlite:///.")


def make_engines(url: URL, limits: Limits) -> tuple[AsyncEngine, AsyncEngine]:
    """(writing, reading)."""
    if url.get_backend_name() == SQLITE:
        return _sqlite(url, limits, writes=True), _sqlite(url, limits, writes=False)
    return _postgresql(url, limits, writes=True), _postgresql(url, limits, writes=False)


def _postgresql(url: URL, limits: Limits, *, writes: bool) -> AsyncEngine:
    settings = {
        "TimeZone": "UTC",  # instants leave as +00:00
        "statement_timeout": limits.statement_ms,
        "lock_timeout": limits.lock_ms,
        "idle_in_transaction_session_timeout": limits.idle_in_transaction_ms,
        "jit": "off",  # compiling a statement of many CTEs takes longer than running it
        "plan_cache_mode": "force_generic_plan",  # our JSON parameters say nothing to a planner
        "default_transaction_read_only": "off" if writes else "on",
    }
    connect: dict[str, Any] = {
        "connect_timeout": limits.connect_s,
        "options": " ".join(f"-c {name}={value}" for name, value in settings.items()),
        "application_name": "dastern",
        "keepalives": 1, "keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 2,
        "tcp_user_timeout": 8_000,
    }
    # Readers run in autocommit: each statement is its own snapshot, and saves two round trips.
    level = {} if writes else {"isolation_level": "AUTOCOMMIT"}
    return create_async_engine(url, poolclass=NullPool, connect_args=connect, use_native_hstore=False, **level)


def _sqlite(url: URL, limits: Limits, *, writes: bool) -> AsyncEngine:
    # isolation_level None: the driver begins nothing by itself, BEGIN and BEGIN IMMEDIATE are ours.
    engine = create_async_engine(url, poolclass=NullPool, connect_args={"isolation_level": None})
    pragmas = ["journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={SQLITE_BUSY_MS}",
               "trusted_schema=OFF", f"query_only={'OFF' if writes else 'ON'}"]

    @event.listens_for(engine.sync_engine, "connect")
    def set_pragmas(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine
