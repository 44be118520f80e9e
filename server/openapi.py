"""The OpenAPI 3.1 document, made from the routes that are served and the components of the kinds (S-68, R-602).

What is served is written here and what is written here is served: a test holds both against each other. Knows routes
and schemas; no handler.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from pydantic import BaseModel

from server.call import Auth, Route
from server.errors import ERROR_SCHEMA, FIELD_PROBLEM_SCHEMA
from server.health import VERSION
from storage.catalogue import KINDS
from storage.schema import components, name_of
from sync.problem import STATUS, Code

REF = "#/components/schemas/"
JSON = "application/json"
_ALWAYS = (Code.TOO_MANY_REQUESTS, Code.INTERNAL, Code.BUSY)
_OF_BODIES = (Code.UNREADABLE, Code.TOO_LARGE, Code.UNSUPPORTED_MEDIA)


def document(api: Iterable[Route], root: Iterable[Route]) -> dict[str, Any]:
    """The whole document. Paths stand once, under /api; the same are served under /api/v1."""
    schemas = {**components(), "Error": ERROR_SCHEMA, "FieldProblem": FIELD_PROBLEM_SCHEMA, "Change": _any_change()}
    paths: dict[str, dict[str, Any]] = {}
    for prefix, routes in (("/api", api), ("", root)):
        for route in (one for each in routes for one in _spelled_out(each)):
            paths.setdefault(prefix + route.path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Das Tern Sync", "version": VERSION, "description": (
            "Offline-first medication tracking. Every path below /api stands equally below /api/v1.")},
        "servers": [{"url": "/"}],
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": dict(sorted(schemas.items())), "securitySchemes": {
            "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}},
    }


def _spelled_out(route: Route) -> Iterator[Route]:
    """The five routes of records once for each kind, with that kind's own shapes."""
    if "{kind}" not in route.path:
        yield route
        return
    for kind in KINDS:
        row, sent = {"$ref": REF + name_of(kind)}, {"$ref": f"{REF}{name_of(kind)}Fields"}
        answer = row if "{id}" in route.path or route.method == "POST" else _list_of(row)
        yield replace(route, path=route.path.replace("{kind}", kind), body=sent if route.body else None,
                      answer=answer if route.answer else None, tag=kind)


def _list_of(row: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": ["items", "next_cursor"], "properties": {
        "items": {"type": "array", "items": row}, "next_cursor": {"type": ["string", "null"]}}}


def _any_change() -> dict[str, Any]:
    return {"anyOf": [{"$ref": f"{REF}{name_of(kind)}Change"} for kind in KINDS]}


def _operation(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {
        "operationId": route.operation_id, "summary": route.summary, "tags": [route.tag],
        "parameters": [*_path_parameters(route), *_query_parameters(route)],
        "responses": _responses(route, schemas),
        "security": [] if route.auth is Auth.NONE else [{"bearer": []}],
    }
    if route.body is not None:
        told["requestBody"] = {"required": route.body_required,
                               "content": {JSON: {"schema": _schema(route.body, schemas)}}}
    return told


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    names = [part.strip("{}") for part in route.path.split("/") if part.startswith("{")]
    return [{"name": name, "in": "path", "required": True,
             "schema": {"type": "string", **({"format": "uuid"} if name == "id" or name.endswith("_id") else {})}}
            for name in names]


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    asked = [{"name": name, "in": "query", "required": False, "schema": schema} for name, schema in route.query.items()]
    if route.method in ("PATCH", "PUT", "DELETE") and Code.PRECONDITION_FAILED in route.refuses:
        asked.append({"name": "If-Match", "in": "header", "required": False, "schema": {"type": "string"}})
    if route.auth is not Auth.NONE and route.method != "GET" and not route.path.startswith("/sync"):
        asked.append({"name": "Idempotency-Key", "in": "header", "required": False,
                      "schema": {"type": "string", "format": "uuid"}})
    return asked


def _responses(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    success: dict[str, Any] = {"description": route.summary}
    if route.answer is not None:
        schema = _schema(route.answer, schemas)
        success["content"] = {schema.get("contentMediaType", JSON): {"schema": schema}}
    if route.links:
        success["links"] = dict(route.links)
    responses = {str(status): success for status in (route.status, *route.also)}
    for status, codes in sorted(_refusals(route).items()):
        responses[str(status)] = {"description": ", ".join(sorted(codes)),
                                  "content": {JSON: {"schema": {"$ref": f"{REF}Error"}}}}
    return responses


def _refusals(route: Route) -> dict[int, set[str]]:
    codes = {*_ALWAYS, *route.refuses}
    if route.auth is not Auth.NONE:
        codes |= {Code.UNAUTHENTICATED, Code.TOKEN_EXPIRED, Code.SESSION_ENDED}
    if route.body is not None:
        codes |= {*_OF_BODIES, Code.INVALID}
    if route.query or route.method != "GET":
        codes.add(Code.INVALID)
    if "{" in route.path:
        codes.add(Code.NOT_FOUND)
    by_status: dict[int, set[str]] = {}
    for code in codes:
        by_status.setdefault(STATUS[code], set()).add(str(code))
    return by_status


def _schema(shape: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    """A JSON Schema as it is, or a pydantic model's, whose nested shapes join the components."""
    if not (isinstance(shape, type) and issubclass(shape, BaseModel)):
        return dict(shape)
    schema = shape.model_json_schema(ref_template=REF + "{model}")
    schemas.update(schema.pop("$defs", {}))
    schemas[shape.__name__] = schema
    return {"$ref": REF + shape.__name__}
