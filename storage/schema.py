"""JSON Schema of every kind for the OpenAPI 3.1 document, from the same models that check what clients send.

Per kind three components: `DoseEventFields` (what a client may send), `DoseEvent` (a row as it is told) and
`DoseEventChange` (a change of a push). Knows no path and no HTTP.
"""

from __future__ import annotations

from storage.catalogue import ENTITIES, KINDS
from storage.columns import Instant, Text, Uuid, Whole
from storage.declared import CREATION, SERVER, Field
from storage.entity import MAX_HLC_CHARS, Synced
from storage.free_json import MAX_EXTRA_BYTES
from storage.json_column import SCHEMA_REF
from storage.wire_check import fields_model
from storage.wire_type import Schema
from sync.policy import ServerWins
from sync.record import Op


def components() -> dict[str, Schema]:
    """All component schemas by name, those of nested shapes among them."""
    found: dict[str, Schema] = {}
    for entity in ENTITIES:
        name = entity.__name__
        fields, nested = _fields(entity)
        row, more = _row(entity)
        found |= nested | more
        found[f"{name}Fields"] = fields
        found[name] = row
        found[f"{name}Change"] = _change(entity)
    return found


def name_of(kind: str) -> str:
    """Name of a kind's row component: dose_event → DoseEvent. Raises KeyError."""
    return _NAMES[kind]


_NAMES = {entity.kind.name: entity.__name__ for entity in ENTITIES}


def _fields(entity: type[Synced]) -> tuple[Schema, dict[str, Schema]]:
    model = fields_model(f"{entity.__name__}Fields", entity.declaration.fields)
    schema = model.json_schema(ref_template=SCHEMA_REF)
    nested = schema.pop("$defs", {})
    for field in entity.declaration.fields:
        if field.writable:
            _remark(schema["properties"][field.name], field)
    schema["description"] = (
        f"What a client may send of a {entity.kind.name}. All are optional in a patch; unknown fields are kept, "
        f"up to {MAX_EXTRA_BYTES} bytes per row."
    )
    schema["additionalProperties"] = True
    return schema, nested


def _row(entity: type[Synced]) -> tuple[Schema, dict[str, Schema]]:
    properties: dict[str, Schema] = {"id": Uuid().schema()}
    nested: dict[str, Schema] = {}
    for field in entity.declaration.fields:
        schema = field.type.schema()
        nested |= schema.pop("$defs", {})
        if field.nullable or field.told.masked:
            schema = {"anyOf": [schema, {"type": "null"}]}
        properties[field.name] = {**schema, "description": field.told.doc}
        _remark(properties[field.name], field)
    properties |= {
        "version": {**Whole(least=1).schema(), "description": "rises with every change; the base of the next one"},
        "created_at": Instant().schema(), "changed_at": Instant().schema(), "changed_by": Uuid().schema(),
    }
    return {
        "type": "object", "title": entity.__name__, "description": entity.declaration.doc,
        "properties": properties, "required": list(properties),
    }, nested


def _remark(schema: Schema, field: Field) -> None:
    if field.told.by == SERVER:
        schema["readOnly"] = True
    if field.told.default is not None:
        schema["default"] = field.told.default
    remarks = ["written once, with the new row"] if field.told.by == CREATION else []
    remarks += ["required in a new row"] if field.required else []
    remarks += ["null where the line is hidden from the reader"] if field.told.masked else []
    if remarks:
        schema["description"] = f"{field.told.doc} ({'; '.join(remarks)})"


def _change(entity: type[Synced]) -> Schema:
    reference = SCHEMA_REF.format(model=f"{entity.__name__}Fields")
    base = "version the author had seen; 0 for a new row"
    if isinstance(KINDS[entity.kind.name].policy, ServerWins):
        base += ". An edit of an older version is refused and kept"
    properties: dict[str, Schema] = {
        "change_id": {**Uuid().schema(), "description": "the same whenever this change is sent again"},
        "kind": {"const": entity.kind.name},
        "id": Uuid().schema(),
        "scopes": {"type": "array", "items": {"type": "string"}, "minItems": 1,
                   "description": "the row's scopes, home first: " + ", ".join(_scopes(entity))},
        "op": {"enum": [str(op) for op in Op], "default": str(Op.UPSERT)},
        "base": {**Whole(least=0).schema(), "default": 0, "description": base},
        "fields": {"$ref": reference},
        "at": {**Instant().sent_schema(), "description": "when it happened, by the device's clock"},
        "recorded_at": {**Instant().sent_schema(), "description": "when it was recorded, by the device's clock"},
        "boot_id": {"type": "string"},
        "mono_ms": {**Whole(least=0).schema(), "description": "the device's monotonic clock"},
        "hlc": Text(MAX_HLC_CHARS).schema(),
        "automatic": {"type": "boolean", "default": False, "description": "made by the device, not by a person"},
    }
    return {"type": "object", "title": f"{entity.__name__}Change", "properties": properties,
            "required": ["change_id", "kind", "id", "scopes"]}


def _scopes(entity: type[Synced]) -> list[str]:
    return [f"{place.prefix}:<{place.column}>" for place in entity.declaration.scope.places]
