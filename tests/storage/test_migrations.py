"""One tree of revisions makes on both engines exactly what is declared, once, however many servers start (I-24)."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest
from sqlalchemy import insert, inspect, text, update
from sqlalchemy.exc import DatabaseError, IntegrityError

from storage.catalogue import ENTITIES, table_of
from storage.entity import Synced
from storage.migrations import pending, upgrade, upgrade_now
from storage.migrations.comparison import differences
from storage.migrations.declared_tables import METADATA
from storage.migrations.insert_only import INSERT_ONLY
from tests.servers.fixtures import postgres_server  # noqa: F401 — a fixture
from tests.storage.databases import connected, empty, migrated, migrated_postgres, migrated_sqlite  # noqa: F401
from tests.storage.rows import example

NOW = "2026-01-01T00:56:00+00:00"


def test_nothing_is_left_to_migrate(migrated: str) -> None:  # noqa: F811
    """Types, defaults, indexes, unique constraints and CHECKs; an edit of an entity without a revision fails here:
    `python -m storage.migrations.revise` writes one."""
    with connected(migrated) as connection:
        assert differences(connection) == []


def test_the_comparison_sees_a_missing_column_and_a_missing_check(migrated: str) -> None:  # noqa: F811
    with connected(migrated) as connection:
        connection.execute(text("ALTER TABLE line_setting DROP COLUMN sound"))
        if connection.dialect.name == "postgresql":
            connection.execute(text("ALTER TABLE device DROP CONSTRAINT ck_device_last_seen_at_range"))
        found = differences(connection)
    assert ("add_column", "line_setting") in [(one[0], one[2]) for one in found if isinstance(one, tuple)]
    if migrated.startswith("postgresql"):
        assert ("check", "device", "ck_device_last_seen_at_range") in found


def test_migrating_twice_changes_nothing(migrated: str) -> None:  # noqa: F811
    with connected(migrated) as connection:
        connection.execute(insert(table_of("device")), [example(table_of("device"))])
        connection.commit()
    upgrade_now(migrated)
    with connected(migrated) as connection:
        assert connection.execute(table_of("device").select()).one()


def test_servers_that_start_together_on_an_empty_database_migrate_once(empty: str) -> None:  # noqa: F811
    """I-24"""
    source = "import sys; from storage.migrations import upgrade_now; upgrade_now(sys.argv[1])"
    servers = [subprocess.Popen([sys.executable, "-c", source, empty], stderr=subprocess.PIPE) for _ in range(4)]
    told = [server.communicate(timeout=60)[1] for server in servers]
    assert [server.returncode for server in servers] == [0] * 4, told
    with connected(empty) as connection:
        assert differences(connection) == []


def test_a_database_says_whether_it_waits_for_a_revision(empty: str) -> None:  # noqa: F811
    async def story() -> tuple[bool, bool]:
        before = await pending(empty)
        await upgrade(empty)
        return before, await pending(empty)

    assert asyncio.run(story()) == (True, False)


def test_a_revision_that_fails_leaves_nothing_behind(empty: str) -> None:  # noqa: F811
    with connected(empty) as connection:
        connection.execute(text("CREATE TABLE session (id TEXT)"))
        connection.commit()
    with pytest.raises(DatabaseError):
        upgrade_now(empty)
    with connected(empty) as connection:
        assert inspect(connection).get_table_names() == ["session"]


def test_every_table_on_sqlite_is_strict(migrated: str) -> None:  # noqa: F811
    """hardening 1.6: SQLite would keep text in an INTEGER column."""
    if not migrated.startswith("sqlite"):
        return
    with connected(migrated) as connection:
        found = connection.execute(text("SELECT name, strict FROM pragma_table_list WHERE type = 'table'")).all()
        strict = {name for name, is_strict in found if is_strict}
        assert strict == set(METADATA.tables)
        connection.execute(insert(table_of("device")), [example(table_of("device"))])
        with pytest.raises(DatabaseError, match="cannot store TEXT value in INTEGER column"):
            connection.execute(text("UPDATE device SET deleted = 'false'"))


@pytest.mark.parametrize(("kind", "column", "value"), [
    ("dose_event", "due_at", "2200-01-01T00:00:00+00:00"),
    ("dose_event", "changed_at", "1899-12-31T23:59:59+00:00"),
    ("dose_event", "amount", "10000"),
    ("dose_event", "amount_due", "-0.5"),
    ("dose_event", "nominal_date", "2200-01-01"),
    ("patient", "birth_date", "1899-12-31"),
])
def test_the_database_itself_refuses_what_would_brick_a_row(
    migrated: str, kind: str, column: str, value: str  # noqa: F811
) -> None:
    """hardening 1.3, S-58: behind the wire check stands a CHECK on every instant, date and decimal."""
    table = table_of(kind)
    with connected(migrated) as connection, pytest.raises(IntegrityError, match=f"ck_{kind}_{column}_range"):
        connection.execute(insert(table), [example(table) | {column: value}])


@pytest.mark.parametrize("table", sorted(INSERT_ONLY))
def test_what_was_written_cannot_be_changed_or_deleted(migrated: str, table: str) -> None:  # noqa: F811
    """R-083, R-380"""
    target = METADATA.tables[table]
    row = example(target)
    with connected(migrated) as connection:
        connection.execute(insert(target), [row])
        connection.commit()
        name = next(one.name for one in target.c if not one.primary_key)
        for statement in (update(target).values({name: row[name]}), target.delete()):
            with pytest.raises(IntegrityError, match=f"{table} is insert-only"):
                connection.execute(statement)
            connection.rollback()
        if connection.dialect.name == "postgresql":
            with pytest.raises(IntegrityError, match=f"{table} is insert-only"):
                connection.execute(text(f"TRUNCATE {table}"))
            connection.rollback()
        assert len(connection.execute(target.select()).all()) == 1


@pytest.mark.parametrize("entity", ENTITIES, ids=lambda entity: entity.kind.name)
def test_every_declared_column_stands_in_the_table(entity: type[Synced]) -> None:
    assert set(entity.kind.columns) <= set(entity.table().c.keys())
