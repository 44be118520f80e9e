"""A table whose rows never change and never go, whoever tries: the database itself refuses (R-380).

`keep_insert_only` makes it so with the table; migrations run the statements of `refusals`. Knows triggers; no table.
"""

from __future__ import annotations

from sqlalchemy import DDL, Table, event

_POSTGRESQL = (
    """CREATE OR REPLACE FUNCTION refuse_change_of_{table}() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '{table} is insert-only' USING ERRCODE = 'restrict_violation'; END $$""",
    """CREATE TRIGGER {table}_insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_{table}()""",
)
_SQLITE = (
    """CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table}
BEGIN SELECT RAISE(ABORT, '{table} is insert-only'); END""",
    """CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table}
BEGIN SELECT RAISE(ABORT, '{table} is insert-only'); END""",
)


def refusals(table: str, dialect: str) -> tuple[str, ...]:
    """The statements that make `table` insert-only on `postgresql` or `sqlite`."""
    return tuple(words.format(table=table) for words in (_SQLITE if dialect == "sqlite" else _POSTGRESQL))


def keep_insert_only(table: Table) -> None:
    """Whenever `table` is made by its MetaData, its refusals are made with it."""
    for dialect in ("postgresql", "sqlite"):
        for words in refusals(table.name, dialect):
            event.listen(table, "after_create", DDL(words).execute_if(dialect=dialect))
