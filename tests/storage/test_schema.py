"""The API document's schemas say what the wire check does, for every kind."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from storage.catalogue import ENTITIES, KINDS
from storage.entity import Synced
from storage.schema import components, name_of
from sync.record import Change, Op

ID = "0190a5b2-7e2f-7abc-8def-0123456789ab"
COMPONENTS = components()


def validator(name: str) -> jsonschema.Draft202012Validator:
    document = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": COMPONENTS}}
    return jsonschema.Draft202012Validator(document)


@pytest.mark.parametrize("name", sorted(COMPONENTS))
def test_every_component_is_a_schema_whose_references_lead_somewhere(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(COMPONENTS[name])
    for reference in references(COMPONENTS[name]):
        assert reference.removeprefix("#/components/schemas/") in COMPONENTS


@pytest.mark.parametrize("entity", ENTITIES, ids=lambda entity: entity.kind.name)
def test_clients_may_send_what_the_columns_say_and_rows_show_all(entity: type[Synced]) -> None:
    """S-37: the server's columns are no input."""
    columns = entity.kind.columns
    sent, row = COMPONENTS[f"{entity.__name__}Fields"], COMPONENTS[name_of(entity.kind.name)]
    assert set(sent["properties"]) == {name for name, one in columns.items() if one.by != "server"}
    assert set(row["properties"]) == {"id", *columns, "version", "created_at", "changed_at", "changed_by"}
    assert {name for name, one in row["properties"].items() if one.get("readOnly")} == {
        name for name, one in columns.items() if one.by == "server"}
    for field in entity.declaration.fields:
        assert field.told.doc in row["properties"][field.name]["description"]


@pytest.mark.parametrize("fields", [
    {}, {"action": "taken", "at": "2026-01-01T07:56:00+07:00", "amount": "0.5"}, {"at": 1767229440000, "amount": 0.5},
    {"note": None, "unknown": {"a": 1}}, {"action": "lost"}, {"amount": "0.0001"}, {"amount": -1}, {"note": "x" * 2001},
    {"occurrence": -1}, {"occurrence": "1"}, {"slot_key": ""}, {"line_id": None},
])
def test_schema_and_check_agree_about_a_dose(fields: dict[str, Any]) -> None:
    from decimal import Decimal

    from_gate = {name: Decimal(str(value)) if isinstance(value, float) else value for name, value in fields.items()}
    checked = KINDS["dose_event"].check(Change(0, ID, "dose_event", ID, (), Op.UPSERT, 0, from_gate))
    assert validator("DoseEventFields").is_valid(fields) == (not checked.problems)


def test_a_change_of_a_push_is_described_whole() -> None:
    change = {"change_id": ID, "kind": "dose_event", "id": ID, "scopes": [f"patient:{ID}"], "op": "upsert", "base": 3,
              "fields": {"action": "taken"}, "recorded_at": 1767229440000}
    assert validator("DoseEventChange").is_valid(change)
    assert not validator("DoseEventChange").is_valid(change | {"kind": "patient"})
    assert not validator("DoseEventChange").is_valid(change | {"fields": {"action": "lost"}})


def references(schema: Any) -> list[str]:
    if isinstance(schema, dict):
        own = [schema["$ref"]] if isinstance(schema.get("$ref"), str) else []
        return own + [found for value in schema.values() for found in references(value)]
    if isinstance(schema, list):
        return [found for value in schema for found in references(value)]
    return []
