"""What is written is read back the same on both engines, through Core and through statements written as text."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
from sqlalchemy import Connection, Table, insert, select, text

from storage.catalogue import ENTITIES, table_of
from storage.columns import Flag, Instant
from storage.entity import Synced
from storage.wire_type import Wire
from tests.servers.fixtures import postgres_server  # noqa: F401 — a fixture
from tests.storage.databases import connected, migrated, migrated_postgres, migrated_sqlite  # noqa: F401
from tests.storage.rows import example

ALL = pytest.mark.parametrize("entity", ENTITIES, ids=lambda entity: entity.kind.name)


def read(connection: Connection, table: Table) -> dict[str, Any]:
    return dict(connection.execute(select(table)).mappings().one())


@ALL
def test_every_value_returns_as_it_was_written(migrated: str, entity: type[Synced]) -> None:  # noqa: F811
    row = example(entity.table())
    with connected(migrated) as connection:
        connection.execute(insert(entity.table()), [row])
        assert read(connection, entity.table()) == row


@ALL
def test_every_default_returns_as_it_was_declared(migrated: str, entity: type[Synced]) -> None:  # noqa: F811
    """models.md 5: SQLite kept the word "false", which then counted as true."""
    table = entity.table()
    defaults = {field.name: field.told.default for field in entity.declaration.fields if field.told.default is not None}
    row = {name: value for name, value in example(table).items() if name not in defaults}
    for name in ("deleted", "extra", "memory"):
        del row[name]
    with connected(migrated) as connection:
        connection.execute(insert(table), [row])
        found = read(connection, table)
    assert {name: found[name] for name in defaults} == defaults
    assert (found["deleted"], found["extra"], found["memory"]) == (False, {}, {})


@ALL
def test_every_null_returns_as_null(migrated: str, entity: type[Synced]) -> None:  # noqa: F811
    table = entity.table()
    row = {one.name: None if one.nullable else example(table)[one.name] for one in table.c}
    with connected(migrated) as connection:
        connection.execute(insert(table), [row])
        assert read(connection, table) == row
        for name in (one.name for one in table.c if one.nullable):  # SQL's null, not JSON's
            assert connection.execute(text(f"SELECT count(*) FROM {table.name} WHERE {name} IS NULL")).scalar() == 1


@ALL
def test_statements_as_text_speak_the_same_values_as_core(migrated: str, entity: type[Synced]) -> None:  # noqa: F811
    """storage/ledger writes its hot statements from pg_type, pg_out, sqlite_in and sqlite_out."""
    table = entity.table()
    row = example(table)
    types = {one.name: cast(Wire, one.type) for one in table.c}
    with connected(migrated) as connection:
        if connection.dialect.name == "postgresql":
            columns = ", ".join(f"{name} {kind.pg_type}" for name, kind in types.items())
            connection.execute(
                text(f"INSERT INTO {table.name} SELECT t.* "
                     f"FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS t({columns})"), {"rows": json.dumps([row])})
            pairs = " || ".join(f"jsonb_build_object('{name}', {kind.pg_out(name)})" for name, kind in types.items())
            told = connection.execute(text(f"SELECT {pairs} FROM {table.name}")).scalar_one()
        else:
            marks = ", ".join("?" * len(row))
            bound = tuple(types[name].sqlite_in(value) for name, value in row.items())
            connection.exec_driver_sql(f"INSERT INTO {table.name} ({', '.join(row)}) VALUES ({marks})", bound)
            raw = connection.exec_driver_sql(f"SELECT {', '.join(row)} FROM {table.name}").one()
            told = {name: None if value is None else types[name].sqlite_out(value)
                    for name, value in zip(row, raw, strict=True)}
        assert told == row == read(connection, table)


def test_instants_order_as_time_on_both_engines(migrated: str) -> None:  # noqa: F811
    moments = ["2026-01-01T00:56:00+00:00", "2026-01-01T00:56:00.1+00:00", "2026-01-01T00:56:00.12+00:00",
               "2026-01-01T00:56:01+00:00", "2026-01-01T10:00:00+00:00"]
    table = table_of("device")
    with connected(migrated) as connection:
        connection.execute(insert(table), [example(table) | {"last_seen_at": moment} for moment in reversed(moments)])
        found = connection.execute(select(table.c.last_seen_at).order_by(table.c.last_seen_at)).scalars().all()
        later = connection.execute(select(table.c.last_seen_at).where(table.c.last_seen_at > moments[1])).all()
    assert found == moments
    assert len(later) == 3


def test_flags_are_compared_as_flags(migrated: str) -> None:  # noqa: F811
    table = table_of("device")
    with connected(migrated) as connection:
        connection.execute(insert(table), [example(table) | {"deleted": False}, example(table) | {"deleted": True}])
        assert len(connection.execute(select(table).where(table.c.deleted == False)).all()) == 1  # noqa: E712
        assert connection.execute(select(table.c.deleted).where(table.c.deleted != False)).scalars().all() == [True]  # noqa: E712


def test_types_say_how_a_recordset_reads_them() -> None:
    assert (Instant().pg_type, Flag().pg_type) == ("timestamptz", "boolean")
    assert Instant().pg_out("t.at") == "t.at"
    assert Flag().sqlite_out(0) is False
