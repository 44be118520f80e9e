"""The document says what is served and nothing else, tested both ways (S-68), and it is sound OpenAPI 3.1."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import uuid4

import jsonschema
import pytest

from server.app import application, furnish
from server.routes import PREFIXES
from server.settings import read_settings
from storage.catalogue import KINDS
from tests.server.house import House, opened


@pytest.fixture
async def house(sqlite_url: str) -> AsyncIterator[House]:
    async with opened(sqlite_url) as one:
        yield one


async def document(house: House) -> dict[str, Any]:
    found: dict[str, Any] = (await house.ask("GET", "/openapi.json")).body
    return found


def operations(told: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


async def test_every_route_is_told_and_everything_told_is_a_route(house: House) -> None:
    app = application(furnish(read_settings({"DASTERN_DATABASE_URL": "sqlite:///nowhere.db"})))
    served = {(route.method, route.resource.canonical) for route in app.router.routes() if route.resource is not None}
    served = {(method, path) for method, path in served if not path.startswith("/socket.io")}
    spelled = {(method, path.replace("{kind}", kind)) for method, path in served for kind in KINDS}
    told = {(method, path) for method, path, _ in operations(await document(house))}
    below = {(method, path.removeprefix("/api")) for method, path in told if path.startswith("/api/")}
    assert spelled == told | {(method, PREFIXES[1] + path) for method, path in below}


async def test_every_operation_has_one_id_a_success_and_the_error_shape(house: House) -> None:
    seen: set[str] = set()
    for method, path, operation in operations(await document(house)):
        assert operation["operationId"] not in seen
        assert re.fullmatch("[a-z0-9_]+", operation["operationId"])
        seen.add(operation["operationId"])
        success = [status for status in operation["responses"] if status.startswith("2")]
        assert success, (method, path)
        assert success == ["204"] or all(operation["responses"][one]["content"] for one in success), (method, path)
        for status, response in operation["responses"].items():
            if not status.startswith("2"):
                assert response["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Error"}


async def test_every_reference_leads_somewhere_and_every_schema_is_sound(house: House) -> None:
    told = await document(house)

    def references(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            if isinstance(value.get("$ref"), str):
                yield value["$ref"]
            for item in value.values():
                yield from references(item)
        elif isinstance(value, list):
            for item in value:
                yield from references(item)

    names = {reference.removeprefix("#/components/schemas/") for reference in references(told)}
    assert names - told["components"]["schemas"].keys() == set()
    for schema in told["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


async def test_answers_are_as_they_are_told(house: House) -> None:
    """The real answers of a life, held against the document."""
    told = await document(house)
    sokha, lim = await house.enters("sokha"), await house.enters("lim")
    await house.connect(sokha, lim, "allowed")
    made = await house.prescribe(lim, sokha)
    asked: list[tuple[str, str, Any]] = [
        ("POST", "/sync/push", sokha.batch(made.taken("2026-11-21"))),
        ("POST", "/sync/pull", {"device_id": sokha.device}),
        ("POST", "/sync", {"pull": {"device_id": sokha.device}}),
        ("POST", "/doses/sync", sokha.batch(made.taken("2026-11-22"))),
        ("GET", "/sync/status", None), ("GET", "/sync/losers", None),
        ("GET", "/health", None), ("GET", "/auth/me", None),
        *(("GET", f"/records/{kind}", None) for kind in KINDS),
    ]
    for method, path, body in asked:
        reply = await sokha.ask(method, path, body)
        assert reply.status == 200, (path, reply.body)
        content = told["paths"][f"/api{path}"][method.lower()]["responses"]["200"]["content"]["application/json"]
        validator(told, content["schema"]).validate(reply.body)
    refused = await sokha.ask("GET", f"/records/patient/{uuid4()}")
    validator(told, {"$ref": "#/components/schemas/Error"}).validate(refused.body)


def validator(told: dict[str, Any], schema: dict[str, Any]) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator({**schema, "components": told["components"]})


async def test_swagger_ui_comes_from_our_own_files(house: House) -> None:
    """No CDN; nothing but our own scripts may run."""
    page = await house.ask("GET", "/docs")
    text = page.body.decode()
    assert page.headers["Content-Type"].startswith("text/html")
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    assert "http" not in re.sub("<!DOCTYPE html>", "", text)
    for file in re.findall(r'(?:src|href)="([^"]+)"', text):
        found = await house.ask("GET", f"/{file}")
        assert (found.status, found.headers["X-Content-Type-Options"]) == (200, "nosniff"), file
    for missing in ("nothing.js", "..", "%2e%2e", "LICENSE.txt"):
        assert (await house.ask("GET", f"/docs/{missing}")).status in (200, 404)
    assert (await house.ask("GET", "/docs/nothing.js")).status == 404
