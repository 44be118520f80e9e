"""The texts of the push's statements on SQLite: as on PostgreSQL, only more of them, each with one JSON parameter.

BEGIN IMMEDIATE has made this the only writer, so nothing is locked here. CROSS JOIN is meant literally: from
`json_each(…) JOIN t` SQLite reads the wrong side, 334 ms where this takes 7 (sync-protocol 10).
"""

# ruff: noqa: S608 — names come from our own declarations, values from the one parameter

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Column, Table

from storage.accounts.states import OPEN_LIST
from storage.columns import Flag, Json
from storage.ledger.shelf import Shelf
from storage.ledger.spelling import MEMBER, SEEN
from storage.tables import change, membership

WHO = f"""
  SELECT json_array(a.role, a.state) AS who FROM session s JOIN account a ON a.id = s.account_id
   WHERE s.id = :p->>'session_id' AND s.account_id = :p->>'user_id' AND s.ended_at IS NULL
     AND a.state IN ({OPEN_LIST})"""

BY_ACCOUNT = """
  SELECT json_array(a.role, a.state) AS who FROM account a WHERE a.id = :p->>'user_id' AND :p->>'session_id' IS NULL"""

AUTHOR = f"""SELECT (SELECT who FROM ({WHO} AND s.device_id = :p->>'device_id'
  UNION ALL {BY_ACCOUNT}
  UNION ALL SELECT '["system","active"]' WHERE :p->>'system') LIMIT 1), (SELECT epoch FROM incarnation)"""

BATCH = """INSERT INTO batch (user_id, device_id, batch_id, digest, received_at)
VALUES (:p->>'user_id', :p->>'device_id', :p->>'batch_id', :p->>'digest', :p->>'now')
ON CONFLICT (user_id, device_id, batch_id) DO NOTHING RETURNING 1"""

# An upsert that always meets its row: UPDATE … FROM json_each would scan all scopes for each name.
# A founding that was refused leaves a scope that nobody holds: whoever may found it finds it as if it were new.
NUMBER = """INSERT INTO scope (ord, name, head, floor)
SELECT s.ord, s.name, w.value->>'room', s.floor
  FROM json_each(:p, '$.scopes') w CROSS JOIN scope s ON s.name = w.value->>'name'
 WHERE :p->>'system' OR w.value->>'deposit'
    OR (w.value->>'founding' AND NOT EXISTS (SELECT 1 FROM membership m WHERE m.scope_ord = s.ord))
    OR EXISTS (SELECT 1 FROM membership m WHERE m.scope_ord = s.ord AND m.user_id = :p->>'user_id')
ON CONFLICT (ord) DO UPDATE SET head = scope.head + excluded.head
RETURNING name, ord, head, NOT EXISTS (SELECT 1 FROM membership m WHERE m.scope_ord = scope.ord)
  AND EXISTS (SELECT 1 FROM json_each(:p, '$.scopes') w
               WHERE w.value->>'name' = scope.name AND w.value->>'founding')"""

FOUND = """INSERT INTO scope (name, head, floor)
SELECT w.value->>'name', w.value->>'room', 0 FROM json_each(:p, '$.scopes') w
 WHERE w.value->>'founding' AND NOT EXISTS (SELECT 1 FROM scope s WHERE s.name = w.value->>'name')
RETURNING name, ord, head"""

STORED = "SELECT digest, results FROM batch WHERE user_id = ? AND device_id = ? AND batch_id = ?"


def quoted(name: str) -> str:
    return '"' + name + '"'


def told(columns: Iterable[Column[Any]], alias: str) -> str:
    """A row as a JSON array of canonical values."""
    return f"json_array({', '.join(_out(column, alias) for column in columns)})"


def _out(column: Column[Any], alias: str) -> str:
    expr = f"{alias}.{quoted(column.name)}"
    if isinstance(column.type, Flag):
        return f"json(CASE {expr} WHEN 1 THEN 'true' WHEN 0 THEN 'false' END)"
    return f"json({expr})" if isinstance(column.type, Json) else expr


def _in(column: Column[Any], source: str) -> str:
    """`->` leaves JSON as text, `->>` unwraps text and numbers and makes 0 or 1 of flags."""
    return f"{source} {'->' if isinstance(column.type, Json) else '->>'} '{column.name}'"


def _picked(table: Table, names: Sequence[str], alias: str) -> str:
    return told([table.c[name] for name in names], alias)


READ = """WITH p AS MATERIALIZED (SELECT :p->>'user_id' AS user_id, :p->>'device_id' AS device_id)"""
"""Once: `:p->>'user_id'` beside other JSON is parsed anew for each row, 0.2 ms a time with 500 changes in it."""

MINE = f"""
SELECT 'mine', json_array({_picked(membership, MEMBER, 'm')}, r.view_version = m.view_version)
  FROM p CROSS JOIN json_each(:p, '$.scopes') w CROSS JOIN membership m ON m.user_id = p.user_id AND m.scope = w.value
  LEFT JOIN removal r ON r.user_id = m.user_id AND r.device_id = p.device_id AND r.scope_ord = m.scope_ord"""

MEMBERS = f"""
SELECT 'member', {_picked(membership, MEMBER, 'm')}
  FROM json_each(:p, '$.all_members_of') w CROSS JOIN scope s ON s.name = w.value
 CROSS JOIN membership m ON m.scope_ord = s.ord"""

BEFORE = f"""
SELECT 'seen', {_picked(change, SEEN, 'c')}
  FROM p CROSS JOIN json_each(:p, '$.change_ids') w CROSS JOIN change c
    ON c.device_id = p.device_id AND c.change_id = w.value AND c.user_id = p.user_id"""


def looked_up(at: int, shelf: Shelf, column: str, since: str | None) -> str:
    bound = f" AND t.{quoted(since)} >= l.value->>'since'" if since else ""
    return f"""
SELECT '{at}', {told(shelf.columns, 't')}
  FROM json_each(:p, '$.l{at}') l CROSS JOIN {quoted(shelf.name)} t
    ON t.{quoted(shelf.home.column)} = l.value->>'home' AND t.{quoted(column)} = l.value->>'value'{bound}"""


def insert(table: Table, names: Sequence[str], key: str) -> str:
    columns = ", ".join(map(quoted, names))
    values = ", ".join(_in(table.c[name], "r.value") for name in names)
    return f"""INSERT INTO {quoted(table.name)} ({columns})
SELECT {values} FROM json_each(:p, '$."{key}"') r WHERE true"""


def upsert(table: Table, names: Sequence[str], key: str, conflict: Sequence[str]) -> str:
    laid = ", ".join(f"{quoted(name)} = excluded.{quoted(name)}" for name in names if name not in conflict)
    return f"{insert(table, names, key)} ON CONFLICT ({', '.join(map(quoted, conflict))}) DO UPDATE SET {laid}"


ANSWER = """UPDATE batch SET results = :p->>'results'
 WHERE user_id = :p->>'user_id' AND device_id = :p->>'device_id' AND batch_id = :p->>'batch_id'"""
