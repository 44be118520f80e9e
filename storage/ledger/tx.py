"""A push's transaction: claim, read, write in this order, once each (sync.store.Tx), on either engine.

Turns the port's dataclasses into one JSON document per step and what comes back into dataclasses. Knows no SQL.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from storage.database import Writing
from storage.failpoints import failpoint, register
from storage.faults import Overtaken
from storage.ledger import spelling
from storage.ledger.shelf import Shelf
from storage.ledger.spelling import dumps
from storage.ledger.statements import RawClaim, ReadShape, Statements, WriteShape
from sync.access import Membership, id_in
from sync.identity import SYSTEM_USER
from sync.kind import Lookup
from sync.record import Row
from sync.store import Claim, Claimed, Kept, Known, Numbers, Replay, Wants, Writes

PUSH_PATH = ("push.before_claim", "push.after_claim", "push.before_read", "push.after_read", "push.before_write",
             "push.after_write", "push.before_commit", "push.after_commit")
register(*PUSH_PATH)


class LedgerTx:
    """`written` says whether there is anything to commit."""

    def __init__(self, statements: Statements, shelves: Mapping[str, Shelf], writing: Writing) -> None:
        self._statements = statements
        self._shelves = shelves
        self._driver = writing.driver
        self._claim: Claim | None = None
        self._ords: dict[str, int] = {}
        self.written = False

    async def claim(self, claim: Claim) -> Claimed | Replay:
        """Raises Overtaken if another founder of the same scope committed meanwhile, or was refused."""
        assert self._claim is None, "one claim per transaction: locks are taken in one ascending order"
        self._claim = claim
        await failpoint("push.before_claim")
        raw = await self._statements.claim(self._driver, dumps(_claim_doc(claim)))
        await failpoint("push.after_claim")
        who = spelling.who_of(raw.who)
        if not raw.new:
            digest, results = await self._statements.stored(self._driver, claim.user, claim.device, claim.batch_id)
            return Replay(who, digest, spelling.results_of(results), raw.epoch)
        scopes = {name: Numbers(ord_, first, founded, room) for name, ord_, first, room, founded in raw.scopes}
        await self._refuse_overtaken(claim, raw, scopes)
        self._ords = {name: numbers.ord for name, numbers in scopes.items()}
        return Claimed(who, scopes, raw.epoch)

    async def _refuse_overtaken(self, claim: Claim, raw: RawClaim, scopes: Mapping[str, Numbers]) -> None:
        """Waiting for a lock, the claim keeps the snapshot it began with: memberships of foundings are asked anew."""
        unlocked = [name for name in claim.founding if name not in scopes]
        orphans = [name for name, numbers in scopes.items() if numbers.founded and numbers.first > 1]
        if (unlocked or orphans) and raw.who is not None and await self._statements.overtaken(
                self._driver, claim.user, unlocked, orphans):
            raise Overtaken

    async def read(self, wants: Wants) -> Known:
        await failpoint("push.before_read")
        shape, doc = self._read_doc(wants)
        found = await self._statements.read(self._driver, shape, dumps(doc))
        await failpoint("push.after_read")
        mine: dict[str, Membership] = {}
        told: set[str] = set()
        members: list[Membership] = []
        seen: dict[str, Kept] = {}
        rows: dict[Any, Row] = {}
        for tag, value in found:
            if tag == "mine":
                one = spelling.member_of(value[0])
                mine[one.scope] = one
                told.update([one.scope] if value[1] else [])
            elif tag == "member":
                members.append(spelling.member_of(value))
            elif tag == "seen":
                kept = spelling.seen_of(value)
                seen[kept.change_id] = kept
            else:
                row = self._shelves[shape.looks[int(tag)][0]].row_of(value)
                rows[row.key] = row
        return Known(mine, members, list(rows.values()), seen, frozenset(told))

    def _read_doc(self, wants: Wants) -> tuple[ReadShape, dict[str, Any]]:
        looks: dict[tuple[str, str, str | None], list[Lookup]] = {}
        for look in wants.rows:
            if self._shelves[look.kind].fits(look):
                looks.setdefault((look.kind, look.column, look.since and look.since[0]), []).append(look)
        shapes = tuple(sorted(looks, key=str))
        doc: dict[str, Any] = {
            "user_id": wants.user, "device_id": wants.device, "scopes": wants.scopes,
            "all_members_of": wants.all_members_of, "change_ids": wants.change_ids,
        }
        doc.update({f"l{at}": [_look(look) for look in looks[shape]] for at, shape in enumerate(shapes)})
        return ReadShape(shapes, bool(wants.all_members_of), bool(wants.change_ids)), doc

    async def write(self, writes: Writes) -> None:
        """Raises Overtaken if a change id was settled meanwhile in a scope that this push did not lock."""
        assert self._claim is not None and not self.written, "claim, read, write: once each"
        await failpoint("push.before_write")
        shape, doc = self._write_doc(self._claim, writes)
        await self._statements.write(self._driver, shape, dumps(doc))
        self.written = True
        await failpoint("push.after_write")

    def _write_doc(self, claim: Claim, writes: Writes) -> tuple[WriteShape, dict[str, Any]]:
        sets: dict[str, Sequence[dict[str, Any]]] = {
            "ledger": [spelling.entry_object(entry) for entry in writes.ledger],
            "membership": [spelling.member_object(self._ords[m.scope], m) for m in writes.memberships],
            # Without an id it can never be asked for again, and the next nameless one would clash with it.
            "change": [spelling.journal_object(entry) for entry in writes.journal if entry.change_id],
            "outbox": [spelling.outbox_object(one, writes.now) for one in writes.outbox],
        }
        filled = {name: values for name, values in sets.items() if values}
        kinds = {kind: [self._shelves[kind].object_of(row) for row in rows]
                 for kind, rows in writes.rows.items() if rows}
        answer = {"user_id": claim.user, "device_id": writes.device, "batch_id": writes.batch_id,
                  "results": spelling.results_text(writes.results)}
        return WriteShape(tuple(sorted(kinds)), tuple(filled)), {**answer, **filled, **kinds}


def _claim_doc(claim: Claim) -> dict[str, Any]:
    names = sorted({*claim.rooms, *claim.deposits, *claim.founding})
    return {
        "user_id": claim.user, "device_id": claim.device, "session_id": claim.session, "batch_id": claim.batch_id,
        "digest": claim.digest, "now": claim.now, "system": claim.user == SYSTEM_USER and claim.session is None,
        "scopes": [{"name": name, "room": claim.rooms.get(name, 0), "deposit": name in claim.deposits,
                    "founding": name in claim.founding} for name in names],
    }


def _look(look: Lookup) -> dict[str, Any]:
    body = {"home": id_in(look.home), "value": look.value}
    return {**body, "since": look.since[1]} if look.since is not None else body
