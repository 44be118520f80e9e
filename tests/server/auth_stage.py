"""The real server on a loopback port with a clock set by hand, and people who knock there."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import aiohttp
from sqlalchemy import select

from server.app import Server, furnish
from server.passwords import Passwords
from server.settings import read_settings

PASSWORD = "mango on a bicycle"
MINUTE_MS = 60_000
BEGAN_MS = 1_795_226_400_000  # 2026-11-21T02:00:00Z


@dataclass
class Reply:
    status: int
    body: Any
    headers: Any

    @property
    def code(self) -> str:
        return str(self.body["error"]["code"])

    @property
    def fields(self) -> dict[str, str]:
        return {detail["field"]: detail["code"] for detail in self.body["error"]["details"]}


@dataclass
class Doors:
    """Every request comes from an address of its own unless it names one, so that rates do not meet."""

    server: Server
    client: aiohttp.ClientSession
    now_ms: int = BEGAN_MS
    _addresses: Any = field(default_factory=lambda: (f"198.51.{n // 250}.{n % 250 + 1}" for n in itertools.count()))

    async def ask(
        self, method: str, path: str, body: Any = None, *, token: str | None = None, address: str | None = None
    ) -> Reply:
        headers = {"X-Forwarded-For": address or next(self._addresses), "Accept-Language": "en"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        url = f"http://127.0.0.1:{self.server.port}/api{path}"
        async with self.client.request(method, url, json=body, headers=headers) as response:
            told = await response.json() if response.content_type == "application/json" else None
            return Reply(response.status, told, response.headers)

    async def post(self, path: str, body: Any = None, **more: Any) -> Reply:
        return await self.ask("POST", path, body, **more)

    async def registered(self, **more: Any) -> dict[str, Any]:
        reply = await self.post("/auth/register", registration(**more))
        assert reply.status == 201, reply.body
        return dict(reply.body)

    async def logged_in(self, phone: str = "012 345 678", device: str | None = None) -> dict[str, Any]:
        reply = await self.post("/auth/login", {
            "phone": phone, "password": PASSWORD, "device": {"id": device or str(uuid4())}})
        assert reply.status == 200, reply.body
        return dict(reply.body)

    async def refreshed(self, tokens: dict[str, Any]) -> Reply:
        return await self.post("/auth/refresh", {
            "refresh_token": tokens["refresh_token"], "device_id": tokens["device_id"]})


async def rows(doors: Doors, table: Any) -> list[dict[str, Any]]:
    """All rows of a table."""
    async with doors.server.house.database.reading() as reading:
        return [dict(row) for row in (await reading.execute(select(table))).mappings()]


def registration(**more: Any) -> dict[str, Any]:
    """Sokha's; a member given as None is left out."""
    body = {"first_name": "Sokha", "last_name": "Chan", "gender": "female", "birth_date": "1960-04-13",
            "phone": "012 345 678", "password": PASSWORD, "terms_accepted": True,
            "device": {"id": str(uuid4()), "name": "Sokha's phone", "platform": "android"}, **more}
    return {name: value for name, value in body.items() if value is not None}


@asynccontextmanager
async def opened(address: str, *, hashing: Passwords | None = None) -> AsyncIterator[Doors]:
    settings = read_settings({
        "DASTERN_ENV": "test", "DASTERN_DATABASE_URL": address, "DASTERN_PORT": "0",
        "DASTERN_TOKEN_KEY": secrets.token_hex(32), "DASTERN_TRUSTED_PROXIES": "127.0.0.1",
    })
    held: list[Doors] = []
    house = furnish(settings, lambda: held[0].now_ms if held else BEGAN_MS)
    if hashing is not None:
        house.passwords.close()
        house.passwords = hashing
    server = Server(house)
    async with aiohttp.ClientSession() as client:
        held.append(Doors(server, client))
        await server.start()
        try:
            yield held[0]
        finally:
            await server.stop()
