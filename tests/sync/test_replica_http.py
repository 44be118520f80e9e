"""The HTTP door of a replica against a real socket: statuses become verdicts, and a stranger's page becomes none."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from server.replica_http import HttpDoor
from sync.replica.door import Refused, Unauthorized, Unreachable
from sync.replica.loop import sync_once
from tests.sync.town import RECORD, SOKHA, Town, dose

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
PUSH = {"device_id": "d", "changes": []}


@asynccontextmanager
async def door_to(handler: Handler, timeout_s: float = 5) -> AsyncIterator[HttpDoor]:
    app = web.Application(client_max_size=2 * 1024 * 1024, handler_args={"auto_decompress": False})
    app.router.add_post("/{path:.*}", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        async with aiohttp.ClientSession() as session:
            yield HttpDoor(session, f"http://127.0.0.1:{port}/", lambda: "a-token", timeout_s)
    finally:
        await runner.cleanup()


def answering(status: int, text: str = "", **headers: str) -> Handler:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=status, text=text, headers=headers)

    return handler


def error(code: str) -> str:
    return json.dumps({"error": {"code": code, "message": ""}})


@pytest.mark.parametrize("status, text, wait", [
    (200, "<html>Welcome to Angkor Hotel, please log in</html>", None),
    (200, '{"success": true}', None),
    (200, "[]", None),
    (302, "", None),
    (404, "<html>nginx</html>", None),
    (413, "<html>nginx</html>", None),
    (429, error("too_many_requests"), 7),
    (500, error("internal"), None),
    (502, "bad gateway", None),
    (503, error("busy"), 2),
])
async def test_what_is_no_answer_of_ours_settles_nothing(status: int, text: str, wait: float | None) -> None:
    """F-02."""
    headers = {"Retry-After": str(wait)} if wait else {"Location": "http://login.example/"}
    async with door_to(answering(status, text, **headers)) as door:
        for call in (door.push, door.pull):
            with pytest.raises(Unreachable) as caught:
                await call(PUSH)
            assert caught.value.retry_after_s == wait


async def test_a_silent_or_absent_server_is_unreachable() -> None:
    async def silent(request: web.Request) -> web.Response:
        await asyncio.sleep(0.3)
        return web.Response()

    async with door_to(silent, timeout_s=0.05) as door:
        with pytest.raises(Unreachable):
            await door.push(PUSH)
    async with aiohttp.ClientSession() as session:
        with pytest.raises(Unreachable):
            await HttpDoor(session, "http://127.0.0.1:1", lambda: "a-token").pull(PUSH)


async def test_our_refusals_keep_their_code() -> None:
    async with door_to(answering(401, error("token_expired"))) as door:
        with pytest.raises(Unauthorized):
            await door.push(PUSH)
    async with door_to(answering(422, error("batch_id_reused"))) as door:
        with pytest.raises(Refused, match="batch_id_reused"):
            await door.push(PUSH)
    async with door_to(answering(426, error("schema_too_old"))) as door:
        with pytest.raises(Refused, match="schema_too_old"):
            await door.pull(PUSH)


async def test_a_sync_over_a_socket_with_token_and_gzip() -> None:
    """A hundred doses travel packed; the same story as over the loopback."""
    town = Town()
    phone = await town.sokhas()
    seen: list[tuple[str, str | None, str | None]] = []

    async def edge(request: web.Request) -> web.Response:
        packed = request.headers.get("Content-Encoding")
        seen.append((request.path, packed, request.headers.get("Authorization")))
        text = await request.read()
        body = json.loads(gzip.decompress(text) if packed == "gzip" else text)
        serve = phone.door.push if request.path == "/api/sync/push" else phone.door.pull
        return web.json_response(await serve(body))

    for at in range(100):
        phone.replica.take_dose(dose(f"0/{at}"))
    async with door_to(edge) as door:
        synced = await sync_once(phone.replica, door)
    assert (synced.ok, synced.outcomes) == (True, {"applied": 100})
    assert phone.replica.held(RECORD) == town.visible(SOKHA)
    assert seen[0] == ("/api/sync/push", "gzip", "Bearer a-token")
    assert seen[-1] == ("/api/sync/pull", None, "Bearer a-token")
