"""Accounts and REST calls of the cast, as any app makes them over HTTP.

Knows paths, tokens and statuses; no replica and nothing of what a call is for.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import aiohttp

from server.demo.chronicle import StoryBroken
from sync.access import PATIENT_SCOPE, USER_SCOPE, scope_name

Body = dict[str, Any]
DONE = frozenset({200, 201, 204})


@dataclass(frozen=True, slots=True)
class Someone:
    """One person of the cast, signed in on one device."""

    name: str
    name_km: str
    login: str
    password: str
    user: str
    device: str
    token: str

    @property
    def own_scope(self) -> str:
        return scope_name(USER_SCOPE, self.user)

    @property
    def patient_scope(self) -> str:
        return scope_name(PATIENT_SCOPE, self.user)

    @property
    def both_names(self) -> str:
        return f"{self.name} ({self.name_km})"


class Rest:
    """The API of one server."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def register(self, first: str, last: str, name_km: str, *, role: str, device: str, **more: str) -> Someone:
        """A new account under an address of its own, so that the demo can be told twice on one database."""
        login = f"{first.lower()}.{secrets.token_hex(6)}@example.org"
        password = secrets.token_urlsafe(18)
        told = await self.ask("POST", "/auth/register", body={
            "first_name": first, "last_name": last, "email": login, "password": password, "role": role,
            "terms_accepted": True, "device": {"name": device, "platform": "android"}, **more})
        return Someone(f"{first} {last}", name_km, login, password, told["user_id"], told["device_id"],
                       told["access_token"])

    async def login(self, who: Someone, device: str, platform: str) -> Someone:
        """The same person on one more device."""
        told = await self.ask("POST", "/auth/login", body={
            "login": who.login, "password": who.password, "device": {"name": device, "platform": platform}})
        return Someone(who.name, who.name_km, who.login, who.password, told["user_id"], told["device_id"],
                       told["access_token"])

    async def ask(
        self, method: str, path: str, who: Someone | None = None, body: Body | None = None,
        well: Collection[int] = DONE,
    ) -> Any:
        """The answer's JSON, None for none. Raises StoryBroken for a status that is not in `well`."""
        status, answer = await self.answer(method, path, who, body)
        if status not in well:
            raise StoryBroken(f"{method} {path} answered {status}: {answer}")
        return answer

    async def answer(
        self, method: str, path: str, who: Someone | None = None, body: Body | None = None
    ) -> tuple[int, Any]:
        """Status and JSON, whatever they are."""
        headers = {"Authorization": f"Bearer {who.token}"} if who is not None else {}
        async with self._session.request(method, f"{self._url}/api{path}", json=body, headers=headers) as response:
            return response.status, await response.json() if response.content_type == "application/json" else None
