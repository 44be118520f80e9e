"""What every column type of ours is: a canonical wire value in Python, its own implementation on each engine.

Knows SQLAlchemy's and pydantic's hooks for types, and that ranges become CHECK constraints; never a single type (those
are storage/columns.py), a table or a kind.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema
from sqlalchemy import CheckConstraint, Column, Dialect, Table, event
from sqlalchemy import types as sa
from sqlalchemy.types import TypeDecorator, TypeEngine

from storage.metadata import METADATA

Schema = dict[str, Any]


class Wire(TypeDecorator[Any]):
    """A column whose Python value is the canonical wire value."""

    impl: Any = sa.TEXT
    cache_ok = True
    pg_type: ClassVar[str] = "text"
    on_postgresql: ClassVar[TypeEngine[Any]] = sa.TEXT()
    on_sqlite: ClassVar[TypeEngine[Any]] = sa.TEXT()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.cache_ok = True  # SQLAlchemy does not inherit it, and compiles each statement anew without it

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return self.on_sqlite if dialect.name == "sqlite" else self.on_postgresql

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:
        if value is None:
            return None
        return self.sqlite_in(value) if dialect.name == "sqlite" else self.pg_in(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        if value is None:
            return None
        return self.sqlite_out(value) if dialect.name == "sqlite" else self.pg_read(value)

    def check(self, value: Any) -> Any:
        """The canonical spelling of a value that a client sent. Raises sync.values.Unfit."""
        raise NotImplementedError

    def schema(self) -> Schema:
        """JSON Schema 2020-12 of the wire value."""
        raise NotImplementedError

    def sent_schema(self) -> Schema:
        """JSON Schema of what a client may send for it; the wire value is one of its spellings."""
        return self.schema()

    def range_check(self, column: str) -> str:
        """SQL that both engines understand, for a CHECK on that column; empty if the type itself bounds the value."""
        del column
        return ""

    def pg_out(self, expr: str) -> str:
        return expr

    def pg_in(self, value: Any) -> Any:
        return value

    def pg_read(self, raw: Any) -> Any:
        return raw

    def sqlite_in(self, value: Any) -> Any:
        return value

    def sqlite_out(self, raw: Any) -> Any:
        return raw

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """So that `Annotated[str, Uuid()]` works in a pydantic model beside an entity."""
        return core_schema.no_info_plain_validator_function(self.check)

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> Schema:
        return self.sent_schema()


@event.listens_for(Column, "after_parent_attach")
def _bound(column: Column[Any], table: Any) -> None:
    """Gives each column of our tables the CHECK of its type. Tables of migrations carry theirs in writing."""
    if isinstance(column.type, Wire) and isinstance(table, Table) and table.metadata is METADATA:
        words = column.type.range_check(column.name)
        if words:
            table.append_constraint(CheckConstraint(words, name=f"{column.name}_range"))
