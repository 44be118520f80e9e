"""The texts of a pull on PostgreSQL: the page in one statement, its rows in another. Nothing is run here.

Roles, views and limits are all in the query: a filter after LIMIT makes short pages that look like last ones
(models.md 5).
"""

# ruff: noqa: S608 — names come from our own declarations, values from the one parameter

from __future__ import annotations

from storage.ledger.postgres_text import WHO, probe, told
from storage.ledger.shelf import Shelf
from storage.ledger.spelling import ENTRY, MEMBER
from storage.tables import ledger, membership

SCOPES_AT_ONCE = 50
"""First page with 200,000 rows pending: 71 ms over 2,000 scopes at once, 1.3 ms over 50 (sync-protocol 6)."""

_MEMBER = told([membership.c[name] for name in MEMBER], "m")
_ENTRY = told([ledger.c[name] for name in ENTRY], "l")

SEEN_THROUGH = """
    (b.parts IS NULL OR {row}.part = ANY (b.parts))
    AND (b.days IS NULL OR {row}.day IS NULL OR EXISTS (
          SELECT FROM jsonb_array_elements(b.days) d WHERE {row}.day::text BETWEEN d->>0 AND d->>1))"""
"""sync.access.View.shows, over a row with part and day."""

UNFOLDED = """
    CASE WHEN jsonb_typeof(m.view->'parts') = 'array'
         THEN ARRAY(SELECT e::{part} FROM jsonb_array_elements_text(m.view->'parts') e) END AS parts,
    CASE WHEN jsonb_typeof(m.view->'days') = 'array' THEN m.view->'days' END AS days"""

PAGE = f"""
WITH p AS MATERIALIZED (
  SELECT * FROM json_to_record($1::json) AS p(user_id uuid, session_id uuid, now timestamptz, lim integer, starts json,
                                              readable json, scopes json)
), who AS MATERIALIZED ({WHO}
  UNION ALL
  SELECT json_build_array(a.role, a.state) FROM p JOIN account a ON a.id = p.user_id WHERE p.session_id IS NULL
), starts AS MATERIALIZED (
  SELECT st.* FROM p CROSS JOIN json_to_recordset(p.starts) AS st(ord integer, view_version bigint, seq bigint,
                                                                       floor bigint)
), mine AS MATERIALIZED (
  SELECT m.*, m.ended_at IS NULL AND (m.expires_at IS NULL OR m.expires_at > p.now)
              AND (p.scopes IS NULL OR m.scope IN (SELECT json_array_elements_text(p.scopes))) AS active
    FROM p JOIN membership m ON m.user_id = p.user_id
), held AS MATERIALIZED (
  SELECT m.*, s.head, s.floor,
         CASE WHEN st.view_version = m.view_version AND greatest(st.seq, st.floor) >= s.floor
              THEN st.seq ELSE 0 END AS after
    FROM mine m JOIN scope s ON s.ord = m.scope_ord LEFT JOIN starts st ON st.ord = m.scope_ord WHERE m.active
), behind AS MATERIALIZED (
  SELECT m.scope_ord AS ord, m.after,
    ARRAY(SELECT json_array_elements_text(p.readable->m.role)) AS kinds,{UNFOLDED.format(part="uuid")}
    FROM p CROSS JOIN held m WHERE m.head > m.after ORDER BY m.scope_ord LIMIT {SCOPES_AT_ONCE}
), entries AS MATERIALIZED (
  SELECT l.* FROM p, behind b CROSS JOIN LATERAL (
    SELECT * FROM ledger l WHERE l.scope_ord = b.ord AND l.seq > b.after AND l.kind = ANY (b.kinds)
       AND {SEEN_THROUGH.format(row="l")}
     ORDER BY l.seq LIMIT (SELECT lim + 1 FROM p)) l
   ORDER BY l.scope_ord, l.seq LIMIT (SELECT lim + 1 FROM p)
)
SELECT (SELECT who::text FROM who LIMIT 1),
  (SELECT json_build_array(epoch, resend_since)::text FROM incarnation),
  (SELECT json_agg(json_build_array({_MEMBER}, m.scope_ord, m.head, m.floor) ORDER BY m.scope_ord)::text FROM held m),
  (SELECT json_agg({_ENTRY} ORDER BY l.scope_ord, l.seq)::text FROM entries l),
  (SELECT json_agg(ord)::text FROM behind),
  (SELECT json_object_agg(m.scope_ord, m.scope)::text FROM mine m
    WHERE m.active OR m.scope_ord IN (SELECT ord FROM starts))
"""

VIEWS = """
SELECT 'view', json_build_array(m.scope, m.view_version)::text FROM membership m
 WHERE m.user_id = ($1::json->>'user_id')::uuid AND m.ended_at IS NULL
   AND (m.expires_at IS NULL OR m.expires_at > ($1::json->>'now')::timestamptz)"""


def rows_of(shelf: Shelf) -> str:
    return f"""
SELECT '{shelf.name}', {told(shelf.columns, 't')}::text
  FROM json_to_recordset($1::json->'{shelf.name}') AS k(home uuid, id uuid)
 CROSS JOIN LATERAL ({probe(shelf, "id", "k.home", "k.id")} ORDER BY id OFFSET 0) t"""


NOTE_REMOVED = """
INSERT INTO removal (user_id, device_id, scope_ord, view_version, told_at, purged_at)
SELECT m.user_id, p.device_id, m.scope_ord, m.view_version, p.now,
       CASE WHEN m.scope IN (SELECT json_array_elements_text(p.purged)) THEN p.now END
  FROM json_to_record($1::json) AS p(user_id uuid, device_id uuid, now timestamptz, told json, purged json)
  JOIN membership m ON m.user_id = p.user_id
   AND m.scope IN (SELECT json_array_elements_text(p.told) UNION SELECT json_array_elements_text(p.purged))
ON CONFLICT (user_id, device_id, scope_ord) DO UPDATE
   SET view_version = excluded.view_version, told_at = excluded.told_at,
       purged_at = CASE WHEN removal.view_version = excluded.view_version AND excluded.purged_at IS NULL
                        THEN removal.purged_at ELSE excluded.purged_at END
"""
