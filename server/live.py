"""The live channel: tells sockets that something changed, takes `sync` and `dose` from them (R-207, sync-protocol 11).

Server to client: `hello {server_now, epoch, heads | pull}`, `changed {scope, head}`, `notification {id, kind}`,
`revoked {scope}`, `pull {after_ms}`, `reconnect {after_ms}`. Client to server, each with an acknowledgement: `sync`,
`dose`, `renew {token}`. Knows the parts of the channel and its ports; who may read a scope, what a token is worth and
what a sync does are handed in. No row is ever told (S-28).
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from aiohttp import web

from server.bus import Bus, Noticed, Poked, Revoked, SessionEnded, UserEnded
from server.live_gate import Gate
from server.live_outward import Audience, Outward
from server.live_visitor import LiveSession, Rooms, Visitor
from sync.problem import Code, FieldCode, FieldProblem, Refusal

__all__ = ["Live", "LiveSession"]

_log = logging.getLogger("dastern.live")

MAX_TOKEN = 4096
"""Characters (hardening.md 2.8)."""
CATCH_UP_EVERY_S = 0.25
SWEEP_EVERY_S = 1.0
"""Sessions are asked for in SQL this often, so that ended ones are cut within 2 s without the bus too (S-09, I-16)."""
RECONNECT_SPREAD_MS = 10_000
DRAIN_EVENTS_S = 5.0

Handler = Callable[[LiveSession, dict[str, Any], str | None], Awaitable[dict[str, Any]]]


class Live:
    """One node's live channel."""

    def __init__(
        self,
        *,
        authenticate: Callable[[str], Awaitable[LiveSession]],
        open_sessions: Callable[[Collection[str]], Awaitable[Collection[str]]],
        audience: Audience,
        hello: Callable[[str], Awaitable[dict[str, Any]]],
        on_sync: Handler,
        on_dose: Handler,
        render_error: Callable[[Refusal, str | None], dict[str, Any]],
        bus: Bus,
        allowed_origins: Sequence[str],
        clock: Callable[[], datetime],
    ) -> None:
        """`authenticate`: access token → session; raises Refusal (S-01). `open_sessions`: which of these session ids
        are still open, from SQL. `audience`: scope name → ids of the users who may read it now (give sets). `hello`:
        user id → `{server_now, epoch, heads}` or with `pull: true`. `on_sync`, `on_dose`: (session, payload,
        Accept-Language) → answer; payloads come from the JSON gate and may hold `Bad`. `clock`: aware UTC.
        Raises ValueError for the origin `*`."""
        self._token_to_session = authenticate
        self._open_sessions = open_sessions
        self._hello = hello
        self._handlers: dict[str, Handler] = {"sync": on_sync, "dose": on_dose}
        self._render_error = render_error
        self._bus = bus
        self._clock = clock
        self._gate = Gate(self, allowed_origins)
        self._rooms = Rooms()
        self._outward = Outward(self._gate, self._rooms, audience)
        self._tasks: list[asyncio.Task[None]] = []
        self._draining = False

    def attach(self, app: web.Application) -> None:
        """Serves /socket.io/ and follows the application's start, shutdown (`drain`) and cleanup; the bus with it."""
        self._gate.attach(app, "socket.io")
        app.on_startup.append(self._start)
        app.on_shutdown.append(self._on_shutdown)
        app.on_cleanup.append(self._stop)

    async def poke(self, heads: Mapping[str, int], *, origin_device: str | None = None) -> None:
        """After commit. Leaves 75 ms later as `changed` to whoever may read then, except to `origin_device`."""
        await self._bus.publish(Poked(dict(heads), origin_device))

    async def notify(self, user_id: str, notification_id: str, kind: str) -> None:
        """`notification {id, kind}` to its recipient alone. `kind` is neutral: no name, no medicine (S-28)."""
        await self._bus.publish(Noticed(user_id, notification_id, kind))

    async def revoked(self, user_id: str, scope: str) -> None:
        """`revoked {scope}`, after commit; a poke of that scope under way to this user is dropped."""
        await self._bus.publish(Revoked(user_id, scope))

    async def end_session(self, session_id: str) -> None:
        """Cuts the session's sockets on every node; after SQL says that it has ended (F-29)."""
        await self._bus.publish(SessionEnded(session_id))

    async def end_user(self, user_id: str) -> None:
        """Cuts all sockets of a user on every node (S-07)."""
        await self._bus.publish(UserEnded(user_id))

    async def drain(self) -> None:
        """Graceful shutdown: tells every socket to come back after a random time of up to 10 s, lets the events under
        way end (5 s), then cuts. At most about 7 s; a second call does nothing."""
        if self._draining:
            return
        self._draining = True
        for visitor in self._rooms:
            after_ms = random.randrange(RECONNECT_SPREAD_MS)  # noqa: S311 — spreads a crowd, guards nothing
            await self._gate.tell([visitor], "reconnect", {"after_ms": after_ms})
        await self._gate.finish(DRAIN_EVENTS_S)

    # -- what the gate asks (live_gate.Door) ----------------------------------------------------------------------

    async def authenticate(self, auth: Any) -> LiveSession:
        """The session of CONNECT's `{"token": …}` (S-03: nowhere else). Raises Refusal."""
        if self._draining:
            raise Refusal(Code.BUSY, retry_after_s=1)
        try:
            return await self._token_to_session(_token(auth))
        except Refusal:
            raise
        except Exception as fault:
            _log.error("live: authentication failed (%s)", type(fault).__name__)
            raise Refusal(Code.INTERNAL) from None

    async def admitted(self, visitor: Visitor) -> None:
        session = visitor.holder
        self._outward.cut(self._rooms.enter(visitor))
        self._cut_at_expiry(visitor)
        try:
            # one that ended between the look-up of its token and its entry in the books was missed by `end_session`
            self._outward.cut_ended([session.session_id], await self._open_sessions([session.session_id]))
            await self._gate.tell([visitor], "hello", await self._hello(session.user_id))
        except Exception as fault:
            _log.error("live: no hello (%s)", type(fault).__name__)
            visitor.behind = True

    async def event(self, visitor: Visitor, name: str, payload: Any) -> dict[str, Any]:
        try:
            if self._draining:
                raise Refusal(Code.BUSY, retry_after_s=1)
            if not isinstance(payload, dict):
                raise Refusal(Code.INVALID, FieldProblem("", FieldCode.WRONG_TYPE))
            if name == "renew":
                return await self._renew(visitor, payload)
            return await self._handlers[name](visitor.holder, payload, visitor.language)
        except Refusal as refusal:
            return self.error_body(refusal, visitor)
        except Exception as fault:  # its text may hold values of a patient: the type alone is logged (S-52)
            _log.error("live: %s failed (%s)", name, type(fault).__name__)
            return self.error_body(Refusal(Code.INTERNAL), visitor)

    def left(self, visitor: Visitor) -> None:
        self._rooms.leave(visitor)

    def error_body(self, refusal: Refusal, visitor: Visitor) -> dict[str, Any]:
        return self._render_error(refusal, visitor.language)

    # -- below ----------------------------------------------------------------------------------------------------

    async def _renew(self, visitor: Visitor, payload: dict[str, Any]) -> dict[str, Any]:
        """A later token of the same session puts the cut off; any other is a strike (S-09)."""
        held = visitor.holder
        try:
            renewed = await self._token_to_session(_token(payload))
            if (renewed.user_id, renewed.session_id, renewed.device_id) != (
                held.user_id, held.session_id, held.device_id
            ):
                raise Refusal(Code.DEVICE_MISMATCH)
        except Refusal:
            self._gate.strike(visitor)
            raise
        visitor.session = renewed
        self._cut_at_expiry(visitor)
        return {"expires_at": renewed.expires_at.isoformat()}

    def _cut_at_expiry(self, visitor: Visitor) -> None:
        self._gate.cut_after(visitor, (visitor.holder.expires_at - self._clock()).total_seconds())

    async def _sweep(self) -> None:
        held = {visitor.holder.session_id for visitor in self._rooms}
        if held:
            self._outward.cut_ended(held, await self._open_sessions(held))

    async def _start(self, _app: web.Application) -> None:
        await self._bus.start(self._outward.receive)
        self._tasks = [
            asyncio.create_task(self._outward.pokes.run(), name="live-pokes"),
            asyncio.create_task(_every(CATCH_UP_EVERY_S, self._outward.catch_up), name="live-catch-up"),
            asyncio.create_task(_every(SWEEP_EVERY_S, self._sweep), name="live-sweep"),
        ]

    async def _on_shutdown(self, _app: web.Application) -> None:
        await self.drain()

    async def _stop(self, _app: web.Application) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._gate.shutdown()
        await self._bus.stop()


def _token(auth: Any) -> str:
    token = auth.get("token") if isinstance(auth, dict) else None
    if not isinstance(token, str) or not 0 < len(token) <= MAX_TOKEN:
        raise Refusal(Code.UNAUTHENTICATED)
    return token


async def _every(seconds: float, work: Callable[[], Awaitable[None]]) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            await work()
        except Exception as fault:
            _log.error("live: %s failed (%s)", getattr(work, "__name__", "work"), type(fault).__name__)
