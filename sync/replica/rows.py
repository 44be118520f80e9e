"""Rows as the server told them, and rows as the person sees them: the told ones under one's own unsettled changes.

A pull never touches what was not pushed (F-03), for the two are kept apart and meet only when somebody looks. Knows
versions, holdings and overlays; never pages, batches or the network.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from sync.dose_policy import ClientWins
from sync.kind import Kinds
from sync.record import Key
from sync.replica.file import ReplicaFile
from sync.settle import TAKEN, UNDONE
from sync.values import instant_of_ms

Body = dict[str, Any]
Groups = Mapping[str, tuple[str, ...]]

_UNSETTLED = "state != 'settled' OR shown > coalesce((SELECT version FROM told AS t WHERE t.kind = change.kind" \
    " AND t.home = change.home AND t.id = change.id), 0)"


def action_groups(kinds: Kinds) -> dict[str, tuple[str, ...]]:
    """Which kinds have an action group, and its columns: there the newest word replaces the whole group."""
    return {kind.name: kind.policy.group for kind in kinds.values() if isinstance(kind.policy, ClientWins)}


class Rows:
    """Told rows in the replica's file, each with the scopes it is held through."""

    def __init__(self, file: ReplicaFile, groups: Groups) -> None:
        self._file = file
        self._groups = groups

    # as told

    def tell(self, key: Key, version: int, body: Body | None, scopes: Iterable[str], *, confirms: bool) -> None:
        """Takes note of a row (None: its tombstone). An older version never replaces a newer one, an equal one does:
        it may be shown through another view. Only scopes that were announced hold it; `confirms` clears their mark."""
        db = self._file.db
        known = [scope for scope in scopes if db.execute("SELECT 1 FROM scope WHERE name = ?", (scope,)).fetchone()]
        if not known and self.version(key) is None:
            return
        db.execute(
            "INSERT INTO told VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET version = excluded.version,"
            " deleted = excluded.deleted, body = excluded.body WHERE excluded.version >= version",
            (key.kind, key.home, key.id, version, body is None,
             None if body is None else json.dumps(body, ensure_ascii=False)),
        )
        clash = "UPDATE SET pending = 0" if confirms else "NOTHING"
        db.executemany(f"INSERT INTO holding VALUES (?, ?, ?, ?, 0) ON CONFLICT DO {clash}",  # noqa: S608 words of ours
                       [(scope, key.kind, key.home, key.id) for scope in known])

    def version(self, key: Key) -> int | None:
        """The version last told, of a tombstone too."""
        found = self._file.db.execute("SELECT version FROM told WHERE kind = ? AND home = ? AND id = ?",
                                      (key.kind, key.home, key.id)).fetchone()
        return None if found is None else int(found[0])

    def looked_at(self, key: Key) -> int:
        """The version an edit made now is based on: the one told, or one's own direct successor of it."""
        own = self._file.db.execute(
            "SELECT max(shown) FROM change WHERE kind = ? AND home = ? AND id = ? AND state = 'settled'"
            " AND shown = base + 1", (key.kind, key.home, key.id)).fetchone()[0]
        return max(self.version(key) or 0, own or 0)

    def told(self, key: Key) -> Body | None:
        """The living row as the server told it last."""
        found = self._file.db.execute("SELECT body FROM told WHERE kind = ? AND home = ? AND id = ?",
                                      (key.kind, key.home, key.id)).fetchone()
        return None if found is None or found[0] is None else json.loads(found[0])

    def held(self, scope: str) -> dict[Key, int]:
        """Living told rows held through a scope, with their versions: what a checksum is made of (P01)."""
        found = self._file.db.execute(
            "SELECT t.kind, t.home, t.id, t.version FROM holding AS h JOIN told AS t USING (kind, home, id)"
            " WHERE h.scope = ? AND NOT t.deleted", (scope,))
        return {Key(kind, home, id_): version for kind, home, id_, version in found}

    def scopes(self) -> dict[str, str]:
        """Scopes announced to this device, with its account's role in each."""
        return dict(self._file.db.execute("SELECT name, role FROM scope ORDER BY name"))

    # as seen

    def seen(self, key: Key) -> Body | None:
        """The row as the person sees it; None if there is none for them."""
        row = self.told(key)
        for text in self._changes("kind = ? AND home = ? AND id = ?", (key.kind, key.home, key.id)):
            row = self._laid_over(row, json.loads(text))
        return row

    def seen_rows(self, kind: str, home: str) -> list[Body]:
        """All rows of a kind kept under a scope, by id."""
        found = self._file.db.execute("SELECT id, body FROM told WHERE kind = ? AND home = ?", (kind, home))
        rows: dict[str, Body | None] = {id_: body and json.loads(body) for id_, body in found}
        for text in self._changes("kind = ? AND home = ?", (kind, home)):
            change = json.loads(text)
            rows[change["id"]] = self._laid_over(rows.get(change["id"]), change)
        return [row for _, row in sorted(rows.items()) if row is not None]

    def _changes(self, where: str, values: tuple[str, ...]) -> Iterator[str]:
        found = self._file.db.execute(
            f"SELECT body FROM change WHERE {where} AND ({_UNSETTLED}) ORDER BY seq", values)  # noqa: S608 words of ours
        return (text for (text,) in found)

    def _laid_over(self, row: Body | None, change: Body) -> Body | None:
        group, fields = self._groups.get(change["kind"]), change["fields"]
        if group is None and change["op"] == "delete":
            return None
        if row is None and change["op"] == "patch":
            return None
        row = {"id": change["id"], **(row or {})}
        action = UNDONE if change["op"] == "delete" else fields.get(group[0]) if group else None
        if group is None or action is None:
            return {**row, **fields}
        row.update(dict.fromkeys(group))
        if action == UNDONE:
            return {**row, **{name: value for name, value in fields.items() if name not in group}}
        if action == TAKEN:  # "now" was meant, and the server will say when that was
            row[group[1]] = instant_of_ms(change["recorded_at"])
        return {**row, **{name: value for name, value in fields.items() if value is not None or name not in group}}
