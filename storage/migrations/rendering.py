"""How our tables stand in a revision: types by name, without limits, which are the wire check's and no schema's; and
true and false as themselves, for SQLite's 1 and 0 are no booleans in PostgreSQL (models.md 5)."""

from __future__ import annotations

from typing import Any, Literal

from alembic.autogenerate.api import AutogenContext
from sqlalchemy import DefaultClause
from sqlalchemy.sql.elements import False_, True_

from storage.wire_type import Wire


def render_item(type_: str, item: Any, context: AutogenContext) -> str | Literal[False]:
    if type_ == "type" and isinstance(item, Wire):
        context.imports.add("from storage import columns")
        return f"columns.{type(item).__name__}()"
    if type_ == "server_default" and isinstance(item, DefaultClause) and isinstance(item.arg, True_ | False_):
        return "sa.true()" if isinstance(item.arg, True_) else "sa.false()"
    return False
