"""How declared tables are held against a database, for autogenerate and for the test that nothing is left to migrate."""

from __future__ import annotations

from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import CheckConstraint, Column, Connection, Identity, inspect

from storage.migrations.declared_tables import METADATA


def options_for(connection: Connection) -> dict[str, Any]:
    """Alembic's options of comparison. Its own rules for defaults, but for SQLite's missing IDENTITY."""
    on_sqlite = connection.dialect.name == "sqlite"
    return {"compare_type": True, "compare_server_default": _default_differs if on_sqlite else True}


def _default_differs(
    _context: Any, _found: Any, column: Column[Any], _found_text: Any, _default: Any, _rendered: Any
) -> bool | None:
    """On SQLite an INTEGER PRIMARY KEY numbers itself; None leaves all else to Alembic."""
    return False if isinstance(column.server_default, Identity) else None


def differences(connection: Connection) -> list[Any]:
    """What a revision would have to change, and CHECKs, which Alembic does not compare. Empty if nothing."""
    found: list[Any] = compare_metadata(MigrationContext.configure(connection, opts=options_for(connection)), METADATA)
    inspector = inspect(connection)
    for table in METADATA.sorted_tables:
        declared = {rule.name for rule in table.constraints if isinstance(rule, CheckConstraint)}
        standing = {rule["name"] for rule in inspector.get_check_constraints(table.name)}
        found += [("check", table.name, name) for name in sorted(map(str, declared ^ standing))]
    return found
