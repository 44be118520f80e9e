"""The port's dataclasses as JSON for our statements, and back. One spelling for both engines. Knows no SQL.

Everything here is canonical wire values already (sync/values.py): nothing is converted, only named.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from sync.access import Membership, Role, View
from sync.record import Because, Key, Outcome
from sync.store import JournalEntry, Kept, LedgerEntry, Outbox, Who

MEMBER = ("user_id", "scope", "role", "view", "view_version", "expires_at", "ended_at")
"""Columns of a membership in the order that `member_of` reads."""
SEEN = ("change_id", "outcome", "code", "version", "kind", "scope", "id", "tells_row", "details", "digest")
ENTRY = ("scope_ord", "seq", "kind", "id", "home", "deleted", "part", "day", "version")
JOURNAL = (
    "user_id", "device_id", "change_id", "digest", "role", "kind", "id", "scope", "part", "day", "op", "base", "fields",
    "outcome", "code", "version", "tells_row", "details", "hlc", "recorded_at", "corrected_at", "offset_ms",
    "clock_suspect", "received_at", "batch_id",
)


def dumps(value: Any) -> str:
    return orjson.dumps(value).decode()


def loads(text: str) -> Any:
    return orjson.loads(text)


def who_of(value: Sequence[str] | None) -> Who | None:
    return None if value is None else Who(value[0], value[1])


def member_of(value: Sequence[Any]) -> Membership:
    user, scope, role, view, view_version, expires_at, ended_at = value
    return Membership(user, scope, Role(role), View.of_json(view), view_version, expires_at, ended_at)


def member_object(ord_: int, m: Membership) -> dict[str, Any]:
    return {"scope_ord": ord_, "user_id": m.user, "scope": m.scope, "role": str(m.role), "view": m.view.as_json(),
            "view_version": m.view_version, "expires_at": m.expires_at, "ended_at": m.ended_at}


def entry_of(value: Sequence[Any]) -> LedgerEntry:
    return LedgerEntry(*value)


def entry_object(e: LedgerEntry) -> dict[str, Any]:
    return {"scope_ord": e.ord, "seq": e.seq, "kind": e.kind, "id": e.id, "home": e.home, "deleted": e.deleted,
            "part": e.part, "day": e.day, "version": e.version}


def journal_object(e: JournalEntry) -> dict[str, Any]:
    return {
        "user_id": e.user, "device_id": e.device, "change_id": e.change_id, "digest": e.digest, "role": e.role,
        "kind": e.kind, "id": e.id, "scope": e.scope, "part": e.part, "day": e.day, "op": e.op, "base": e.base,
        "fields": e.fields, "outcome": str(e.outcome), "code": str(e.code), "version": e.version,
        "tells_row": e.tells_row, "details": e.details, "hlc": e.hlc, "recorded_at": e.recorded_at,
        "corrected_at": e.corrected_at, "offset_ms": e.offset_ms, "clock_suspect": e.clock_suspect,
        "received_at": e.received_at, "batch_id": e.batch_id,
    }


def journal_of(values: Sequence[Any]) -> JournalEntry:
    value = dict(zip(JOURNAL, values, strict=True))
    value.update(device=value.pop("device_id"), user=value.pop("user_id"), outcome=Outcome(value["outcome"]),
                 code=Because(value["code"]), details=tuple(value["details"]))
    return JournalEntry(**value)


def outbox_object(o: Outbox, now: str) -> dict[str, Any]:
    return {"scope": o.scope, "touched": o.touched, "made_at": now}


def seen_of(value: Sequence[Any]) -> Kept:
    """A change that was settled before, out of the journal; its place in that batch is no longer known."""
    change_id, outcome, code, version, kind, scope, id_, tells_row, details, digest = value
    key = Key(kind, scope, id_) if tells_row or version else None
    return Kept(0, change_id, Outcome(outcome), Because(code), version, key, tells_row, tuple(details), digest)


def results_text(results: Sequence[Kept]) -> str:
    """The stored answer of a batch (S-64): outcomes, codes, versions; never a row."""
    return dumps([[k.i, k.change_id, str(k.outcome), str(k.code), k.version,
                   None if k.key is None else [k.key.kind, k.key.home, k.key.id], k.tells_row, k.details, k.digest]
                  for k in results])


def results_of(text: str | None) -> tuple[Kept, ...]:
    return tuple(
        Kept(i, change_id, Outcome(outcome), Because(code), version, None if key is None else Key(*key), tells_row,
             tuple(details), digest)
        for i, change_id, outcome, code, version, key, tells_row, details, digest in loads(text or "[]")
    )
