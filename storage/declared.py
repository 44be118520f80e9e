"""A field as an entity declares it, once: its annotation, its sentence, its limits. From these comes its column type.

`at: Mapped[datetime | None] = column("when it was taken")` is a nullable instant. Annotations and what they mean: UUID,
datetime (instant), date, time (clock), Decimal, int, bool, str, Literal (some words or integers), anything else (JSON
of that shape). Knows one field at a time; what fields must be together is storage/declaration.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin
from uuid import UUID

from sqlalchemy.orm import Mapped

from storage.columns import MAX_LINE_CHARS, Clock, Day, Exact, Flag, Instant, Json, Text, Uuid, Whole
from storage.free_json import MAX_SAFE_INTEGER
from storage.wire_type import Wire

By = Literal["client", "creation", "server"]
CLIENT: By = "client"
CREATION: By = "creation"
SERVER: By = "server"


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What `column` and `ref` were told."""

    doc: str
    by: By
    masked: bool
    default: Any
    at_least: Any
    at_most: Any
    places: int
    rule: Callable[[str], None] | None
    refers_to: str | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """A declared field with its name and type."""

    name: str
    type: Wire
    nullable: bool
    told: Declared

    @property
    def writable(self) -> bool:
        return self.told.by != SERVER

    @property
    def required(self) -> bool:
        """Whether whoever creates the row must send it."""
        return self.writable and not self.nullable and self.told.default is None


def column(
    doc: str,
    *,
    by: By = CLIENT,
    masked: bool = False,
    default: Any = None,
    at_least: Any = None,
    at_most: Any = None,
    places: int = 3,
    rule: Callable[[str], None] | None = None,
) -> Any:
    """Declares a field. `default` is a canonical wire value; limits are characters of text, else values (in words for
    dates and decimals). `rule` raises Unfit. `masked` columns are blanked where a line is hidden (DESIGN.md 11)."""
    return Declared(doc=doc, by=by, masked=masked, default=default, at_least=at_least, at_most=at_most,
                    places=places, rule=rule)


def ref(kind: str, doc: str, *, by: By = CREATION) -> Any:
    """Declares the id of a parent: a row of `kind` in the same home scope, which must exist before this one."""
    return Declared(doc=doc, by=by, masked=False, default=None, at_least=None, at_most=None, places=0, rule=None,
                    refers_to=kind)


def read_field(name: str, annotation: Any, told: Declared) -> Field:
    """The field of an annotation `Mapped[…]`. Raises TypeError for one that is not."""
    if get_origin(annotation) is not Mapped:
        raise TypeError(f"{name} must be annotated Mapped[…]")
    (wanted,) = get_args(annotation)
    nullable = False
    if get_origin(wanted) in (Union, UnionType) and NoneType in get_args(wanted):
        nullable = True
        wanted = Union[tuple(arg for arg in get_args(wanted) if arg is not NoneType)]  # noqa: UP007 — made at run time
    return Field(name, _type(wanted, told), nullable, told)


def _type(wanted: Any, told: Declared) -> Wire:
    if get_origin(wanted) is Literal:
        words = get_args(wanted)
        if all(type(word) is int for word in words):
            return Whole(one_of=words)
        return Text(max(map(len, words)), one_of=words)
    if isinstance(wanted, type) and wanted in _TYPES:
        return _TYPES[wanted](told)
    return Json(wanted)


def _or(limit: Any, otherwise: Any) -> Any:
    return otherwise if limit is None else limit


_TYPES: dict[type, Callable[[Declared], Wire]] = {
    UUID: lambda told: Uuid(),
    datetime: lambda told: Instant(),
    time: lambda told: Clock(),
    bool: lambda told: Flag(),
    date: lambda told: Day(
        date.fromisoformat(_or(told.at_least, "1900-01-01")), date.fromisoformat(_or(told.at_most, "2199-12-31"))
    ),
    Decimal: lambda told: Exact(
        told.places, Decimal(_or(told.at_least, "0")), Decimal(_or(told.at_most, "9999.999"))
    ),
    int: lambda told: Whole(_or(told.at_least, -MAX_SAFE_INTEGER), _or(told.at_most, MAX_SAFE_INTEGER)),
    str: lambda told: Text(_or(told.at_most, MAX_LINE_CHARS), _or(told.at_least, 0), rule=told.rule),
}
