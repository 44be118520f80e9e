"""The one MetaData of all tables, with names for every constraint, so that migrations can name them on both engines.

Knows no table: whoever declares one hands this object in.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import MetaData

METADATA = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)
STRICT: dict[str, Any] = {"sqlite_strict": True}
"""Table arguments for every table: without STRICT, SQLite keeps text in an INTEGER column (hardening.md 1.6)."""
