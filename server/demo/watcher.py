"""A Socket.IO client that listens: what it heard, and when. It comes back by itself when the server does.

Knows the events' names; never what they lead to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import socketio

from server.demo.chronicle import StoryBroken, now
from server.demo.rest import Someone

EVENTS = ("hello", "changed", "notification", "revoked", "pull", "reconnect")
WITHIN_S = 15.0


@dataclass(frozen=True, slots=True)
class Heard:
    """One event, with the time on a right clock."""

    at: datetime
    event: str
    payload: dict[str, Any]

    def of_scope(self, scope: str) -> bool:
        return self.payload.get("scope") == scope


class Watcher:
    """One socket of one person."""

    def __init__(self, title: str, who: Someone) -> None:
        self.title = title
        self.heard: list[Heard] = []
        self._news = asyncio.Event()
        self._who = who
        self._client = socketio.AsyncClient(reconnection_delay=0.1, reconnection_delay_max=0.5, randomization_factor=0)
        for event in EVENTS:
            self._client.on(event, self._noting(event))

    def _noting(self, event: str) -> Callable[..., None]:
        def note(payload: dict[str, Any] | None = None) -> None:
            self.heard.append(Heard(now(), event, payload or {}))
            self._news.set()

        return note

    async def connect(self, url: str) -> None:
        """Returns after the greeting. Raises StoryBroken."""
        try:
            await self._client.connect(url, auth={"token": self._who.token}, transports=["websocket"])
        except socketio.exceptions.ConnectionError as refused:
            raise StoryBroken(f"{self.title} connects: {refused}") from None
        await self.until(lambda heard: heard.event == "hello", "hears the greeting")

    async def until(self, wanted: Callable[[Heard], bool], promise: str, *, since: int = 0, times: int = 1) -> Heard:
        """The event that completes `times` wanted ones from place `since` on. Raises StoryBroken after WITHIN_S."""
        try:
            async with asyncio.timeout(WITHIN_S):
                while len(found := [heard for heard in self.heard[since:] if wanted(heard)]) < times:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise StoryBroken(f"{self.title} {promise} within {WITHIN_S:.0f} s") from None
        return found[times - 1]

    async def call(self, event: str, payload: dict[str, Any]) -> Any:
        """Sends an event and returns its acknowledgement."""
        return await self._client.call(event, payload, timeout=WITHIN_S)

    async def close(self) -> None:
        await self._client.shutdown()
