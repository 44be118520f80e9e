"""The texts of a pull on SQLite: the page in one statement, its rows in another, as on PostgreSQL."""

# ruff: noqa: S608 — names come from our own declarations, values from the one parameter

from __future__ import annotations

from storage.ledger.postgres_page import SCOPES_AT_ONCE
from storage.ledger.shelf import Shelf
from storage.ledger.spelling import ENTRY, MEMBER
from storage.ledger.sqlite_text import BY_ACCOUNT, WHO, quoted, told
from storage.tables import ledger, membership

_MEMBER = told([membership.c[name] for name in MEMBER], "m")
_ENTRY = told([ledger.c[name] for name in ENTRY], "l")

SEEN_THROUGH = """
    (json_type({view}, '$.parts') <> 'array' OR {row}.part IN (SELECT value FROM json_each({view}, '$.parts')))
    AND (json_type({view}, '$.days') <> 'array' OR {row}.day IS NULL OR EXISTS (
          SELECT 1 FROM json_each({view}, '$.days') d WHERE {row}.day BETWEEN d.value->>0 AND d.value->>1))"""
"""sync.access.View.shows, over a row with part and day."""

_VISIBLE = f"""l.scope_ord = b.ord AND l.seq > b.after
   AND l.kind IN (SELECT value FROM json_each(b.kinds))
   AND {SEEN_THROUGH.format(view="b.view", row="l")}"""

# No LATERAL here: `upto` says for each scope where its share of the page would end, so that none is read to its end.
PAGE = f"""
WITH p AS MATERIALIZED (
  SELECT :p->>'user_id' AS user_id, :p->>'session_id' AS session_id, :p->>'now' AS now, (:p->>'lim') + 1 AS most,
         :p->'readable' AS readable, :p->>'scopes' AS scopes
), starts AS MATERIALIZED (
  SELECT value->>'ord' AS ord, value->>'view_version' AS view_version, value->>'seq' AS seq,
         value->>'floor' AS floor
    FROM json_each(:p, '$.starts')
), mine AS MATERIALIZED (
  SELECT m.*, m.ended_at IS NULL AND (m.expires_at IS NULL OR m.expires_at > p.now)
              AND (p.scopes IS NULL OR m.scope IN (SELECT value FROM json_each(p.scopes))) AS active
    FROM p CROSS JOIN membership m ON m.user_id = p.user_id
), held AS MATERIALIZED (
  SELECT m.*, s.head, s.floor,
         CASE WHEN st.view_version = m.view_version AND max(st.seq, st.floor) >= s.floor THEN st.seq ELSE 0 END AS after
    FROM mine m CROSS JOIN scope s ON s.ord = m.scope_ord LEFT JOIN starts st ON st.ord = m.scope_ord WHERE m.active
), behind AS MATERIALIZED (
  SELECT scope_ord AS ord, after, "view", readable->('$."' || role || '"') AS kinds
    FROM p CROSS JOIN held WHERE head > after ORDER BY scope_ord LIMIT {SCOPES_AT_ONCE}
), bounded AS MATERIALIZED (
  SELECT b.*, (SELECT max(seq) FROM (SELECT l.seq FROM ledger l WHERE {_VISIBLE}
                                      ORDER BY l.seq LIMIT (SELECT most FROM p))) AS upto FROM behind b
), entries AS MATERIALIZED (
  SELECT l.* FROM bounded b CROSS JOIN ledger l ON {_VISIBLE} AND l.seq <= b.upto
   ORDER BY l.scope_ord, l.seq LIMIT (SELECT most FROM p)
)
SELECT (SELECT who FROM ({WHO} UNION ALL {BY_ACCOUNT}) LIMIT 1),
  (SELECT json_array(epoch, resend_since) FROM incarnation),
  (SELECT json_group_array(json_array({_MEMBER}, m.scope_ord, m.head, m.floor)) FROM held m),
  (SELECT json_group_array({_ENTRY}) FROM entries l),
  (SELECT json_group_array(ord) FROM behind),
  (SELECT json_group_object(m.scope_ord, m.scope) FROM mine m WHERE m.active OR m.scope_ord IN (SELECT ord FROM starts))
"""

VIEWS = """
SELECT 'view', json_array(m.scope, m.view_version) FROM membership m
 WHERE m.user_id = :p->>'user_id' AND m.ended_at IS NULL AND (m.expires_at IS NULL OR m.expires_at > :p->>'now')"""


def rows_of(shelf: Shelf) -> str:
    return f"""
SELECT '{shelf.name}', {told(shelf.columns, 't')}
  FROM json_each(:p, '$."{shelf.name}"') k CROSS JOIN {quoted(shelf.name)} t
    ON t.{quoted(shelf.home.column)} = k.value->>'home' AND t.id = k.value->>'id'"""


NOTE_REMOVED = """
INSERT INTO removal (user_id, device_id, scope_ord, view_version, told_at, purged_at)
SELECT m.user_id, :p->>'device_id', m.scope_ord, m.view_version, :p->>'now',
       CASE WHEN m.scope IN (SELECT value FROM json_each(:p, '$.purged')) THEN :p->>'now' END
  FROM (SELECT value FROM json_each(:p, '$.told') UNION SELECT value FROM json_each(:p, '$.purged')) w
 CROSS JOIN membership m ON m.user_id = :p->>'user_id' AND m.scope = w.value WHERE true
ON CONFLICT (user_id, device_id, scope_ord) DO UPDATE
   SET view_version = excluded.view_version, told_at = excluded.told_at,
       purged_at = CASE WHEN removal.view_version = excluded.view_version AND excluded.purged_at IS NULL
                        THEN removal.purged_at ELSE excluded.purged_at END
"""
