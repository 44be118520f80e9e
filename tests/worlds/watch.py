"""The watchman at the server's door: judges every answer at the moment it is given, and remembers what was promised.

P03 (cursors never fall), P04 (nothing outside membership and view), P05 (a replay says the same and writes nothing),
P09 (versions never fall) and P11 (no poke for what wrote nothing, none before commit) are judged here; what must hold
after quiescence in tests/worlds/verdict.py. Knows answers; never deeds.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from storage.catalogue import KINDS
from sync.cursor import read_cursor
from sync.pull import PullAsk, Pulled
from sync.push import Pushed, Settlement
from sync.record import Key, Outcome
from tests.worlds.backend import Backend
from tests.worlds.oracle import Grant, grants, may_see

QUIET = {Outcome.DUPLICATE, Outcome.REJECTED, Outcome.DEFERRED}
SECRETS = ("name", "name_km", "written_name", "strength", "note")


@dataclass
class Watch:
    """`verdicts`: (device, change id) → the final answers given in this epoch. `sometimes` counts rare paths."""

    backend: Backend
    verdicts: dict[tuple[str, str], tuple[str, str, int]] = field(default_factory=dict)
    ever: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    highest: dict[Key, int] = field(default_factory=dict)
    versions: dict[str, Any] = field(default_factory=dict)  # of immutable prescription versions: id → lines
    pokes: list[tuple[str, int]] = field(default_factory=list)
    removed: set[tuple[str, str]] = field(default_factory=set)  # (device, scope) that a device was told to purge
    sometimes: Counter[str] = field(default_factory=Counter)

    async def granted(self, user: str) -> dict[str, Grant]:
        """What connections give this person now, beside what is their own."""
        own = {f"user:{user}": Grant("self"), f"patient:{user}": Grant("patient")}
        return own | grants(user, await self.backend.rows("connection", "line_setting"))

    async def epoch_is_over(self) -> None:
        """What the restored journal knows will be repeated; the rest is open again."""
        self.verdicts = {(line.device, line.change_id): (line.outcome, line.code, line.version)
                         for line in await self.backend.journal()}
        self.highest.clear()

    # answers to pushes

    async def settled(self, pushed: Pushed, settlement: Settlement) -> None:
        granted = await self.granted(pushed.user)
        for result in settlement.results:
            self.sometimes[f"{result.outcome}/{result.code}"] += 1
            key = (pushed.device, result.change_id)
            said = (str(result.outcome), str(result.code), result.version)
            before = self.verdicts.get(key)
            # a replay repeats its own batch: a change that was put off then may have been settled in another since
            put_off_then = settlement.replayed and result.outcome is Outcome.DEFERRED
            if before is not None and result.code != "same_change" and not put_off_then:
                assert before == said, f"P05: {before} was answered to a change, and now {said}"
            if result.outcome is not Outcome.DEFERRED and result.code != "same_change":
                self.verdicts[key] = said
                self.ever[key] = said[:2]
            if settlement.replayed or before is not None or result.key is None or not result.version:
                continue
            if result.outcome is Outcome.APPLIED:
                self._rises(result.key, result.version)
            if result.outcome is not Outcome.APPLIED:  # its own applied change may have put the row out of its view
                row = next((r for r in await self.backend.rows(result.key.kind) if r.key == result.key), None)
                assert row is not None and self._seen(row.kind, row.id, row.fields, row.scopes, granted), \
                    f"P04: the version of a {result.key.kind} was told to somebody who may not see it"
        for key_, body in settlement.rows.items():
            self._may_be_told(pushed.user, key_.kind, body, [key_.home, *self._other(key_.kind, body)], granted)
        self._poked(settlement)

    def _other(self, kind: str, body: dict[str, Any]) -> list[str]:
        return [f"user:{body['other_id']}"] if kind == "connection" else []

    def _poked(self, settlement: Settlement) -> None:
        wrote = any(result.outcome not in QUIET for result in settlement.results)
        if settlement.replayed or not wrote:
            assert not settlement.heads, "P11: a poke for a batch that wrote nothing"

    async def announced(self, settlement: Settlement) -> None:
        """What the edge does after the commit: the poke's number must be there for whoever pulls now."""
        heads = await self.backend.heads()
        for scope, head in settlement.heads.items():
            assert heads.get(scope, -1) >= head, "P11: a poke before the commit"
            self.pokes.append((scope, head))

    def _rises(self, key: Key, version: int) -> None:
        assert version >= self.highest.get(key, 0), f"P09: version of {key} fell to {version}"
        self.highest[key] = version

    # answers to pulls

    async def pulled(self, ask: PullAsk, pulled: Pulled) -> None:
        if pulled.resync is not None:
            self.sometimes["resync"] += 1
            return
        granted = await self.granted(ask.user)
        for scope in (*pulled.added, *pulled.rebuilt):
            assert scope["name"] in granted, "P04: a scope was announced to somebody who does not hold it"
            self.sometimes["rebuilt" if scope in pulled.rebuilt else "added"] += 1
        self.sometimes["removed"] += len(pulled.removed)
        self.removed.update((ask.device, scope["name"]) for scope in pulled.removed)
        for change in pulled.changes:
            assert set(change["scopes"]) <= set(granted), "P04: a row of a scope without membership"
            if change["op"] == "put":
                self._may_be_told(ask.user, change["kind"], change["row"], change["scopes"], granted)
        self._goes_on(ask, pulled)

    def _goes_on(self, ask: PullAsk, pulled: Pulled) -> None:
        before, after = read_cursor(ask.cursor), read_cursor(pulled.cursor)
        assert after is not None, "an answer without a cursor"
        again = {scope["name"] for scope in pulled.rebuilt}
        if before is None or before.epoch != after.epoch or again:
            return
        was = {start.ord: start for start in before.starts}
        for start in after.starts:
            old = was.get(start.ord)
            if old is not None and old.view_version == start.view_version:
                assert start.seq >= old.seq, "P03: a cursor fell within an epoch"

    # what may be told

    def _may_be_told(
        self, user: str, kind: str, body: dict[str, Any], scopes: list[str], granted: dict[str, Grant]
    ) -> None:
        through = [granted[s] for s in scopes if s in granted and may_see(kind, body["id"], body, s, granted[s])]
        assert through, f"P04: a {kind} was told to {user}, who may not see it"
        hidden = frozenset.intersection(*(grant.hidden for grant in through))
        self._keeps_secrets(kind, body, hidden)
        self._stays(kind, body)

    @staticmethod
    def _keeps_secrets(kind: str, body: dict[str, Any], hidden: frozenset[str]) -> None:
        if not hidden:
            return
        lines = body["lines"] if kind == "prescription_version" else [body]
        for line in lines:
            named = line.get("line_id") if kind != "medication_line" else body["id"]
            if named in hidden and kind in ("medication_line", "prescription_version", "dose_event"):
                assert not any(line.get(name) for name in SECRETS), f"P04: a {kind} told a private line (S-34)"

    def _stays(self, kind: str, body: dict[str, Any]) -> None:
        if kind == "prescription_version" and all(line.get("name") for line in body["lines"]):
            first = self.versions.setdefault(body["id"], body["lines"])
            assert first == body["lines"], "P09: a prescription version changed"

    def _seen(
        self, kind: str, id_: str, fields: Any, scopes: tuple[str, ...], granted: dict[str, Grant]
    ) -> bool:
        assert kind in KINDS
        return any(scope in granted and may_see(kind, id_, fields, scope, granted[scope]) for scope in scopes)
