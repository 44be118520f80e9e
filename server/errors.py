"""From a refusal to the error body: code, both sentences, details, request id (R-601, DESIGN.md 5).

Knows the catalogues and the shape; not HTTP, and not where a refusal came from.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil
from typing import Any

from i18n.catalogue import explain, explain_both
from i18n.languages import Language
from sync.problem import FieldProblem, Refusal

ERROR_SCHEMA: dict[str, Any] = {
    "type": "object", "required": ["error"], "properties": {"error": {
        "type": "object",
        "required": ["code", "message", "message_km", "message_en", "details", "request_id"],
        "properties": {
            "code": {"type": "string"},
            "message": {"type": "string", "description": "in the language of Accept-Language, else Khmer"},
            "message_km": {"type": "string"}, "message_en": {"type": "string"},
            "details": {"type": "array", "items": {"$ref": "#/components/schemas/FieldProblem"}},
            "request_id": {"type": "string"},
        },
    }},
}
FIELD_PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object", "required": ["field", "code"], "properties": {
        "field": {"type": "string", "description": "path with dots, empty for the whole body"},
        "code": {"type": "string"}, "message": {"type": "string"}, "params": {"type": "object"},
    },
}


def error_body(refusal: Refusal, language: Language, request_id: str) -> dict[str, Any]:
    """The whole body; `extra` of the refusal (limits, a current copy) stands beside the fixed members."""
    sentences = explain_both(f"error.{refusal.code}", **_figures(refusal))
    return {"error": {
        **{name: value for name, value in refusal.extra.items() if name != "headers"},
        "code": str(refusal.code), "message": sentences[language],
        "message_km": sentences["km"], "message_en": sentences["en"],
        "details": [with_sentence(problem, language) for problem in refusal.details],
        "request_id": request_id,
    }}


def with_sentence(problem: FieldProblem, language: Language) -> dict[str, Any]:
    return {**problem.as_json(), "message": explain(f"field.{problem.code}", language, **problem.params)}


def _figures(refusal: Refusal) -> Mapping[str, Any]:
    wait = refusal.retry_after_s or 0
    minutes = {"n": ceil(wait / 60)} if wait > 30 else {}  # below, "a moment" is the better word
    limits = refusal.extra.get("limits")
    return {**(limits if isinstance(limits, dict) else {}), **minutes, **refusal.params}
