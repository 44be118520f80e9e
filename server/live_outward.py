"""What the bus says, told to the sockets of this node: who hears of a changed scope is looked up when the poke leaves.

Knows the rooms and how a socket falls behind; not tokens, nor how rights are stored. What a socket cannot take at once
is not kept for it: it is told to pull, so that nothing looked up earlier leaves later (S-27, I-16).
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping

from server.bus import Message, Missed, Noticed, Poked, Revoked, SessionEnded, UserEnded
from server.live_gate import Gate
from server.live_pokes import Poke, Pokes
from server.live_visitor import Rooms, Visitor

_log = logging.getLogger("dastern.live")

Audience = Callable[[Collection[str]], Awaitable[Mapping[str, Collection[str]]]]

POKES_AT_ONCE = 50
"""Per socket and delivery; a socket with more, or one that has not read what it was told before, gets one `pull`."""
AUDIENCE_WITHIN_S = 5.0
PULL_SPREAD_MS = 2_000


class Outward:
    """Receives from the bus and tells. `receive` and `catch_up` never raise for a lost database or socket."""

    def __init__(self, gate: Gate, rooms: Rooms, audience: Audience) -> None:
        self._gate = gate
        self._rooms = rooms
        self._audience = audience
        self._revoked_meanwhile: set[tuple[str, str]] = set()
        self.pokes = Pokes(self._deliver, self._everyone_is_behind)

    async def receive(self, message: Message) -> None:
        match message:
            case Poked(heads, origin):
                self.pokes.add(heads, origin)
            case Noticed(user, notification, kind):
                await self._gate.tell(self._rooms.of(user), "notification", {"id": notification, "kind": kind})
            case Revoked(user, scope):
                self._revoked_meanwhile.add((user, scope))
                await self._gate.tell(self._rooms.of(user), "revoked", {"scope": scope})
            case SessionEnded(session):
                self.cut(self._rooms.of_session(session))
            case UserEnded(user):
                self.cut(self._rooms.of(user))
            case Missed():
                self._everyone_is_behind()

    async def catch_up(self) -> None:
        """Tells those who are behind and read again to pull."""
        for visitor in self._rooms:
            if visitor.behind and not self._gate.is_waiting(visitor):
                visitor.behind = False
                after_ms = random.randrange(PULL_SPREAD_MS)  # noqa: S311 — spreads a crowd, guards nothing
                await self._gate.tell([visitor], "pull", {"after_ms": after_ms})

    def cut(self, visitors: Iterable[Visitor]) -> None:
        for visitor in visitors:
            self._gate.cut(visitor)

    def cut_ended(self, asked: Collection[str], still_open: Collection[str]) -> None:
        """Cuts the sockets of those sessions in `asked` that are no longer open."""
        ended = set(asked) - set(still_open)
        self.cut(visitor for visitor in self._rooms if visitor.holder.session_id in ended)

    async def _deliver(self, pokes: Mapping[str, Poke]) -> None:
        self._revoked_meanwhile.clear()
        if not self._rooms:
            return
        try:
            async with asyncio.timeout(AUDIENCE_WITHIN_S):
                audience = await self._audience(pokes.keys())
        except Exception as fault:
            _log.error("live: no audience for %d scopes (%s)", len(pokes), type(fault).__name__)
            self._everyone_is_behind()
            return
        told: dict[Visitor, int] = {}
        for scope, poke in pokes.items():
            listeners = self._listeners(scope, poke, audience.get(scope, ()), told)
            await self._gate.tell(listeners, "changed", {"scope": scope, "head": poke.head})

    def _listeners(self, scope: str, poke: Poke, readers: Collection[str], told: dict[Visitor, int]) -> list[Visitor]:
        """Who is told of this scope now; `told` counts what each socket got in this delivery."""
        present = [
            visitor
            for user in self._rooms.among(readers) if (user, scope) not in self._revoked_meanwhile
            for visitor in self._rooms.of(user) if visitor.holder.device_id != poke.origin_device
        ]
        for visitor in present:
            if visitor not in told:
                told[visitor] = POKES_AT_ONCE if self._gate.is_waiting(visitor) else 0
            told[visitor] += 1
            visitor.behind |= told[visitor] > POKES_AT_ONCE
        return [visitor for visitor in present if told[visitor] <= POKES_AT_ONCE]

    def _everyone_is_behind(self) -> None:
        for visitor in self._rooms:
            visitor.behind = True
