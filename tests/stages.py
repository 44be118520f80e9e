"""The same stage on three stores: dictionaries, SQLite, PostgreSQL. A test that takes `stage` runs on each.

Databases come from one migrated template per run, so that a test costs milliseconds and starts from the real schema.
"""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import insert

from storage import catalogue
from storage.accounts.tables import account
from storage.catalogue import KINDS
from storage.database import Database
from storage.ledger import incarnation
from storage.ledger.ledger import Ledger
from storage.migrations import upgrade_now
from sync.memory import MemoryStore
from sync.store import Who
from sync.values import canonical_instant
from tests.cast import MORNING, Cast, Stage
from tests.servers.postgres import Postgres

BEGAN = canonical_instant(MORNING)
STORES = ("memory", "sqlite", "postgres")
DATABASES = ("sqlite", "postgres")


def memory_stage() -> Stage:
    store = MemoryStore(KINDS)

    async def enrol(user: str, role: str, state: str) -> None:
        store.state.accounts[user] = Who(role, state)

    return Stage(store, enrol)


@asynccontextmanager
async def database_stage(url: str) -> AsyncIterator[Stage]:
    """A stage on a migrated database, opened and closed."""
    database = Database(url)
    await database.open()
    try:
        await incarnation.begin(database, BEGAN)

        async def enrol(user: str, role: str, state: str) -> None:
            async with database.writing() as writing:
                await writing.execute(insert(account).values(id=user, role=role, state=state, created_at=BEGAN))

        yield Stage(Ledger(database, catalogue), enrol)
    finally:
        await database.close()


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "template.db"
    upgrade_now(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: Postgres) -> Iterator[str]:
    """The name of a migrated database to copy; nobody may be connected to it."""
    name = postgres_server.create_database()
    upgrade_now(postgres_server.url(name))
    yield name
    postgres_server.drop_database(name)


@pytest.fixture
def sqlite_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    shutil.copy(migrated_sqlite, tmp_path / "stage.db")
    return f"sqlite:///{tmp_path / 'stage.db'}"


@pytest.fixture
def postgres_url(migrated_postgres: str, postgres_server: Postgres) -> Iterator[str]:
    with postgres_server.database(template=migrated_postgres) as url:
        yield url


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest) -> str:
    """A migrated database on each engine."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    await database.open()
    await incarnation.begin(database, BEGAN)
    yield database
    await database.close()


@pytest.fixture(params=STORES)
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """An empty stage on each store."""
    if request.param == "memory":
        yield memory_stage()
        return
    async with database_stage(str(request.getfixturevalue(f"{request.param}_url"))) as stage:
        yield stage


@pytest.fixture
async def cast(stage: Stage) -> Cast:
    """Everybody, registered, on each store."""
    return await Cast(stage).arrive()
