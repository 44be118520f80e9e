"""The column type of JSON values, free or of a shape that pydantic checks and describes. Knows no shape by name."""

from __future__ import annotations

import json
from functools import cached_property
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, TypeAdapter
from pydantic_core import CoreSchema, core_schema, to_jsonable_python
from sqlalchemy.dialects import postgresql

from storage.free_json import free_json
from storage.wire_type import Schema, Wire

SCHEMA_REF = "#/components/schemas/{model}"


class Json(Wire):
    """A JSON value: of a shape that pydantic checks and describes, or any. Fractions become decimal text within."""

    pg_type = "jsonb"
    on_postgresql = postgresql.JSONB(none_as_null=True)

    def __init__(self, shape: Any = Any) -> None:
        super().__init__()
        self.shape = shape

    @cached_property
    def _adapter(self) -> TypeAdapter[Any]:
        return TypeAdapter(Annotated[Any, self])

    def check(self, value: Any) -> Any:
        """As the others, but raises pydantic.ValidationError, which knows paths, where there is a shape."""
        return self._adapter.validate_python(value)

    def schema(self) -> Schema:
        return self._adapter.json_schema(ref_template=SCHEMA_REF)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        if self.shape is Any:
            return core_schema.no_info_plain_validator_function(free_json)
        return core_schema.no_info_after_validator_function(_dumped, handler.generate_schema(self.shape))

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> Schema:
        return {} if self.shape is Any else handler(core)

    def sqlite_in(self, value: Any) -> str:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)

    def sqlite_out(self, raw: Any) -> Any:
        return json.loads(raw)


def _dumped(value: Any) -> Any:
    """Models within become dictionaries again; a row holds JSON values only."""
    return to_jsonable_python(value)
