"""JSON whose meaning we do not know: bounded, and free of what a store or a reader would change.

Two uses: free columns (a plan, a notice's parameters), where fractions become exact decimal text, and the unknown
fields of newer clients (S-38), which come back as they were sent.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Annotated, Any

from pydantic import PlainValidator, WithJsonSchema

from sync.gate import Bad
from sync.problem import FieldCode
from sync.values import Unfit, decimal_text

MAX_SAFE_INTEGER = 2**53 - 1  # S-58: what every JSON reader keeps exactly
MAX_JSON_BYTES = 65_536
MAX_EXTRA_BYTES = 16_384  # S-38
MAX_KEY_CHARS = 100


def free_json(value: Any) -> Any:
    """The value with fractions as decimal text, at most 64 KiB. Raises Unfit."""
    return _bounded(_copied(value, _as_text), MAX_JSON_BYTES)


def free_object(value: Any) -> dict[str, Any]:
    """As `free_json`, of an object. Raises Unfit."""
    if not isinstance(value, dict):
        raise Unfit(value.code if isinstance(value, Bad) else FieldCode.WRONG_TYPE)
    return dict(free_json(value))


FreeObject = Annotated[dict[str, Any], PlainValidator(free_object), WithJsonSchema({"type": "object"})]
FreeValue = Annotated[Any, PlainValidator(free_json), WithJsonSchema({})]


def unknown_fields(value: dict[str, Any]) -> dict[str, Any]:
    """Fields we do not know, numbers as they were sent, at most 16 KiB together. Raises Unfit."""
    return dict(_bounded(_copied(value, _as_number), MAX_EXTRA_BYTES))


def _copied(value: Any, fraction: Any) -> Any:
    # the gate bounds depth and number of values before anything comes here
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, dict):
        if any(len(name) > MAX_KEY_CHARS for name in value):
            raise Unfit(FieldCode.TOO_LONG, most=MAX_KEY_CHARS)
        return {name: _copied(item, fraction) for name, item in value.items()}
    if isinstance(value, list):
        return [_copied(item, fraction) for item in value]
    if isinstance(value, int):
        if abs(value) > MAX_SAFE_INTEGER:
            raise Unfit(FieldCode.NUMBER_INVALID)
        return value
    if isinstance(value, Decimal):
        return fraction(value)
    raise Unfit(value.code if isinstance(value, Bad) else FieldCode.WRONG_TYPE)


def _as_text(number: Decimal) -> str:
    return decimal_text(number)


def _as_number(number: Decimal) -> float:
    nearest = float(number)
    if Decimal(repr(nearest)) != number:  # it would come back as another number
        raise Unfit(FieldCode.NUMBER_INVALID)
    return nearest


def _bounded(value: Any, most: int) -> Any:
    if len(json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()) > most:
        raise Unfit(FieldCode.TOO_LARGE, most=most)
    return value
