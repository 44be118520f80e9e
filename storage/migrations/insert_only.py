"""Tables whose rows are written once: the database itself refuses to change or delete them (R-083, R-380).

`op.invoke(KeepInsertOnly("change"))` in a revision makes the triggers on either engine; autogenerate adds it by itself to a
new table of INSERT_ONLY. Erasing a person's data is a revision's or an operator's act and drops the triggers first.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations import MigrateOperation, Operations
from alembic.operations.ops import CreateTableOp, MigrationScript
from alembic.runtime.migration import MigrationContext

INSERT_ONLY = frozenset({"change", "audit", "prescription_version"})

# Row triggers, for INSERT … ON CONFLICT DO UPDATE fires those of the statement even if nothing is updated.
_POSTGRESQL = (
    """
    CREATE OR REPLACE FUNCTION refuse_to_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION USING MESSAGE = TG_TABLE_NAME || ' is insert-only', ERRCODE = 'integrity_constraint_violation';
    END $$
    """,
    "CREATE TRIGGER {table}_is_insert_only BEFORE UPDATE OR DELETE ON {table} "
    "FOR EACH ROW EXECUTE FUNCTION refuse_to_change()",
    "CREATE TRIGGER {table}_is_not_emptied BEFORE TRUNCATE ON {table} "
    "FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change()",
)
_SQLITE = tuple(
    f"CREATE TRIGGER {{table}}_refuses_{verb} BEFORE {verb.upper()} ON {{table}} "
    "BEGIN SELECT RAISE(ABORT, '{table} is insert-only'); END"
    for verb in ("update", "delete")
)


class KeepInsertOnly(MigrateOperation):
    def __init__(self, table: str) -> None:
        self.table = table


@Operations.implementation_for(KeepInsertOnly)
def _make_triggers(operations: Operations, operation: KeepInsertOnly) -> None:
    connection = operations.get_bind()
    for statement in _SQLITE if connection.dialect.name == "sqlite" else _POSTGRESQL:
        connection.exec_driver_sql(statement.replace("{table}", operation.table))


@renderers.dispatch_for(KeepInsertOnly)
def _written(context: AutogenContext, operation: KeepInsertOnly) -> str:
    context.imports.add("from storage.migrations.insert_only import KeepInsertOnly")
    return f"op.invoke(KeepInsertOnly({operation.table!r}))"


def with_triggers(context: MigrationContext, revision: Any, directives: Iterable[MigrationScript]) -> None:
    """Alembic's hook: new tables of INSERT_ONLY get their triggers in the same revision."""
    del context, revision
    for script in directives:
        upgrade = script.upgrade_ops
        assert upgrade is not None
        made = [operation.table_name for operation in upgrade.ops if isinstance(operation, CreateTableOp)]
        upgrade.ops.extend(KeepInsertOnly(table) for table in made if table in INSERT_ONLY)
