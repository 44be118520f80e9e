"""Where a row is that a reader names by kind and id alone, and through which memberships they see it (S-31, S-33).

One statement over memberships and the ledger, with the view's own predicate after it. Knows no column of any kind.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from storage.database import Database
from storage.ledger.audience import active
from storage.ledger.spelling import MEMBER, member_of
from storage.tables import ledger, membership
from sync.access import Membership
from sync.kind import Kind
from sync.problem import Code, Refusal
from sync.record import Key


@dataclass(frozen=True, slots=True)
class Found:
    """`memberships` are those of the reader that show the row now; never empty."""

    key: Key
    memberships: tuple[Membership, ...]
    deleted: bool


async def find(database: Database, user: str, kind: Kind, id_: str, now: str) -> Found | None:
    """The row with this id that the user may read at `now`; None for unknown and foreign ids alike.

    Raises Refusal(CONFLICT) if living rows of two homes bear the id: whose was meant is not to be guessed.
    """
    asked = (
        select(ledger.c.home, ledger.c.part, ledger.c.day, ledger.c.deleted, *(membership.c[name] for name in MEMBER))
        .join(membership, membership.c.scope_ord == ledger.c.scope_ord)
        .where(membership.c.user_id == user, active(now), ledger.c.kind == kind.name, ledger.c.id == id_)
    )
    if len(kind.scopes_of(id_, {})) == 1:
        asked = asked.where(ledger.c.home == membership.c.scope)  # the whole primary key, instead of a walk of the kind
    async with database.reading() as reading:
        entries = (await reading.execute(asked)).all()
    seen: dict[Key, list[Membership]] = {}
    gone: set[Key] = set()
    for home, part, day, deleted, *member in entries:
        held, key = member_of(member), Key(kind.name, home, id_)
        if held.role in kind.access.read and held.view.shows(part, day):
            seen.setdefault(key, []).append(held)
            gone.update([key] if deleted else [])
    living = seen.keys() - gone
    if len(living) > 1:
        raise Refusal(Code.CONFLICT)
    for key in sorted(living or seen):
        return Found(key, tuple(seen[key]), key in gone)
    return None
