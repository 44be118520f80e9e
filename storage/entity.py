"""One class per kind of row: from its declaration follow the table, the wire check, the schema and the engine's `Kind`.

Subclasses of `Synced` are executed with Core statements only: no Session, no relationship(). A faulty declaration stops
the program at import with a sentence (storage/declaration.py). Knows no kind by name.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar, cast

from sqlalchemy import Index, Table
from sqlalchemy.orm import DeclarativeBase, mapped_column

from storage.columns import Flag, Instant, Json, Text, Uuid, Whole
from storage.declaration import Declaration, refuse_faults
from storage.declared import Declared, Field, read_field
from storage.metadata import METADATA, STRICT
from storage.scope import Scope
from storage.wire_check import wire_check
from sync.access import Access, Role, View
from sync.kind import Column, Kind, Needs, any_id, needs_nothing, no_founder, no_guard
from sync.policy import Policy
from sync.record import Change, Fields
from sync.rule import Guard

MAX_HLC_CHARS = 120
FIRST = -1000  # sort_order: inherited columns would stand at the end of each table (models.md 5)


class Synced(DeclarativeBase):
    """Base of all entities. The columns here are the engine's, on every table, and no client writes them."""

    metadata = METADATA

    id = mapped_column(Uuid(), primary_key=True, sort_order=FIRST + 1)
    version = mapped_column(Whole(), nullable=False, sort_order=FIRST + 2)
    hlc = mapped_column(Text(MAX_HLC_CHARS), nullable=False, sort_order=FIRST + 3)
    deleted = mapped_column(Flag(), nullable=False, default=False, sort_order=FIRST + 4)
    created_at = mapped_column(Instant(), nullable=False, sort_order=FIRST + 5)
    changed_at = mapped_column(Instant(), nullable=False, sort_order=FIRST + 6)
    changed_by = mapped_column(Uuid(), nullable=False, sort_order=FIRST + 7)
    extra = mapped_column(Json(), nullable=False, default={}, sort_order=FIRST + 8)
    memory = mapped_column(Json(), nullable=False, default={}, sort_order=FIRST + 9)

    declaration: ClassVar[Declaration]
    kind: ClassVar[Kind]
    __indexes__: ClassVar[tuple[tuple[str, ...], ...]] = ()
    """Columns of each index after the home column, which begins them all (DESIGN.md 6)."""

    def __init_subclass__(
        cls,
        *,
        policy: Policy,
        scope: Scope,
        access: Access,
        part: str | None = None,
        day: str | None = None,
        line: str | None = None,
        founds: str | None = None,
        founder: Callable[[str, Change], Role | None] = no_founder,
        deposits: Iterable[str] = (),
        computed_id: Callable[[Fields], str | None] = any_id,
        guard: Guard | None = None,
        needs: Callable[[Change, str], Needs] = needs_nothing,
        reacts: bool = False,
        masks: Callable[[dict[str, Any], View], dict[str, Any]] | None = None,
    ) -> None:
        fields = _fields_of(cls)
        kind = Kind(
            name=re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower(), policy=policy, access=access,
            columns={field.name: _column(field) for field in fields}, scopes_of=scope.names,
            check=wire_check(fields, ENGINE_COLUMNS),
            check_server=wire_check(fields, ENGINE_COLUMNS, by_server=True), part=part, day=day, line=line,
            parents={field.name: field.told.refers_to for field in fields if field.told.refers_to is not None},
            founds=founds, founder=founder, deposits=frozenset(deposits), reacts=reacts, masks=masks,
            guard=guard or no_guard, computed_id=computed_id, needs=needs,
        )
        cls.kind = kind
        cls.declaration = Declaration(inspect.cleandoc(cls.__doc__ or ""), scope, fields, cls.__indexes__)
        refuse_faults(cls.__name__, kind, cls.declaration, taken=cls.metadata.tables, reserved=ENGINE_COLUMNS)
        _lay_out(cls, kind.name, scope, fields)
        super().__init_subclass__()

    @classmethod
    def table(cls) -> Table:
        return cast(Table, cls.__table__)


ENGINE_COLUMNS = frozenset(name for name, value in vars(Synced).items() if hasattr(value, "column"))


def _fields_of(cls: type) -> tuple[Field, ...]:
    annotations = inspect.get_annotations(cls, eval_str=True)
    told = {name: value for name, value in vars(cls).items() if isinstance(value, Declared)}
    try:
        return tuple(read_field(name, annotations.get(name), value) for name, value in told.items())
    except TypeError as fault:
        raise TypeError(f"{cls.__name__}: {fault}") from None


def _column(field: Field) -> Column:
    told = field.told
    return Column(field.name, told.by, told.masked, told.default, field.required)


def _lay_out(cls: Any, name: str, scope: Scope, fields: Iterable[Field]) -> None:
    """Puts SQLAlchemy's words where the declaration's stood."""
    home = scope.home.column
    cls.__tablename__ = name
    indexes = [Index(None, *dict.fromkeys((home, *columns))) for columns in cls.__indexes__]
    cls.__table_args__ = (*indexes, cast(Mapping[str, Any], STRICT))
    for field in fields:
        at_home = field.name == home
        column = mapped_column(
            field.name, field.type, nullable=field.nullable, primary_key=at_home, default=field.told.default,
            doc=field.told.doc, sort_order=FIRST if at_home else 0,
        )
        setattr(cls, field.name, column)
