"""Which scopes a row of a kind belongs to, told by its own columns. Knows names of scopes; never who may read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sync.access import PATIENT_SCOPE, USER_SCOPE, scope_name


@dataclass(frozen=True, slots=True)
class Place:
    """One scope of a row: `prefix:` and the value of `column`, which is `id` for the row itself."""

    prefix: str
    column: str


@dataclass(frozen=True, slots=True)
class Scope:
    """The scopes of a row, home first. `OF_PATIENT & of_user("other_id")` is a row of both."""

    places: tuple[Place, ...]

    def __and__(self, other: Scope) -> Scope:
        return Scope(self.places + other.places)

    @property
    def home(self) -> Place:
        return self.places[0]

    def names(self, id_: str, fields: Mapping[str, Any]) -> tuple[str, ...]:
        """The row's scopes, home first, from its id and its canonical fields."""
        return tuple(
            scope_name(place.prefix, id_ if place.column == "id" else str(fields.get(place.column)))
            for place in self.places
        )


def of_user(column: str) -> Scope:
    return Scope((Place(USER_SCOPE, column),))


def of_itself(prefix: str) -> Scope:
    """The row that a scope is named after: patient:<id> for the patient."""
    return Scope((Place(prefix, "id"),))


OF_PATIENT = Scope((Place(PATIENT_SCOPE, "patient_id"),))
