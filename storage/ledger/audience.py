"""Who hears of a scope now, and how far the scopes of one person are: looked up when a poke leaves (I-16).

Knows memberships and heads; no row and no kind.
"""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, and_, or_, select

from storage.database import Database
from storage.tables import membership, scope


async def audience(database: Database, scopes: Collection[str], now: str) -> dict[str, list[str]]:
    """Scope → the users who hold it at `now`, by id. Scopes nobody holds are left out."""
    holders = (select(membership.c.scope, membership.c.user_id)
               .join(scope, scope.c.ord == membership.c.scope_ord)
               .where(scope.c.name.in_(scopes), active(now)).order_by(membership.c.user_id))
    found: dict[str, list[str]] = {}
    async with database.reading() as reading:
        for name, user in await reading.execute(holders):
            found.setdefault(name, []).append(user)
    return found


async def heads(database: Database, user: str, now: str, most: int) -> dict[str, int]:
    """Scope → head for what the user holds at `now`; at most `most` of them, in the order of their numbers."""
    held = (select(scope.c.name, scope.c.head).join(membership, membership.c.scope_ord == scope.c.ord)
            .where(membership.c.user_id == user, active(now)).order_by(scope.c.ord).limit(most))
    async with database.reading() as reading:
        return {row.name: row.head for row in await reading.execute(held)}


def active(now: str) -> ColumnElement[bool]:
    """sync.access.Membership.active."""
    expires = membership.c.expires_at
    return and_(membership.c.ended_at.is_(None), or_(expires.is_(None), expires > now))
