"""Rows of one kind in one scope, chosen by their columns, for a reader: through their role and view, or none (S-32).

What lists of named endpoints ask beside pages of a pull. The membership is read first, its view becomes part of the
query, and the query holds only while that very membership stands (I-16). Knows no kind by name and masks nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, false, func, literal, or_, select, true

from storage.catalogue import entity_of
from storage.database import Reading
from storage.ledger.audience import active
from storage.ledger.ledger import Ledger
from storage.ledger.shelf import Shelf
from storage.ledger.spelling import MEMBER, member_of
from storage.tables import membership
from sync.access import Membership, View, id_in, prefix_of
from sync.record import Row

MOST = 1_000
"""Rows of one answer, whatever was asked."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What is asked: `equals` gives a column its canonical value, or a collection of values it may have.

    Rows come newest first by `created_at`; `after` is (created_at, id) of the last row of the page before.
    """

    kind: str
    scope: str
    equals: Mapping[str, Any] = field(default_factory=dict)
    limit: int = MOST
    after: tuple[str, str] | None = None
    counted: bool = False


@dataclass(frozen=True, slots=True)
class Chosen:
    """`total` counts all that was asked for, this page or not; None where it was not asked."""

    rows: list[Row]
    membership: Membership
    total: int | None


async def held_by(reading: Reading, user: str, scope: str, now: str) -> Membership | None:
    """The user's membership of a scope, if it is in force at `now`."""
    asked = select(*(membership.c[name] for name in MEMBER)).where(
        membership.c.user_id == user, membership.c.scope == scope, active(now))
    found = (await reading.execute(asked)).one_or_none()
    return None if found is None else member_of(list(found))


async def choose(ledger: Ledger, user: str, choice: Choice, now: str) -> Chosen | None:
    """The chosen living rows that the user may read at `now`; None if they do not hold the scope or may not read it."""
    shelf = ledger.shelves[choice.kind]
    async with ledger.database.reading() as reading:
        held = await held_by(reading, user, choice.scope, now)
        if held is None or held.role not in shelf.kind.access.read:
            return None
        where = and_(*_asked(shelf, choice), _seen_through(shelf, held.view), _still(held, now))
        total = None
        if choice.counted:
            counting = select(func.count()).select_from(shelf.table).where(where)
            total = (await reading.execute(counting)).scalar_one()
        made, id_ = shelf.table.c["created_at"], shelf.table.c["id"]
        page = where if choice.after is None else and_(
            where, or_(made < choice.after[0], and_(made == choice.after[0], id_ < choice.after[1])))
        rows = select(*shelf.columns).where(page).order_by(made.desc(), id_.desc()).limit(min(choice.limit, MOST))
        return Chosen([shelf.row_of(list(values)) for values in await reading.execute(rows)], held, total)


def _asked(shelf: Shelf, choice: Choice) -> list[ColumnElement[bool]]:
    columns = shelf.table.c
    prefix = prefix_of(choice.scope)
    place = next(place for place in entity_of(choice.kind).declaration.scope.places if place.prefix == prefix)
    conditions: list[ColumnElement[bool]] = [
        columns[place.column] == id_in(choice.scope), columns["deleted"] == literal(False, columns["deleted"].type)]
    for name, value in choice.equals.items():
        several = isinstance(value, Collection) and not isinstance(value, str)
        conditions.append(columns[name].in_(list(value)) if several else columns[name] == value)
    return conditions


def _seen_through(shelf: Shelf, view: View) -> ColumnElement[bool]:
    """sync.access.View.shows, over the kind's own columns."""
    conditions: list[ColumnElement[bool]] = []
    if view.parts is not None:
        part = shelf.kind.part
        conditions.append(false() if part is None else shelf.table.c[part].in_(sorted(view.parts)))
    if view.days is not None and shelf.kind.day is not None:
        day = shelf.table.c[shelf.kind.day]
        conditions.append(or_(day.is_(None), *(day.between(first, last) for first, last in view.days)))
    return and_(true(), *conditions)


def _still(held: Membership, now: str) -> ColumnElement[bool]:
    return exists().where(
        membership.c.user_id == held.user, membership.c.scope == held.scope, active(now),
        membership.c.view_version == held.view_version)
