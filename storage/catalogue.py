"""All kinds the house keeps, for the engine, the doors and the migrations. A new kind is one class in storage/entities.

Importing this module declares every entity's table in METADATA and refuses parents that do not exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from sqlalchemy import Table

from storage.declaration import FaultyDeclarationError
from storage.entities import care, doses, notices, people, prescriptions, supply
from storage.entity import Synced
from storage.scope import Place
from sync.access import Role
from sync.kind import Kind

ENTITIES: tuple[type[Synced], ...] = (
    *people.KINDS, *care.KINDS, *prescriptions.KINDS, *doses.KINDS, *supply.KINDS, *notices.KINDS,
)


def ranked(kinds: Iterable[Kind]) -> dict[str, Kind]:
    """Kinds by name, each with its rank: parents are judged before children. Raises FaultyDeclarationError."""
    waiting = {kind.name: kind for kind in kinds}
    for kind in waiting.values():
        for column, parent in kind.parents.items():
            if parent not in waiting:
                raise FaultyDeclarationError(f"{kind.name}: {column!r} refers to {parent!r}, which is no kind.")
    done: dict[str, Kind] = {}
    for rank in range(len(waiting)):
        ready = [kind for kind in waiting.values() if all(parent in done for parent in kind.parents.values())]
        done.update({kind.name: replace(kind, rank=rank) for kind in ready})
        for kind in ready:
            del waiting[kind.name]
    if waiting:
        raise FaultyDeclarationError(f"These kinds are their own ancestors: {', '.join(sorted(waiting))}.")
    return done


KINDS: Mapping[str, Kind] = ranked(entity.kind for entity in ENTITIES)
_ENTITIES = {entity.kind.name: entity for entity in ENTITIES}


def entity_of(kind: str) -> type[Synced]:
    """The class of a kind. Raises KeyError."""
    return _ENTITIES[kind]


def table_of(kind: str) -> Table:
    """The table of a kind. Raises KeyError."""
    return _ENTITIES[kind].table()


def home_of(kind: str) -> Place:
    """Prefix of a kind's home scope, and the column that tells it (`id` for the row the scope is named after)."""
    return _ENTITIES[kind].declaration.scope.home


def columns_of(kind: str) -> tuple[str, ...]:
    """Names of a kind's declared columns: the engine's `fields`."""
    return tuple(KINDS[kind].columns)


READABLE: Mapping[str, tuple[str, ...]] = {
    role.value: tuple(name for name, kind in KINDS.items() if role in kind.access.read) for role in Role
}
"""Role → kinds it may read, for page queries."""
