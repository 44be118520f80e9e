"""The door itself: errors in one shape, both languages, no 5xx whatever is sent (P12), nothing half-written."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest

from server.call import Route
from server.routes import api_routes
from sync.wire import MAX_BODY
from tests.server.house import House, Person, change, opened

POSTS = [route for route in api_routes() if route.method in ("POST", "PUT", "PATCH") and route.body is not None]
DEEP = b"[" * 2000 + b"]" * 2000
UNREADABLE: dict[str, tuple[bytes, dict[str, str], int]] = {
    "empty": (b"", {}, 400),
    "no json": (b"{", {}, 400),
    "deep": (DEEP, {}, 400),
    "deep inside": (b'{"changes":' + DEEP + b"}", {}, 400),
    "NaN": (b'{"a": NaN}', {}, 400),
    "infinity": (b'{"a": -Infinity}', {}, 400),
    "duplicate key": (b'{"a": 1, "a": 2}', {}, 400),
    "bad utf-8": (b'{"a": "\xff"}', {}, 400),
    "utf-8 mark": (b"\xef\xbb\xbf{}", {}, 400),
    "a list": (b"[]", {}, 400),
    "a word": (b'"x"', {}, 400),
    "null": (b"null", {}, 400),
    "form": (b"a=1", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
    "latin-1": (b"{}", {"Content-Type": "application/json; charset=latin-1"}, 415),
    "deflate": (b"{}", {"Content-Encoding": "deflate"}, 415),
    "no gzip": (b"{}", {"Content-Encoding": "gzip"}, 400),
    "gzip bomb": (gzip.compress(b" " * (50 * MAX_BODY)), {"Content-Encoding": "gzip"}, 413),
    "two gzip members": (gzip.compress(b"{}") * 2, {"Content-Encoding": "gzip"}, 400),
    "cut gzip": (gzip.compress(b'{"a": 1}')[:-5], {"Content-Encoding": "gzip"}, 400),
    "too large": (b'{"a": "' + b"x" * MAX_BODY + b'"}', {}, 413),
    "too many values": (b'{"a": [' + b"0," * 60_000 + b"0]}", {}, 413),
}
VALUES: dict[str, Any] = {
    "NUL": "a\0b", "lone surrogate": "\ud83d", "huge integer": 10**25, "1e400": "RAW:1e400", "far date": "99999-01-01",
    "leap": "9999-12-31T23:59:59-14:00", "list": [], "object": {}, "true": True, "zero": 0, "minus": -1, "null": None,
    "long": "x" * 50_000, "float": 1.5, "empty": "", "nested": [[{"a": [None]}]], "BC": "-0001-01-01T00:00:00Z",
}


@pytest.fixture
async def house(database_url: str) -> AsyncIterator[House]:
    async with opened(database_url) as one:
        yield one


def path_of(route: Route) -> str:
    return route.path.replace("{kind}", "profile").replace("{id}", str(uuid4())).replace("{", "").replace("}", "")


def spelled(body: Any) -> bytes:
    return json.dumps(body).replace('"RAW:1e400"', "1e400").encode()


async def held_by(person: Person) -> Any:
    """Everything that this person may see, as a fresh device gets it."""
    return [(one["kind"], one["id"], one["version"]) for one in
            (await person.ask("POST", "/sync/pull", {"device_id": person.device})).body["changes"]]


async def test_no_route_answers_5xx_to_unreadable_bodies_and_nothing_is_written(house: House) -> None:
    sokha = await house.enters("sokha")
    before = await held_by(sokha)
    for route in POSTS:
        for name, (raw, headers, status) in UNREADABLE.items():
            reply = await sokha.ask(route.method, path_of(route), raw=raw, headers=headers)
            wanted = {status, 404} if "{id}" in route.path else {status}
            if not route.body_required and name == "empty":
                wanted |= {200, 201, 204, 404}
            assert reply.status in wanted, (route.path, name, reply.status, reply.body)
    assert await held_by(sokha) == before


async def test_no_field_of_any_route_makes_a_500(house: House) -> None:
    """Every property that a route's body declares, with every bad value."""
    sokha = await house.enters("sokha")
    bad = []
    for route in POSTS:
        for field in sorted(properties(route)):
            for name, value in VALUES.items():
                reply = await sokha.ask(route.method, path_of(route), raw=spelled({field: value}))
                if reply.status >= 500:
                    bad.append((route.path, field, name, reply.status))
    assert bad == []


def properties(route: Route) -> set[str]:
    body = route.body
    if isinstance(body, type):
        return set(body.model_fields)  # type: ignore[attr-defined]
    assert body is not None
    return {*body.get("properties", {}), "first_name", "theme", "id", "version", "extra"}


@pytest.mark.parametrize("member", ["change_id", "kind", "id", "scopes", "op", "base", "fields", "at", "recorded_at",
                                    "boot_id", "mono_ms", "hlc", "automatic"])
async def test_a_bad_member_costs_its_change_and_not_its_neighbours(house: House, member: str) -> None:
    """F-60, I-13."""
    sokha = await house.enters("sokha")
    version = (await sokha.ask("GET", f"/records/patient/{sokha.user}")).body["version"]
    for at, (name, value) in enumerate(VALUES.items()):
        words = {"first_name": f"Sokha {at}"}
        good = change("patient", sokha.user, [f"patient:{sokha.user}"], words, base=version + at)
        bad = {**change("profile", sokha.user, [f"user:{sokha.user}"], {}), member: value}
        reply = await sokha.ask("POST", "/sync/push", raw=spelled(sokha.batch(bad, good)))
        assert reply.status == 200, (name, reply.body)
        assert reply.body["results"][1]["outcome"] in ("applied", "merged"), (name, reply.body["results"])


async def test_more_than_500_changes_are_413_naming_the_limits(house: House) -> None:
    sokha = await house.enters("sokha")
    reply = await sokha.push(*({"change_id": str(uuid4())} for _ in range(501)))
    assert (reply.status, reply.code) == (413, "too_many_changes")
    assert reply.body["error"]["limits"] == {"max_changes": 500, "max_bytes": MAX_BODY}
    assert "500" in reply.body["error"]["message_en"]


async def test_unknown_kinds_and_fields_lose_nothing(house: House) -> None:
    """An unknown kind waits for a newer server, an unknown field comes back unchanged (S-38)."""
    sokha = await house.enters("sokha")
    mine = [f"user:{sokha.user}"]
    reply = await sokha.push(change("horoscope", str(uuid4()), mine, {}),
                             change("profile", sokha.user, mine, {"shoe_size": 38}, base=2))
    waits, stands = reply.body["results"]
    assert (waits["outcome"], waits["code"], stands["outcome"]) == ("deferred", "unknown_kind", "applied")
    assert (await sokha.ask("GET", f"/records/profile/{sokha.user}")).body["shoe_size"] == 38


@pytest.mark.parametrize(("header", "language"), [("km", "km"), ("en", "en"), ("fr, en;q=0.5", "en"), ("kmb", "km"),
                                                  ("", "km"), ("en;q=0, *", "km")])
async def test_an_error_speaks_both_languages_and_the_readers_first(house: House, header: str, language: str) -> None:
    """R-430, R-601, F-38."""
    error = (await house.ask("GET", "/auth/me", headers={"Accept-Language": header})).body["error"]
    assert (error["code"], error["details"]) == ("unauthenticated", [])
    assert error["message"] == error[f"message_{language}"]
    assert error["message_en"] == "Please log in first."
    assert error["request_id"]


async def test_without_a_header_the_accounts_language_is_spoken(house: House) -> None:
    sokha = await house.enters("sokha", language="en")
    error = (await sokha.ask("GET", f"/records/profile/{uuid4()}", headers={"Accept-Language": ""})).body["error"]
    assert error["message"] == error["message_en"]


@pytest.mark.parametrize("prefix", ["/api", "/api/v1"])
async def test_every_path_stands_under_both_prefixes(house: House, prefix: str) -> None:
    """R-600."""
    assert (await house.ask("GET", "/health", prefix=prefix)).status == 200
    assert (await house.ask("GET", "/auth/me", prefix=prefix)).status == 401


async def test_what_is_not_there_is_told_in_the_same_shape(house: House) -> None:
    unknown = await house.ask("GET", "/nothing/here")
    assert (unknown.status, unknown.code) == (404, "not_found")
    wrong = await house.ask("DELETE", "/sync/push")
    assert (wrong.status, wrong.code, wrong.headers["Allow"]) == (405, "method_not_allowed", "POST")
    assert (await house.ask("TRACE", "/sync/push")).status == 405


@pytest.mark.parametrize("id_", ["x", "%00", "1%2F2", "00000000-0000-0000-0000-00000000000g", "..", "%F0%9F%98%80"])
async def test_what_is_no_uuid_names_nothing(house: House, id_: str) -> None:
    sokha = await house.enters("sokha")
    reply = await sokha.ask("GET", f"/records/profile/{id_}")
    assert (reply.status, reply.code) == (404, "not_found")


@pytest.mark.parametrize("token", ["", "Bearer", "Bearer ", "Bearer x", "Bearer " + "a" * 5000, "Basic YTpi",
                                   "Bearer a.b.c"])
async def test_a_bad_token_is_401_and_says_so_to_the_client(house: House, token: str) -> None:
    reply = await house.ask("GET", "/auth/me", headers={"Authorization": token})
    assert (reply.status, reply.code) == (401, "unauthenticated")
    assert reply.headers["WWW-Authenticate"].startswith("Bearer")


async def test_a_token_in_the_query_is_not_looked_at(house: House) -> None:
    """S-03."""
    sokha = await house.enters("sokha")
    assert (await house.ask("GET", f"/auth/me?access_token={sokha.token}&token={sokha.token}")).status == 401


async def test_every_answer_carries_the_headers_that_protect_it(house: House) -> None:
    for path in ("/health", "/nothing", "/auth/me", "/docs", "/openapi.json"):
        headers = (await house.ask("GET", path)).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Server"] == "dastern", "no versions"
        assert headers["X-Request-Id"]
        assert headers["Cache-Control"] == "no-store"


async def test_only_named_origins_may_read_answers(database_url: str) -> None:
    """S-67."""
    async with opened(database_url, ALLOWED_ORIGINS="https://app.example.org") as house:
        wanted = {"Origin": "https://app.example.org", "Access-Control-Request-Method": "POST"}
        preflight = await house.ask("OPTIONS", "/sync", headers=wanted)
        assert (preflight.status, preflight.headers["Access-Control-Allow-Origin"]) == (204, "https://app.example.org")
        for path in ("/health", "/nothing"):
            reply = await house.ask("GET", path, headers={"Origin": "https://app.example.org"})
            assert reply.headers["Access-Control-Allow-Origin"] == "https://app.example.org"
        for origin in ("https://evil.example.org", "null"):
            reply = await house.ask("OPTIONS", "/sync", headers={**wanted, "Origin": origin})
            assert "Access-Control-Allow-Origin" not in reply.headers


async def test_a_fault_of_ours_is_told_as_a_code_and_logged_without_its_text(
    house: House, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """S-52, S-55. The fault is real: the ledger is taken away from under the server."""
    sokha = await house.enters("sokha")
    monkeypatch.setattr(house.server.house, "ledger", "amlodipine 5 mg")
    reply = await sokha.push(change("profile", sokha.user, [f"user:{sokha.user}"], {"first_name": "Amlodipine"}))
    assert (reply.status, reply.code) == (500, "internal")
    assert set(reply.body["error"]) == {"code", "message", "message_km", "message_en", "details", "request_id"}
    said = capsys.readouterr()
    assert "mlodipine" not in said.out + said.err + json.dumps(reply.body)
    assert "AttributeError" in said.out + said.err


async def test_a_slow_body_is_given_up(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """hardening 2.2: aiohttp itself would wait for ever."""
    monkeypatch.setattr("server.bodies.PIECE_S", 0.2)
    sokha = await house.enters("sokha")
    reader, writer = await asyncio.open_connection("127.0.0.1", house.server.port)
    writer.write((f"POST /api/sync/pull HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {sokha.token}\r\n"
                  "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{").encode())
    answer = await asyncio.wait_for(reader.read(2000), 5)
    assert answer.startswith(b"HTTP/1.1 400") and b"unreadable" in answer
    writer.close()


async def test_garbage_on_the_wire_is_400_without_an_echo(house: House) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", house.server.port)
    writer.write(b"GET /\x00amlodipine HTTP/9.9\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(4000), 5)
    assert b" 400 " in answer.splitlines()[0]
    assert b"amlodipine" not in answer
    writer.close()
