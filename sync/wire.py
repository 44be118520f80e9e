"""The wire format of push and pull: from values that passed the JSON gate to changes, and which member was wrong.

A fault of the envelope refuses the request and names the field; one inside a change costs that change alone (F-60).
Knows members and types; never kinds, rows or rights.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from sync.clock import DeviceTime, is_hlc
from sync.gate import Bad
from sync.identity import deed_id
from sync.problem import Code, FieldCode, FieldProblem, Refusal
from sync.pull import MIN_SCHEMA, PAGE, PAGE_BYTES, SCHEMA, PullAsk
from sync.push import MAX_CHANGES, Pushed
from sync.record import Change, Op
from sync.values import Unfit, canonical_instant, canonical_uuid, ms_of, parse_instant

MAX_BODY = 1024 * 1024  # bytes after decompression
MAX_SCOPES_OF_A_CHANGE = 4
MAX_NAME = 64
MAX_INTEGER = 2**53  # what JavaScript can hold (S-58)
MAX_PURGED = 500
MIN_PAGE_BYTES = 16 * 1024
NIL = "00000000-0000-0000-0000-000000000000"


def read_push(body: object, *, user: str, device: str, session: str | None) -> Pushed:
    """The batch in a push envelope. Raises Refusal: invalid, device_mismatch, schema_too_old, too_many_changes."""
    envelope = _object(body, "")
    _refuse_stranger(envelope, device)
    _refuse_old_schema(envelope)
    batch_id = _demanded(envelope, "batch_id")
    changes = envelope.get("changes")
    if not isinstance(changes, list):
        raise Refusal(Code.INVALID, FieldProblem("changes", FieldCode.WRONG_TYPE if changes else FieldCode.REQUIRED))
    if len(changes) > MAX_CHANGES:
        raise Refusal(Code.TOO_MANY_CHANGES, FieldProblem("changes", FieldCode.TOO_MANY, {"most": MAX_CHANGES}),
                      extra={"limits": {"max_changes": MAX_CHANGES, "max_bytes": MAX_BODY}}, max_changes=MAX_CHANGES)
    clock = DeviceTime(_whole(envelope, "client_now"), _text(envelope, "boot_id"), _whole(envelope, "mono_ms"))
    read = [read_change(change, i, batch_id) for i, change in enumerate(changes)]
    return Pushed(user, device, session, batch_id, read, clock)


def read_pull(body: object, *, user: str, device: str, session: str | None) -> PullAsk:
    """The ask in a pull envelope. Raises Refusal: invalid, device_mismatch, schema_too_old."""
    envelope = _object(body, "")
    _refuse_stranger(envelope, device)
    _refuse_old_schema(envelope)
    cursor = envelope.get("cursor")
    limit = _whole(envelope, "limit") or PAGE
    max_bytes = _whole(envelope, "max_bytes") or PAGE_BYTES
    want = _names(envelope, "want")
    schema = min(_whole(envelope, "schema") or SCHEMA, SCHEMA)
    return PullAsk(
        user, device, session, cursor if isinstance(cursor, str) else None, schema,
        min(max(1, limit), PAGE), min(max(MIN_PAGE_BYTES, max_bytes), PAGE_BYTES), _names(envelope, "purged") or (),
        None if want is None else frozenset(want), _unsent(envelope),
    )


def _unsent(envelope: Mapping[str, Any]) -> int:
    """What the device says of its queue; one that says nothing has sent all it will."""
    queue = envelope.get("queue")
    return (_whole(queue, "count") or 0) if isinstance(queue, dict) else 0


def read_change(body: object, i: int, batch_id: str) -> Change:
    """One change; what is wrong with it stands in `faults`. A stand-in id keeps even a nameless one answerable."""
    if isinstance(body, Bad) and body.rest is not None:
        return _faulty(body.rest, i, batch_id, FieldProblem("", body.code))
    if not isinstance(body, dict):
        return _faulty({}, i, batch_id, FieldProblem("", FieldCode.WRONG_TYPE))
    reader = _Reader(body)
    change_id = reader.uuid("change_id") or deed_id(batch_id, str(i))
    fields = body.get("fields", {})
    if not isinstance(fields, dict):
        reader.wrong("fields", FieldCode.WRONG_TYPE)
        fields = fields.rest if isinstance(fields, Bad) and fields.rest else {}
    return Change(
        i, change_id, reader.name("kind"), reader.uuid("id") or NIL, reader.scopes(), reader.op(),
        reader.whole("base", 0), fields, body.get("at"), reader.moment("recorded_at"), _text(body, "boot_id"),
        reader.whole_or_none("mono_ms"), body["hlc"] if is_hlc(body.get("hlc")) else None,
        body.get("automatic") is True, _digest(body, fields), tuple(problem.as_json() for problem in reader.problems),
    )


def _faulty(body: Mapping[str, Any], i: int, batch_id: str, problem: FieldProblem) -> Change:
    change_id = _Reader(dict(body)).uuid("change_id") or deed_id(batch_id, str(i))
    return Change(i, change_id, "", NIL, (), Op.UPSERT, 0, {}, digest=_digest(body, {}), faults=(problem.as_json(),))


def _digest(body: Mapping[str, Any], fields: Mapping[str, Any]) -> str:
    """What makes two changes the same: their content, not their place in a batch nor the base, which moves on."""
    content = [body.get(name) for name in ("kind", "id", "op", "scopes", "at", "recorded_at", "automatic")]
    text = json.dumps([*content, fields], sort_keys=True, ensure_ascii=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class _Reader:
    """Reads the members of one change and remembers what was wrong with them."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.body = body
        self.problems: list[FieldProblem] = []

    def wrong(self, name: str, code: FieldCode) -> None:
        self.problems.append(FieldProblem(name, code))

    def uuid(self, name: str) -> str | None:
        if self.body.get(name) is None:
            self.wrong(name, FieldCode.REQUIRED)
            return None
        try:
            return canonical_uuid(self.body[name])
        except Unfit as unfit:
            self.wrong(name, unfit.code)
            return None

    def name(self, name: str) -> str:
        value = self.body.get(name)
        if isinstance(value, str) and 0 < len(value) <= MAX_NAME:
            return value
        self.wrong(name, FieldCode.REQUIRED if value is None else FieldCode.WRONG_TYPE)
        return ""

    def op(self) -> Op:
        value = self.body.get("op", Op.UPSERT)
        if isinstance(value, str) and value in list(Op):
            return Op(value)
        self.wrong("op", FieldCode.NOT_ALLOWED)
        return Op.UPSERT

    def whole(self, name: str, default: int) -> int:
        value = self.body.get(name, default)
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_INTEGER:
            return value
        self.wrong(name, FieldCode.WRONG_TYPE)
        return default

    def whole_or_none(self, name: str) -> int | None:
        return None if self.body.get(name) is None else self.whole(name, 0)

    def moment(self, name: str) -> int | None:
        if self.body.get(name) is None:
            return None
        try:
            return ms_of(parse_instant(canonical_instant(self.body[name])))
        except Unfit as unfit:
            self.wrong(name, unfit.code)
            return None

    def scopes(self) -> tuple[str, ...]:
        value = self.body.get("scopes")
        if not isinstance(value, list) or not 0 < len(value) <= MAX_SCOPES_OF_A_CHANGE:
            self.wrong("scopes", FieldCode.REQUIRED if value is None else FieldCode.WRONG_TYPE)
            return ()
        names = tuple(canonical_scope(name) for name in value)
        if None in names:
            self.wrong("scopes", FieldCode.NOT_ALLOWED)
            return ()
        return tuple(name for name in names if name is not None)


def canonical_scope(name: object) -> str | None:
    """`prefix:<uuid>` in canonical spelling, `catalogue`, or None."""
    if not isinstance(name, str) or len(name) > MAX_NAME:
        return None
    prefix, _, id_ = name.partition(":")
    if name == "catalogue" or not (prefix.isascii() and prefix.isalpha() and prefix.islower()):
        return name if name == "catalogue" else None
    try:
        return f"{prefix}:{canonical_uuid(id_)}"
    except Unfit:
        return None


def _object(body: object, path: str) -> dict[str, Any]:
    if isinstance(body, dict):
        return body
    raise Refusal(Code.INVALID, FieldProblem(path, body.code if isinstance(body, Bad) else FieldCode.WRONG_TYPE))


def _refuse_stranger(envelope: Mapping[str, Any], device: str) -> None:
    if _demanded(envelope, "device_id") != device:
        raise Refusal(Code.DEVICE_MISMATCH, FieldProblem("device_id", FieldCode.NOT_ALLOWED))


def _refuse_old_schema(envelope: Mapping[str, Any]) -> None:
    schema = _whole(envelope, "schema")
    if schema is not None and schema < MIN_SCHEMA:
        raise Refusal(Code.SCHEMA_TOO_OLD, FieldProblem("schema", FieldCode.TOO_SMALL, {"least": MIN_SCHEMA}),
                      extra={"min_schema": MIN_SCHEMA}, least=MIN_SCHEMA)


def _demanded(envelope: Mapping[str, Any], name: str) -> str:
    if envelope.get(name) is None:
        raise Refusal(Code.INVALID, FieldProblem(name, FieldCode.REQUIRED))
    try:
        return canonical_uuid(envelope[name])
    except Unfit as unfit:
        raise Refusal(Code.INVALID, FieldProblem(name, unfit.code)) from None


def _whole(envelope: Mapping[str, Any], name: str) -> int | None:
    value = envelope.get(name)
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_INTEGER):
        return value
    raise Refusal(Code.INVALID, FieldProblem(name, FieldCode.WRONG_TYPE))


def _text(envelope: Mapping[str, Any], name: str) -> str | None:
    value = envelope.get(name)
    return value if isinstance(value, str) and len(value) <= MAX_NAME else None


def _names(envelope: Mapping[str, Any], name: str) -> tuple[str, ...] | None:
    value = envelope.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or len(value) > MAX_PURGED:
        raise Refusal(Code.INVALID, FieldProblem(name, FieldCode.WRONG_TYPE))
    names = [canonical_scope(item) for item in value]
    if None in names:
        raise Refusal(Code.INVALID, FieldProblem(name, FieldCode.NOT_ALLOWED))
    return tuple(item for item in names if item is not None)
