"""The texts of the push's three statements on PostgreSQL, each with one JSON parameter. Nothing is run here.

Claim locks and reads nothing that must be current: a statement keeps the snapshot it began with even if it had to wait
for a lock, only its successor sees what happened meanwhile (sync-protocol 2). Write has independent CTEs and no join
between JSON sets, whose size the planner guesses as 100 rows (sync-protocol 10).
"""

# ruff: noqa: S608 — names come from our own declarations, values from the one parameter

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Column, Table

from storage.accounts.states import OPEN_LIST
from storage.ledger.shelf import Shelf
from storage.ledger.spelling import MEMBER, SEEN
from storage.tables import change, ledger, membership, outbox
from storage.wire_type import Wire

WHO = f"""
  SELECT json_build_array(a.role, a.state) AS who FROM p JOIN session s ON s.id = p.session_id
    JOIN account a ON a.id = s.account_id
   WHERE s.account_id = p.user_id AND s.ended_at IS NULL AND a.state IN ({OPEN_LIST})"""

CLAIM = f"""
WITH p AS MATERIALIZED (
  SELECT * FROM json_to_record($1::json) AS p(user_id uuid, device_id uuid, session_id uuid, batch_id text, digest text,
                                              now timestamptz, system boolean, scopes json)
), who AS MATERIALIZED ({WHO} AND s.device_id = p.device_id
  UNION ALL
  SELECT json_build_array(a.role, a.state) FROM p JOIN account a ON a.id = p.user_id WHERE p.session_id IS NULL
  UNION ALL
  SELECT '["system", "active"]'::json FROM p WHERE p.system
), mine AS (
  INSERT INTO batch (user_id, device_id, batch_id, digest, received_at)
  SELECT user_id, device_id, batch_id, digest, now FROM p
  ON CONFLICT (user_id, device_id, batch_id) DO NOTHING RETURNING 1
), wanted AS MATERIALIZED (
  -- counted, not asked for one: both must have ended before the first lock. A repeated batch locks nothing.
  SELECT w.name, w.room, w.deposit, w.founding
    FROM p CROSS JOIN json_to_recordset(p.scopes) AS w(name text, room bigint, deposit boolean, founding boolean)
   WHERE (SELECT count(*) FROM mine) = 1 AND EXISTS (SELECT FROM who)
), founded AS (
  INSERT INTO scope (name, head, floor)
  SELECT w.name, w.room, 0 FROM wanted w
   WHERE w.founding AND NOT EXISTS (SELECT FROM scope s WHERE s.name = w.name) ORDER BY w.name
  ON CONFLICT (name) DO NOTHING RETURNING ord, name, head
), locked AS (
  -- a founding that was refused leaves a scope that nobody holds: whoever may found it finds it as if it were new
  SELECT s.ord, w.room, o.orphan FROM p, wanted w JOIN scope s ON s.name = w.name
   CROSS JOIN LATERAL (SELECT w.founding AND NOT EXISTS (
     SELECT FROM membership m WHERE m.scope_ord = s.ord) AS orphan OFFSET 0) o
   WHERE (SELECT count(*) FROM founded) >= 0
     AND (p.system OR w.deposit OR o.orphan
          OR EXISTS (SELECT FROM membership m WHERE m.scope_ord = s.ord AND m.user_id = p.user_id))
   ORDER BY s.ord FOR UPDATE OF s
), bumped AS (
  UPDATE scope s SET head = s.head + l.room FROM locked l WHERE s.ord = l.ord
  RETURNING s.name, s.ord, s.head - l.room + 1 AS first, l.room, l.orphan
)
SELECT (SELECT count(*) FROM mine), (SELECT who::text FROM who LIMIT 1), (SELECT epoch FROM incarnation),
  (SELECT json_agg(json_build_array(name, ord, first, room, founded))::text FROM (
     SELECT name, ord, first, room, orphan AS founded FROM bumped
     UNION ALL SELECT f.name, f.ord, 1, w.room, true FROM founded f JOIN wanted w ON w.name = f.name) n)
"""

STORED = "SELECT digest, results FROM batch WHERE user_id = $1::uuid AND device_id = $2::uuid AND batch_id = $3"

# Scopes that were not locked though the author holds them now or nobody does, and orphans that somebody holds by now.
OVERTAKEN = """
SELECT count(*) FROM scope s
 WHERE s.name = ANY($2::text[]) AND (
    EXISTS (SELECT FROM membership m WHERE m.scope_ord = s.ord AND m.user_id = $1::uuid)
    OR NOT EXISTS (SELECT FROM membership m WHERE m.scope_ord = s.ord))
    OR s.name = ANY($3::text[]) AND EXISTS (SELECT FROM membership m WHERE m.scope_ord = s.ord)
"""


def quoted(name: str) -> str:
    return '"' + name + '"'


def wire(column: Column[Any]) -> Wire:
    assert isinstance(column.type, Wire), column
    return column.type


def told(columns: Iterable[Column[Any]], alias: str) -> str:
    """A row as a JSON array of canonical values."""
    return f"json_build_array({', '.join(_out(c, f'{alias}.{quoted(c.name)}') for c in columns)})"


def _out(column: Column[Any], expr: str) -> str:
    return column.type.pg_out(expr) if isinstance(column.type, Wire) else expr


def _picked(table: Table, names: Sequence[str], alias: str) -> str:
    return told([table.c[name] for name in names], alias)


def unpacked(columns: Sequence[str]) -> str:
    """The one parameter, parsed once: `$1->'x'` in five places would read all of it five times."""
    return f"WITH p AS MATERIALIZED (SELECT * FROM json_to_record($1::json) AS p({', '.join(columns)}))"


def _texts(name: str) -> str:
    return f"ANY (ARRAY(SELECT json_array_elements_text(p.{name}) FROM p))"


READ_COLUMNS = ("user_id uuid", "device_id uuid", "scopes json", "all_members_of json", "change_ids json")

MINE = f"""
SELECT 'mine', json_build_array({_picked(membership, MEMBER, 'm')}, r.view_version = m.view_version)::text
  FROM p JOIN membership m ON m.user_id = p.user_id AND m.scope = {_texts('scopes')}
  LEFT JOIN removal r ON r.user_id = m.user_id AND r.device_id = p.device_id AND r.scope_ord = m.scope_ord"""

MEMBERS = f"""
SELECT 'member', {_picked(membership, MEMBER, 'm')}::text
  FROM scope s JOIN membership m ON m.scope_ord = s.ord WHERE s.name = {_texts('all_members_of')}"""

BEFORE = f"""
SELECT 'seen', {_picked(change, SEEN, 'c')}::text
  FROM p CROSS JOIN json_array_elements_text(p.change_ids) AS w(change_id)
 CROSS JOIN LATERAL (SELECT * FROM change c WHERE c.device_id = p.device_id AND c.change_id = w.change_id OFFSET 0) c
 WHERE c.user_id = p.user_id"""


def looked_up(at: int, shelf: Shelf, column: str, since: str | None) -> str:
    """Rows of one kind by one column."""
    table = shelf.table
    more = f", since {wire(table.c[since]).pg_type}" if since else ""
    return f"""
SELECT '{at}', {told(shelf.columns, 't')}::text
  FROM p CROSS JOIN json_to_recordset(p.l{at}) AS l(home uuid, value {wire(table.c[column]).pg_type}{more})
 CROSS JOIN LATERAL ({probe(shelf, column, "l.home", "l.value")}{f" AND t.{quoted(since)} >= l.since" if since else ""}
                     ORDER BY {quoted(column)} OFFSET 0) t"""


def probe(shelf: Shelf, column: str, home: str, value: str) -> str:
    """One probe of the index (home, column), whatever the planner knows; ends within its WHERE, ORDER BY is to follow.

    A plan made while the table was new takes any index that begins with the home, and reads all rows of a patient for
    each value: 106 ms for 30 doses among 6,000. BETWEEN leaves an order to ask for, which only the right index has.
    """
    return (f"SELECT * FROM {quoted(shelf.name)} t WHERE t.{quoted(shelf.home.column)} = {home} "
            f"AND t.{quoted(column)} BETWEEN {value} AND {value}")


def _set(table: Table, names: Sequence[str], key: str) -> str:
    """A JSON set as a row source."""
    shapes = ", ".join(f"{quoted(name)} {_pg_type(table.c[name])}" for name in names)
    return f"p CROSS JOIN json_to_recordset(p.{quoted(key)}) AS r({shapes})"


def _pg_type(column: Column[Any]) -> str:
    return column.type.pg_type if isinstance(column.type, Wire) else "bigint"


def _of(names: Sequence[str]) -> str:
    return ", ".join(f"r.{quoted(name)}" for name in names)


def upsert(table: Table, names: Sequence[str], key: str, conflict: Sequence[str]) -> str:
    columns = ", ".join(map(quoted, names))
    laid = ", ".join(f"{quoted(name)} = excluded.{quoted(name)}" for name in names if name not in conflict)
    return f"""INSERT INTO {quoted(table.name)} ({columns}) SELECT {_of(names)} FROM {_set(table, names, key)}
  ON CONFLICT ({', '.join(map(quoted, conflict))}) DO UPDATE SET {laid}"""


def insert(table: Table, names: Sequence[str], key: str) -> str:
    columns = ", ".join(map(quoted, names))
    return f"INSERT INTO {quoted(table.name)} ({columns}) SELECT {_of(names)} FROM {_set(table, names, key)}"


def shelf_upsert(shelf: Shelf) -> str:
    return upsert(shelf.table, [column.name for column in shelf.columns], shelf.name, shelf.key)


ANSWER_COLUMNS = ("user_id uuid", "device_id uuid", "batch_id text", "results text")
ANSWER = """UPDATE batch b SET results = p.results FROM p
 WHERE b.user_id = p.user_id AND b.device_id = p.device_id AND b.batch_id = p.batch_id"""

LEDGER_KEY = ("scope_ord", "kind", "home", "id")
MEMBER_KEY = ("scope_ord", "user_id")
OUTBOX = ("scope", "touched", "made_at")
SETS = {"ledger": ledger, "membership": membership, "change": change, "outbox": outbox}
