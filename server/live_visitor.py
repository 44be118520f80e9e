"""Who is at the live door: one visitor per transport, and the rooms of those who were let in.

Knows neither Socket.IO's packets nor anybody's rights. A room is a user; nobody enters by asking and nobody leaves by
saying so (S-27).
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from aiohttp import web

SOCKETS_PER_USER = 10
"""On one node (S-09); the oldest is cut."""


@dataclass(frozen=True, slots=True)
class LiveSession:
    """Whom an access token speaks for, and until when. `expires_at` is aware UTC."""

    user_id: str
    session_id: str
    device_id: str
    expires_at: datetime


class Bucket:
    """A token bucket: `burst` at once, then `per_s` a second. Times are seconds of one monotonic clock."""

    __slots__ = ("_burst", "_left", "_per_s", "_seen")

    def __init__(self, burst: float, per_s: float, now: float) -> None:
        self._burst = self._left = burst
        self._per_s = per_s
        self._seen = now

    def take(self, now: float) -> bool:
        """Takes one token; False if there is none."""
        self._left = min(self._burst, self._left + (now - self._seen) * self._per_s)
        self._seen = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


@dataclass(slots=True, eq=False)
class Visitor:
    """One transport from its handshake to its end; `session` is set once a token was accepted."""

    eio_sid: str
    request: web.Request
    transport: asyncio.Transport
    events: Bucket
    session: LiveSession | None = None
    timer: asyncio.TimerHandle | None = None
    connect_attempts: int = 0
    strikes: int = 0
    in_flight: int = 0
    behind: bool = False
    """Something could not be told in time: it is told to pull as soon as it reads again."""

    @property
    def holder(self) -> LiveSession:
        if self.session is None:
            raise LookupError("this visitor has not been let in")
        return self.session

    @property
    def language(self) -> str | None:
        """Accept-Language of the handshake."""
        return self.request.headers.get("Accept-Language")


class Rooms:
    """The sockets of each user on this node, oldest first."""

    def __init__(self) -> None:
        self._rooms: dict[str, dict[str, Visitor]] = {}

    def enter(self, visitor: Visitor) -> list[Visitor]:
        """Lets the visitor in; returns the oldest ones beyond `SOCKETS_PER_USER`, which must go."""
        room = self._rooms.setdefault(visitor.holder.user_id, {})
        room[visitor.eio_sid] = visitor
        return list(room.values())[: max(0, len(room) - SOCKETS_PER_USER)]

    def leave(self, visitor: Visitor) -> None:
        """Forgets the visitor; one who never entered is no fault."""
        if visitor.session is None:
            return
        room = self._rooms.get(visitor.session.user_id, {})
        room.pop(visitor.eio_sid, None)
        if not room:
            self._rooms.pop(visitor.session.user_id, None)

    def of(self, user_id: str) -> list[Visitor]:
        return list(self._rooms.get(user_id, {}).values())

    def of_session(self, session_id: str) -> list[Visitor]:
        return [visitor for visitor in self if visitor.holder.session_id == session_id]

    def among(self, users: Collection[str]) -> list[str]:
        """Those of `users` who are here. Walks the shorter of the two; give a set, for it may be asked often."""
        if len(users) <= len(self._rooms):
            return [user for user in users if user in self._rooms]
        return [user for user in self._rooms if user in users]

    def __iter__(self) -> Iterator[Visitor]:
        return iter([visitor for room in self._rooms.values() for visitor in room.values()])

    def __len__(self) -> int:
        return sum(map(len, self._rooms.values()))
