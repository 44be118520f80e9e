"""What lost: changes that were kept though another state stands, for those who may read the row (I-10, R-198).

The journal's `part` and `day` are asked through the reader's view in the query, like a page. What a stranger wrote into
a scope is nobody's reading but their own: a request that lost carries any words they like. Knows no sentence.
"""

# ruff: noqa: S608 — names come from our own declarations, values from the one parameter

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncRawCursor

from storage.database import Database
from storage.ledger import postgres_page, postgres_text, spelling, sqlite_page, sqlite_text
from storage.ledger.spelling import JOURNAL, MEMBER, dumps, loads
from storage.tables import change, membership
from sync.access import Membership, Role
from sync.record import Because, Outcome
from sync.store import JournalEntry

LOST = (Outcome.SUPERSEDED, Outcome.REJECTED, Outcome.MERGED)
NO_CONTENT = (Because.FORBIDDEN, Because.INVALID, Because.UNKNOWN_KIND)
"""Refused before anything was compared: nobody's lost word."""
MOST = 100


@dataclass(frozen=True, slots=True)
class LosersAsk:
    """Newest first. `before` is (received_at, change id) of the last one seen; `row` narrows to (kind, home, id)."""

    user: str
    now: str
    readable: Mapping[str, Sequence[str]]
    scope: str | None = None
    row: tuple[str, str, str] | None = None
    limit: int = MOST
    before: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Loser:
    """A kept change, and the membership through which its reader sees it: masking is the caller's."""

    entry: JournalEntry
    through: Membership


async def losers(database: Database, ask: LosersAsk) -> list[Loser]:
    """At most `limit` (and MOST) kept changes in scopes that the reader holds now, within their view."""
    kind, home, id_ = ask.row or (None, ask.scope, None)
    doc = dumps({
        "user_id": ask.user, "now": ask.now, "readable": ask.readable, "lim": min(ask.limit, MOST), "scope": home,
        "kind": kind, "id": id_, "outcomes": LOST, "hidden_codes": NO_CONTENT,
        "before_at": ask.before and ask.before[0], "before_id": ask.before and ask.before[1],
    })
    async with database.glancing() as reading:
        rows = await _run(database, reading.driver, doc)
    return [Loser(spelling.journal_of(loads(entry)), spelling.member_of(loads(member))) for entry, member in rows]


async def _run(database: Database, driver: Any, doc: str) -> Sequence[Any]:
    if database.is_sqlite:
        return list(await driver.execute_fetchall(ON_SQLITE, {"p": doc}))
    cursor = AsyncRawCursor(driver)
    await cursor.execute(ON_POSTGRESQL, (doc,), prepare=True)
    return await cursor.fetchall()


_JOURNAL = [change.c[name] for name in JOURNAL]
_MEMBER = [membership.c[name] for name in MEMBER]

ON_POSTGRESQL = f"""
WITH p AS MATERIALIZED (
  SELECT * FROM json_to_record($1::json) AS p(user_id uuid, now timestamptz, readable json, lim integer, scope text,
    kind text, id text, outcomes json, hidden_codes json, before_at timestamptz, before_id text)
), b AS MATERIALIZED (
  SELECT m.*, ARRAY(SELECT json_array_elements_text(p.readable->m.role)) AS kinds,
         {postgres_page.UNFOLDED.format(part="text")}
    FROM p JOIN membership m ON m.user_id = p.user_id
   WHERE m.ended_at IS NULL AND (m.expires_at IS NULL OR m.expires_at > p.now)
     AND (p.scope IS NULL OR m.scope = p.scope)
)
SELECT {postgres_text.told(_JOURNAL, 'c')}::text, {postgres_text.told(_MEMBER, 'b')}::text
  FROM p CROSS JOIN b JOIN change c ON c.scope = b.scope AND c.kind = ANY (b.kinds)
   AND (p.kind IS NULL OR c.kind = p.kind) AND (p.id IS NULL OR c.id = p.id)
 WHERE c.outcome IN (SELECT json_array_elements_text(p.outcomes))
   AND c.code NOT IN (SELECT json_array_elements_text(p.hidden_codes))
   AND (c.role <> '{Role.STRANGER}' OR c.user_id = p.user_id)
   AND (p.before_at IS NULL OR (c.received_at, c.change_id) < (p.before_at, p.before_id))
   AND {postgres_page.SEEN_THROUGH.format(row="c")}
 ORDER BY c.received_at DESC, c.change_id DESC LIMIT (SELECT lim FROM p)
"""

ON_SQLITE = f"""
SELECT {sqlite_text.told(_JOURNAL, 'c')}, {sqlite_text.told(_MEMBER, 'm')}
  FROM membership m CROSS JOIN change c ON c.scope = m.scope
   AND (:p->>'kind' IS NULL OR c.kind = :p->>'kind') AND (:p->>'id' IS NULL OR c.id = :p->>'id')
 WHERE m.user_id = :p->>'user_id' AND m.ended_at IS NULL AND (m.expires_at IS NULL OR m.expires_at > :p->>'now')
   AND (:p->>'scope' IS NULL OR m.scope = :p->>'scope')
   AND c.kind IN (SELECT value FROM json_each(:p->'readable', '$."' || m.role || '"'))
   AND c.outcome IN (SELECT value FROM json_each(:p, '$.outcomes'))
   AND c.code NOT IN (SELECT value FROM json_each(:p, '$.hidden_codes'))
   AND (c.role <> '{Role.STRANGER}' OR c.user_id = m.user_id)
   AND (:p->>'before_at' IS NULL OR (c.received_at, c.change_id) < (:p->>'before_at', :p->>'before_id'))
   AND {sqlite_page.SEEN_THROUGH.format(view='m."view"', row="c")}
 ORDER BY c.received_at DESC, c.change_id DESC LIMIT :p->>'lim'
"""
