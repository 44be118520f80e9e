"""JSON Schemas of the sync envelopes and answers, for the OpenAPI document; the checks themselves are sync/wire.py.

A test sends every example through the real server, so that these words stay true. Knows no kind's fields: changes and
rows refer to the components of storage/schema.py.
"""

from __future__ import annotations

from typing import Any

from sync.push import MAX_CHANGES
from sync.record import Because, Outcome

Schema = dict[str, Any]
_UUID = {"type": "string", "format": "uuid"}
_MS = {"type": "integer", "description": "milliseconds since 1970, UTC"}
_DEVICE = {**_UUID, "description": "the device of the session"}
_SCHEMA = {"type": "integer", "minimum": 1, "description": "version of the columns that the client knows"}
_CHANGE = {"$ref": "#/components/schemas/Change"}
_CLOSING: Schema = {
    "server_now": _MS,
    "limits": {"type": "object", "properties": {"max_changes": {"type": "integer"}, "max_bytes": {"type": "integer"}}},
    "next_sync_after_s": {"type": "integer"},
}
_RESULT: Schema = {
    "type": "object", "required": ["i", "change_id", "outcome", "code", "version"], "properties": {
        "i": {"type": "integer"}, "change_id": _UUID, "outcome": {"enum": [str(one) for one in Outcome]},
        "code": {"enum": [str(one) for one in Because]},
        "version": {"type": "integer", "description": "of the row now; 0 if there is none to be told"},
        "row": {"type": "object", "description": "the winner, where the author's edit did not stand whole"},
        "details": {"type": "array", "items": {"$ref": "#/components/schemas/FieldProblem"}},
    },
}

PUSH: Schema = {
    "type": "object", "required": ["device_id", "batch_id", "changes"], "properties": {
        "device_id": _DEVICE, "batch_id": {**_UUID, "description": "new for each batch, the same for its retries"},
        "schema": _SCHEMA, "client_now": {**_MS, "description": "the device's wall clock while sending, ms"},
        "boot_id": {"type": "string", "maxLength": 64}, "mono_ms": {"type": "integer", "minimum": 0},
        "changes": {"type": "array", "maxItems": MAX_CHANGES, "items": _CHANGE},
    },
}
PULL: Schema = {
    "type": "object", "required": ["device_id"], "properties": {
        "device_id": _DEVICE, "cursor": {"type": ["string", "null"]}, "schema": _SCHEMA,
        "limit": {"type": "integer", "minimum": 1, "maximum": 500}, "max_bytes": {"type": "integer"},
        "purged": {"type": "array", "items": {"type": "string"}, "description": "scopes whose rows the device deleted"},
        "want": {"type": "array", "items": {"type": "string"}, "description": "only these scopes"},
    },
}
SYNC: Schema = {"type": "object", "properties": {"push": PUSH, "pull": PULL}, "minProperties": 1}

PUSHED: Schema = {
    "type": "object",
    "required": ["batch_id", "replayed", "epoch", "hlc", "offset_ms", "results", "heads", "server_now"],
    "properties": {
        "batch_id": _UUID, "replayed": {"type": "boolean"}, "epoch": {"type": "string"}, "hlc": {"type": "string"},
        "offset_ms": {"type": "integer"}, "results": {"type": "array", "items": _RESULT},
        "heads": {"type": "object", "additionalProperties": {"type": "integer"}}, **_CLOSING,
    },
}
_SCOPE = {"type": "object", "required": ["name"], "properties": {"name": {"type": "string"}}}
_TOLD: Schema = {
    "type": "object", "required": ["kind", "id", "home", "op", "scopes", "version"], "properties": {
        "kind": {"type": "string"}, "id": _UUID, "home": {"type": "string"}, "op": {"enum": ["put", "delete"]},
        "scopes": {"type": "array", "items": {"type": "string"}}, "version": {"type": "integer"},
        "row": {"type": "object"},
    },
}
PULLED: Schema = {
    "type": "object", "required": ["cursor", "has_more", "epoch", "scopes", "changes", "hlc", "server_now"],
    "properties": {
        "cursor": {"type": ["string", "null"]}, "has_more": {"type": "boolean"}, "epoch": {"type": "string"},
        "hlc": {"type": "string"}, "changes": {"type": "array", "items": _TOLD},
        "scopes": {"type": "object", "properties": {
            name: {"type": "array", "items": _SCOPE} for name in ("added", "rebuilt", "removed")}},
        "resync": {"type": "object"}, **_CLOSING,
    },
}
SYNCED: Schema = {"type": "object", "required": ["server_now"],
                  "properties": {"push": PUSHED, "pull": PULLED, **_CLOSING}}
STATUS: Schema = {
    "type": "object", "required": ["server_now", "epoch", "heads", "schema"], "properties": {
        "epoch": {"type": "string"}, "resend_since": {"type": ["string", "null"]}, "schema": {"type": "integer"},
        "min_schema": {"type": "integer"}, "device_id": _UUID,
        "heads": {"type": "object", "additionalProperties": {"type": "integer"}}, **_CLOSING,
    },
}
