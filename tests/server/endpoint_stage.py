"""The cast before the real server: everybody has an account, an open session and a token; the clock is the stage's.

Scenes are set with tests/cast.py on the engine; what is tested goes through HTTP on a loopback port.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import aiohttp
from sqlalchemy import func, insert, select

from server.app import Server, furnish
from server.settings import read_settings
from storage.accounts.sessions import NewSession, open_session
from storage.accounts.tables import account
from storage.tables import change, ledger
from sync.values import instant_of_ms
from tests.cast import NAMES, Cast, Person, Stage


@dataclass(frozen=True)
class Reply:
    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def code(self) -> str:
        return str(self.body["error"]["code"])

    @property
    def fields(self) -> dict[str, str]:
        """Field → code of what was wrong."""
        return {detail["field"]: detail["code"] for detail in self.body["error"]["details"]}


class Town:
    """Everybody of the cast at the server's door."""

    def __init__(self, server: Server, client: aiohttp.ClientSession, stage: Stage) -> None:
        self.server = server
        self.house = server.house
        self.client = client
        self.stage = stage
        self.cast = Cast(stage)
        self.sokha, self.dara, self.maly = self.cast.sokha, self.cast.dara, self.cast.maly
        self.lim, self.chan, self.vuthy = self.cast.lim, self.cast.chan, self.cast.vuthy
        self.sessions: dict[str, str] = {}

    async def move_in(self) -> Town:
        await self.cast.arrive()
        for name in NAMES:
            await self.sign_in(getattr(self, name))
        return self

    async def sign_in(self, person: Person) -> None:
        session = NewSession(str(uuid4()), person.id, person.phone.device, str(uuid4()), "phone", "android",
                             secrets.token_bytes(32))
        async with self.house.database.writing() as writing:
            opened = await open_session(writing, session, instant_of_ms(self.stage.now_ms))
        assert opened.device_id == person.phone.device
        self.sessions[person.id] = opened.session_id

    def token(self, person: Person) -> str:
        return self.house.tokens.mint(
            user=person.id, session=self.sessions[person.id], device=person.phone.device, role="patient",
            language="en", jti=str(uuid4()), now_ms=self.stage.now_ms).token

    async def ask(
        self, person: Person, method: str, path: str, body: Any = None, **headers: str
    ) -> Reply:
        """One request, a millisecond after whatever came before it."""
        self.stage.now_ms += 1
        sent = {"Authorization": f"Bearer {self.token(person)}", "Accept-Language": "en",
                **{name.replace("_", "-"): value for name, value in headers.items()}}
        url = f"http://127.0.0.1:{self.server.port}/api{path}"
        async with self.client.request(method, url, json=body, headers=sent) as response:
            told = await response.json() if response.content_type == "application/json" else None
            return Reply(response.status, told, response.headers)

    async def get(self, person: Person, path: str) -> Reply:
        return await self.ask(person, "GET", path)

    async def post(self, person: Person, path: str, body: Any = None, **headers: str) -> Reply:
        return await self.ask(person, "POST", path, body, **headers)

    async def put(self, person: Person, path: str, body: Any = None, **headers: str) -> Reply:
        return await self.ask(person, "PUT", path, body, **headers)

    async def delete(self, person: Person, path: str) -> Reply:
        return await self.ask(person, "DELETE", path)

    async def traces(self) -> tuple[int, int]:
        """How many rows the ledger numbers, and the highest number: what no refused request may move."""
        async with self.house.database.reading() as reading:
            count, highest = (await reading.execute(select(func.count(), func.sum(ledger.c.seq)))).one()
        return int(count), int(highest or 0)

    async def journal(self, person: Person) -> list[tuple[str, str, str]]:
        """(kind, outcome, code) of everything this person ever sent."""
        asked = select(change.c.kind, change.c.outcome, change.c.code).where(change.c.user_id == person.id)
        async with self.house.database.reading() as reading:
            return [(kind, outcome, code) for kind, outcome, code in await reading.execute(asked)]


@asynccontextmanager
async def opened_town(url: str) -> AsyncIterator[Town]:
    settings = read_settings({
        "DASTERN_ENV": "test", "DASTERN_DATABASE_URL": url, "DASTERN_PORT": "0",
        "DASTERN_TOKEN_KEY": secrets.token_hex(32)})
    held: list[Stage] = []
    house = furnish(settings, lambda: held[0].now_ms)

    async def enrol(user: str, role: str, state: str) -> None:
        async with house.database.writing() as writing:
            await writing.execute(insert(account).values(id=user, role=role, state=state,
                                                         created_at=instant_of_ms(held[0].now_ms)))

    held.append(Stage(house.ledger, enrol))
    server = Server(house)
    await server.start()
    try:
        async with aiohttp.ClientSession() as client:
            yield await Town(server, client, held[0]).move_in()
    finally:
        await server.stop()


def line(town: Town, name: str = "Amlodipine", **doses: Any) -> dict[str, Any]:
    """A line of a prescription as a browser sends it: without ids."""
    sent = town.cast.line("", name, **doses)
    return {name: value for name, value in sent.items() if name not in ("line_id", "row")}


async def written(town: Town, person: Person, **more: Any) -> Reply:
    """A prescription for Sokha by whoever writes it."""
    body = {"patient_id": town.sokha.id, "diagnosis": "hypertension", "lines": [line(town)], **more}
    return await town.post(person, "/prescriptions", body)


async def say(town: Town, person: Person, id_: str, action: str, **more: Any) -> Reply:
    return await town.put(person, f"/prescriptions/{id_}/status", {"action": action, **more})
