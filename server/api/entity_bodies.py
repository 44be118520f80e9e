"""Bodies made of an entity's own declaration, so that no field is written a second time (DESIGN.md 3)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, Any, Optional

from pydantic import BaseModel, ConfigDict, Field, create_model

from storage.catalogue import entity_of
from storage.declared import CLIENT


class Sent(BaseModel):
    """What was sent; members that were left out are told apart from those that are null."""

    model_config = ConfigDict(extra="forbid")

    def given(self, names: Collection[str]) -> dict[str, Any]:
        """Of these members the ones that were sent, as canonical values."""
        return {name: value for name, value in self.model_dump(exclude_unset=True).items() if name in names}


def columns_sent(kind: str) -> frozenset[str]:
    """Columns of a kind that clients may write at any time."""
    return frozenset(field.name for field in entity_of(kind).declaration.fields if field.told.by == CLIENT)


def body_of(name: str, kind: str, beside: type[Sent] = Sent) -> type[Sent]:
    """A strict model of those columns, all optional, with the members of `beside`."""
    members: dict[str, Any] = {
        field.name: (Optional[Annotated[Any, field.type]],  # noqa: UP045 — made at run time
                     Field(default=None, description=field.told.doc))
        for field in entity_of(kind).declaration.fields if field.told.by == CLIENT
    }
    return create_model(name, __base__=beside, __doc__=beside.__doc__, **members)
