"""The table of one kind as the ledger's statements see it: columns in order, key, how a row goes in and out.

Rows travel as JSON both ways, objects without their nulls on the way in, arrays in column order on the way out. Knows
types of columns; never an engine's SQL (postgres_text.py, sqlite_text.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Column, Table

from storage.scope import Place
from storage.wire_type import Wire
from sync.access import id_in, prefix_of
from sync.kind import Kind, Lookup
from sync.record import Key, Row
from sync.values import Unfit

MAX_COLUMNS = 98  # PostgreSQL's functions take 100 arguments, and a row leaves as one json_build_array
SYSTEM = ("id", "version", "hlc", "deleted", "created_at", "changed_at", "changed_by", "extra", "memory")


class Catalogue(Protocol):
    """What the ledger asks of storage/catalogue.py."""

    @property
    def KINDS(self) -> Mapping[str, Kind]: ...  # noqa: N802 — a module is handed in

    def table_of(self, kind: str) -> Table: ...

    def home_of(self, kind: str) -> Place: ...


@dataclass(frozen=True, slots=True)
class Shelf:
    """`home` is the column that tells the home scope; `fields` are the declared columns."""

    kind: Kind
    table: Table
    home: Place
    fields: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.table.name

    @property
    def columns(self) -> Sequence[Column[Any]]:
        """Engine columns first, then the fields: the order of every array."""
        return [self.table.c[name] for name in (*SYSTEM, *self.fields)]

    @property
    def key(self) -> Sequence[str]:
        return ("id",) if self.home.column == "id" else (self.home.column, "id")

    def object_of(self, row: Row) -> dict[str, Any]:
        """The row as the upsert takes it. What is None is left out, which reads as null."""
        assert row.fields.keys() <= set(self.fields), f"{self.name} has no such columns"
        body = {name: value for name, value in row.fields.items() if value is not None}
        body.update(id=row.id, version=row.version, hlc=row.hlc, deleted=row.deleted, created_at=row.created_at,
                    changed_at=row.changed_at, changed_by=row.changed_by, extra=row.extra, memory=row.memory)
        return body

    def row_of(self, values: Sequence[Any]) -> Row:
        id_, version, hlc, deleted, created_at, changed_at, changed_by, extra, memory, *rest = values
        fields = dict(zip(self.fields, rest, strict=True))
        return Row(self.kind.name, id_, self.kind.scopes_of(id_, fields), version, hlc, fields, memory, extra,
                   deleted, created_at, changed_at, changed_by)

    def fits(self, look: Lookup) -> bool:
        """Whether any row could be found: a malformed id or another prefix must not be a driver's error."""
        if prefix_of(look.home) != self.home.prefix or not _is_of(self.table.c["id"], id_in(look.home)):
            return False
        since = look.since is None or _is_of(self.table.c[look.since[0]], look.since[1])
        return since and _is_of(self.table.c[look.column], look.value)

    def fits_key(self, key: Key) -> bool:
        return self.fits(Lookup(key.kind, key.home, "id", key.id))


def _is_of(column: Column[Any], value: str) -> bool:
    kind = column.type
    try:
        return isinstance(kind, Wire) and kind.check(value) == value
    except Unfit:
        return False


def shelves(catalogue: Catalogue) -> dict[str, Shelf]:
    """The shelf of every kind. Raises TypeError for one whose statements could not be written."""
    made = {name: Shelf(kind, catalogue.table_of(name), catalogue.home_of(name), tuple(kind.columns))
            for name, kind in catalogue.KINDS.items()}
    for shelf in made.values():
        _refuse_faults(shelf)
    return made


def _refuse_faults(shelf: Shelf) -> None:
    key = {column.name for column in shelf.table.primary_key.columns}
    if key != set(shelf.key):
        # Otherwise a stranger's row with the same id would be written over.
        raise TypeError(f"The primary key of {shelf.name} must be {', '.join(shelf.key)}.")
    missing = _missing(shelf.table, (*SYSTEM, *shelf.fields))
    if missing:
        raise TypeError(f"{shelf.name} lacks {', '.join(missing)}.")
    if len(shelf.table.c) > MAX_COLUMNS:
        raise TypeError(f"{shelf.name} has more than {MAX_COLUMNS} columns.")


def _missing(table: Table, names: Iterable[str]) -> list[str]:
    return [name for name in names if name not in table.c]
