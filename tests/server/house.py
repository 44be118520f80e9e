"""The real server on a free loopback port over a given database, and the cast who knock there with a small HTTP client.

Everybody registers by the real door; nothing stands in for anything. The server's clock is set by hand. `opened` is for
any test of server/: `async with opened(database_url) as house: sokha = await house.enters("sokha")`.
"""

from __future__ import annotations

import itertools
import json
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4, uuid5

import aiohttp

from server.admin import verify_doctor
from server.app import Server, furnish
from server.limits import InProcess, Limits
from server.passwords import Passwords
from server.settings import read_settings
from sync.identity import connection_id, dose_id

MORNING_MS = 1_795_216_200_000  # 2026-11-21T06:10:00+07:00, before the first dose
PASSWORD = "mango on a bicycle"
ROLES = {"lim": "doctor", "chan": "doctor", "dara": "family", "maly": "family"}
PHONES = {name: f"012 345 7{place:02d}" for place, name in enumerate(
    ("sokha", "dara", "maly", "lim", "chan", "vuthy", "nary", "bopha"))}
MORNING_PILL = {"segments": [{"start": "2026-11-21", "day_rule": {"type": "daily"}, "time_rule": {
    "type": "slots", "doses": {"MORN": "1", "NOON": None, "EVE": "2", "NIGHT": None}}}]}


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
        return {detail["field"]: detail["code"] for detail in self.body["error"]["details"]}


@dataclass
class House:
    """A running server. `now_ms` is its clock; every request comes from an address of its own."""

    server: Server
    client: aiohttp.ClientSession
    now_ms: int = MORNING_MS
    _addresses: Any = field(default_factory=lambda: (f"198.51.{n // 250}.{n % 250 + 1}" for n in itertools.count()))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    async def ask(
        self, method: str, path: str, body: Any = None, *, raw: bytes | None = None,
        headers: Mapping[str, str] | None = None, token: str | None = None, prefix: str = "/api",
    ) -> Reply:
        self.now_ms += 1  # no two requests meet in one millisecond of the server's clock
        sent = {"X-Forwarded-For": next(self._addresses), "Accept-Language": "en", **(headers or {})}
        if token is not None:
            sent.setdefault("Authorization", f"Bearer {token}")
        data = raw if raw is not None else None if body is None else json.dumps(body).encode()
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        async with self.client.request(method, self.url + prefix + path, data=data, headers=sent) as response:
            text = await response.read()
            told = json.loads(text) if response.content_type == "application/json" and text else text or None
            return Reply(response.status, told, response.headers)

    async def enters(self, name: str, **more: Any) -> Person:
        """Registers one of the cast; doctors are verified."""
        role = ROLES.get(name, "patient")
        reply = await self.ask("POST", "/auth/register", {
            "first_name": name.capitalize(), "last_name": "Chea", "gender": "female", "birth_date": "1980-04-14",
            "phone": PHONES[name], "password": PASSWORD, "terms_accepted": True, "role": role,
            "device": {"id": str(uuid4()), "name": f"{name}'s phone"}, **more})
        assert reply.status == 201, reply.body
        if role == "doctor":
            await verify_doctor(self.server.house, reply.body["user_id"])
        return Person(self, name, reply.body)

    async def connect(self, patient: Person, other: Person, level: str, **more: Any) -> str:
        """Asked by the patient, accepted by the other, both by pushes."""
        id_ = connection_id(patient.user, other.user)
        scopes = [f"patient:{patient.user}", f"user:{other.user}"]
        asked = {"patient_id": patient.user, "other_id": other.user, "status": "pending", "level": level, **more}
        await patient.does(change("connection", id_, scopes, asked))
        await other.does(change("connection", id_, scopes, {"status": "accepted"}, base=1))
        return id_

    async def prescribe(self, doctor: Person, patient: Person, plan: Mapping[str, Any] = MORNING_PILL) -> Prescribed:
        """Written by the doctor, confirmed by the patient: doses stand for 30 days."""
        made = Prescribed(str(uuid4()), str(uuid4()), str(uuid4()), f"patient:{patient.user}")
        home = {"patient_id": patient.user}
        await doctor.does(change("prescription", made.id, [made.scope], {**home, "diagnosis": "ជំងឺទឹកនោមផ្អែម"}))
        await doctor.does(change("prescription_version", made.version, [made.scope], {
            **home, "prescription_id": made.id, "lines": [{
                "line_id": made.line, "row": 1, "name": "Metformin", "form": "oral", "unit": "tablet", "plan": plan}]}))
        await patient.does(change("prescription_response", str(uuid4()), [made.scope], {
            **home, "prescription_id": made.id, "version_id": made.version, "answer": "confirm"}))
        return made


@dataclass(frozen=True)
class Prescribed:
    """Ids of a prescription of one line."""

    id: str
    version: str
    line: str
    scope: str

    def dose(self, day: str, slot: str = "MORN") -> str:
        return dose_id(self.line, day, f"0:{slot}")

    def taken(self, day: str, slot: str = "MORN", *, base: int = 1, **fields: Any) -> dict[str, Any]:
        """The change by which somebody records this dose."""
        home = {"patient_id": self.scope.partition(":")[2], "line_id": self.line, "nominal_date": day,
                "slot_key": f"0:{slot}", "occurrence": 0}
        return change("dose_event", self.dose(day, slot), [self.scope],
                      {**home, "action": "taken", "at": f"{day}T06:05:00+07:00", **fields}, base=base)


class Person:
    """One of the cast at one device."""

    def __init__(self, house: House, name: str, tokens: Mapping[str, Any]) -> None:
        self.house, self.name = house, name
        self.user, self.device = str(tokens["user_id"]), str(tokens["device_id"])
        self.token = str(tokens["access_token"])
        self.cursor: str | None = None

    async def ask(self, method: str, path: str, body: Any = None, **more: Any) -> Reply:
        return await self.house.ask(method, path, body, token=self.token, **more)

    async def other_phone(self) -> Person:
        reply = await self.house.ask("POST", "/auth/login", {
            "phone": PHONES[self.name], "password": PASSWORD, "device": {"id": str(uuid4())}})
        assert reply.status == 200, reply.body
        return Person(self.house, self.name, reply.body)

    async def logs_in_again(self) -> None:
        """On the same device; after the server's clock was moved past the token's life."""
        reply = await self.house.ask("POST", "/auth/login", {
            "phone": PHONES[self.name], "password": PASSWORD, "device": {"id": self.device}})
        assert reply.status == 200, reply.body
        self.token = str(reply.body["access_token"])

    def batch(self, *changes: Mapping[str, Any], batch_id: str | None = None) -> dict[str, Any]:
        return {"device_id": self.device, "batch_id": batch_id or str(uuid4()), "client_now": self.house.now_ms,
                "changes": [{"i": i, "recorded_at": self.house.now_ms, **one} for i, one in enumerate(changes)]}

    async def push(self, *changes: Mapping[str, Any], batch_id: str | None = None, path: str = "/sync/push") -> Reply:
        return await self.ask("POST", path, self.batch(*changes, batch_id=batch_id))

    async def does(self, *changes: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        """Changes that must all be applied."""
        reply = await self.push(*changes)
        assert reply.status == 200, reply.body
        assert {result["outcome"] for result in reply.body["results"]} <= {"applied", "merged"}, reply.body
        results: Sequence[Mapping[str, Any]] = reply.body["results"]
        return results

    async def pull(self) -> list[dict[str, Any]]:
        """Everything that is new to this device, its cursor moved on."""
        changes: list[dict[str, Any]] = []
        while True:
            reply = await self.ask("POST", "/sync/pull", {"device_id": self.device, "cursor": self.cursor})
            assert reply.status == 200, reply.body
            self.cursor = reply.body["cursor"]
            changes += reply.body["changes"]
            if not reply.body["has_more"]:
                return changes


def change(kind: str, id_: str, scopes: Sequence[str], fields: Mapping[str, Any], *, base: int = 0,
           op: str = "upsert") -> dict[str, Any]:
    return {"change_id": str(uuid4()), "kind": kind, "id": id_, "scopes": list(scopes), "op": op, "base": base,
            "fields": dict(fields)}


def fixed_id(word: str) -> str:
    """The same id for the same word in every run."""
    return str(uuid5(UUID(int=0), word))


def no_rates() -> Limits:
    """The real counting with a clock that runs a window further at each look: nobody meets a limit."""
    ticks = itertools.count(0, 3600)
    return Limits(own=InProcess(clock=lambda: float(next(ticks))))


@asynccontextmanager
async def opened(
    database_url: str, *, with_worker: bool = False, rates: bool = False, **settings: str
) -> AsyncIterator[House]:
    """A server over a migrated database. `settings` are named without their prefix, `METRICS_TOKEN="…"`."""
    chosen = read_settings({
        "DASTERN_ENV": "test", "DASTERN_DATABASE_URL": database_url, "DASTERN_PORT": "0", "DASTERN_LOG_LEVEL": "ERROR",
        "DASTERN_TOKEN_KEY": secrets.token_hex(32), "DASTERN_TRUSTED_PROXIES": "127.0.0.1",
        **{f"DASTERN_{name}": value for name, value in settings.items()},
    })
    held: list[House] = []
    parts = furnish(chosen, lambda: held[0].now_ms if held else MORNING_MS)
    parts.passwords.close()
    parts.passwords = Passwords(memory_kib=1024, passes=1)
    if not rates:
        parts.limits = no_rates()
    server = Server(parts, with_worker=with_worker)
    async with aiohttp.ClientSession() as client:
        held.append(House(server, client))
        await server.start()
        try:
            yield held[0]
        finally:
            await server.stop()
