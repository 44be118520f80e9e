"""The hardened Socket.IO server: what python-socketio and engineio let pass and we do not (hardening.md 2.4).

Every override of a private method of theirs stands here, each with a contract test in tests/server/test_live_gate.py,
so that an upgrade fails loudly; both packages are pinned exactly. Knows packets, transports and limits; what a token or
an event means it asks its `Door`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Iterable, Sequence
from typing import Any, Protocol

import socketio
from socketio import packet
from socketio.exceptions import ConnectionRefusedError as Refused

from server.live_frames import MAX_FRAME, Engine, GatedPacket
from server.live_visitor import Bucket, LiveSession, Visitor
from sync.problem import Code, Refusal

_log = logging.getLogger("dastern.live")
_log.setLevel(logging.WARNING)  # at INFO both libraries write whole packets

EVENTS = frozenset({"sync", "dose", "renew"})
UNAUTHENTICATED_S = 10.0
CONNECT_ATTEMPTS = 3
CONNECT_BYTES = 8 * 1024
PING_INTERVAL_S = 25
PING_TIMEOUT_S = 20
MAX_STRIKES = 5
"""Frames refused in the life of a transport; one more and it is cut."""
EVENT_BURST, EVENTS_PER_S = 30, 2.0
"""Per socket; 2 a second is the 120 syncs a minute and device of DESIGN.md 11."""
EVENTS_IN_FLIGHT = 4
CUT_WITHIN_S = 1.0
"""For a polite close, and again for what was written to leave; then the TCP connection is aborted."""


class Door(Protocol):
    """What the gate asks and tells."""

    async def authenticate(self, auth: Any) -> LiveSession:
        """Raises Refusal, nothing else."""

    async def admitted(self, visitor: Visitor) -> None: ...

    async def event(self, visitor: Visitor, name: str, payload: Any) -> dict[str, Any]:
        """The body of the acknowledgement, refusals included; raises nothing."""

    def left(self, visitor: Visitor) -> None: ...

    def error_body(self, refusal: Refusal, visitor: Visitor) -> dict[str, Any]: ...


class Gate(socketio.AsyncServer):
    """Socket.IO on websockets alone; a client that starts with long polling gets 400."""

    def __init__(self, door: Door, allowed_origins: Sequence[str]) -> None:
        """`allowed_origins`: exact Origin values; a missing Origin (native apps) passes. Raises ValueError for `*`."""
        if "*" in allowed_origins:
            raise ValueError("name the allowed origins one by one: * would let every web page in")
        origins = frozenset(allowed_origins)
        super().__init__(
            serializer=GatedPacket, logger=_log, engineio_logger=_log, transports=["websocket"], async_mode="aiohttp",
            # a function, for an empty list means no check at all and None believes X-Forwarded-Host
            cors_allowed_origins=lambda origin, _environ: origin in origins,
            ping_interval=PING_INTERVAL_S, ping_timeout=PING_TIMEOUT_S, max_http_buffer_size=MAX_FRAME,
        )
        self._door = door
        self._visitors: dict[str, Visitor] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._events: set[asyncio.Task[None]] = set()
        self.eio.on_overflow = self._overflow
        self.on("connect", self._authenticate)

    def is_waiting(self, visitor: Visitor) -> bool:
        """Whether something told earlier has not been written yet."""
        socket = self.eio.sockets.get(visitor.eio_sid)
        return socket is not None and not socket.queue.empty()

    async def tell(self, visitors: Iterable[Visitor], event: str, data: dict[str, Any]) -> None:
        """One event to those of `visitors` who are still here."""
        encoded = str(GatedPacket(packet.EVENT, namespace="/", data=[event, data]).encode())
        for visitor in visitors:
            if visitor.eio_sid in self._visitors:
                await self.eio.send(visitor.eio_sid, encoded)

    def cut(self, visitor: Visitor) -> None:
        """Nothing is told to the visitor from this line on; its TCP connection ends within 2 x CUT_WITHIN_S."""
        if self._forget(visitor.eio_sid) is not None:
            self._spawn(self._end(visitor), self._tasks)

    def cut_after(self, visitor: Visitor, seconds: float) -> None:
        """Sets the visitor's one timer, in place of the one before."""
        if visitor.timer is not None:
            visitor.timer.cancel()
        visitor.timer = asyncio.get_running_loop().call_later(max(0.0, seconds), self.cut, visitor)

    def strike(self, visitor: Visitor) -> None:
        """Counts a frame that no honest client sends."""
        visitor.strikes += 1
        if visitor.strikes > MAX_STRIKES:
            self.cut(visitor)

    async def finish(self, events_within_s: float) -> None:
        """Waits for the events under way, then cuts everyone."""
        if self._events:
            await asyncio.wait(set(self._events), timeout=events_within_s)
        for visitor in list(self._visitors.values()):
            self.cut(visitor)
        if self._tasks:
            await asyncio.wait(set(self._tasks))

    # -- overrides ----------------------------------------------------------------------------------------------------

    def _engineio_server_class(self) -> type[Engine]:
        return Engine

    async def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> None:
        await super()._handle_eio_connect(eio_sid, environ)
        request = environ["aiohttp.request"]
        bucket = Bucket(EVENT_BURST, EVENTS_PER_S, asyncio.get_running_loop().time())
        visitor = self._visitors[eio_sid] = Visitor(eio_sid, request, request.transport, bucket)
        self.cut_after(visitor, UNAUTHENTICATED_S)

    async def _handle_eio_message(self, eio_sid: str, data: str) -> None:
        visitor = self._visitors.get(eio_sid)
        if visitor is None:
            return
        if visitor.session is None and len(data.encode()) > CONNECT_BYTES:
            self.cut(visitor)
            return
        try:
            pkt = GatedPacket(encoded_packet=data)
        except (ValueError, IndexError, TypeError):
            self.strike(visitor)
            return
        await self._dispatch(visitor, pkt)

    async def _handle_connect(self, eio_sid: str, namespace: str | None, data: Any) -> None:
        visitor = self._visitors[eio_sid]
        visitor.connect_attempts += 1
        if visitor.session is not None or visitor.connect_attempts > CONNECT_ATTEMPTS:
            self.cut(visitor)
            return
        await super()._handle_connect(eio_sid, namespace, data)
        sid = self.manager.sid_from_eio_sid(eio_sid, "/")
        if visitor.session is not None and self._visitors.get(eio_sid) is visitor:
            await self._door.admitted(visitor)
        elif sid is not None:  # gone meanwhile, or let in by a cancelled handler, which python-socketio takes for a yes
            await self.manager.disconnect(sid, "/")
            self.cut(visitor)

    async def _handle_event(self, eio_sid: str, namespace: str | None, id: int | None, data: Any) -> None:
        visitor = self._visitors[eio_sid]
        match data:
            case [str(name), payload] if name in EVENTS and visitor.session and namespace in (None, "/"):
                self._admit_event(visitor, name, payload, id)
            case _:
                self.strike(visitor)

    async def _handle_eio_disconnect(self, eio_sid: str, reason: str) -> None:
        visitor = self._forget(eio_sid)
        if visitor is not None:
            _abort_later(visitor)  # a peer that stopped reading would hold the connection for ever
        await super()._handle_eio_disconnect(eio_sid, reason)

    # -- below them ---------------------------------------------------------------------------------------------------

    async def _authenticate(self, sid: str, _environ: dict[str, Any], auth: Any = None) -> None:
        visitor = self._visitors[self.manager.eio_sid_from_sid(sid, "/")]
        try:
            visitor.session = await self._door.authenticate(auth)
        except Refusal as refusal:
            raise Refused(str(refusal.code), self._door.error_body(refusal, visitor)) from None

    async def _dispatch(self, visitor: Visitor, pkt: GatedPacket) -> None:
        if pkt.packet_type == packet.DISCONNECT:
            self.cut(visitor)
        elif pkt.packet_type == packet.EVENT and pkt.refusal is not None and visitor.session is not None:
            self.strike(visitor)
            await self._acknowledge(visitor, pkt.id, self._door.error_body(pkt.refusal, visitor))
        elif pkt.packet_type == packet.EVENT:
            await self._handle_event(visitor.eio_sid, pkt.namespace, pkt.id, pkt.data)
        elif pkt.packet_type == packet.CONNECT and pkt.refusal is None:
            await self._handle_connect(visitor.eio_sid, pkt.namespace, pkt.data)
        else:  # binary, acknowledgements (we ask for none), CONNECT_ERROR, other namespaces, unreadable CONNECT
            self.strike(visitor)

    def _admit_event(self, visitor: Visitor, name: str, payload: Any, ack_id: int | None) -> None:
        if not visitor.events.take(asyncio.get_running_loop().time()):
            self.strike(visitor)
            work = self._refuse(visitor, ack_id, Refusal(Code.TOO_MANY_REQUESTS, retry_after_s=1))
        elif visitor.in_flight >= EVENTS_IN_FLIGHT:
            work = self._refuse(visitor, ack_id, Refusal(Code.BUSY, retry_after_s=1))
        else:
            visitor.in_flight += 1
            work = self._answer(visitor, name, payload, ack_id)
        self._spawn(work, self._events)

    async def _refuse(self, visitor: Visitor, ack_id: int | None, refusal: Refusal) -> None:
        await self._acknowledge(visitor, ack_id, self._door.error_body(refusal, visitor))

    async def _answer(self, visitor: Visitor, name: str, payload: Any, ack_id: int | None) -> None:
        try:
            answer = await self._door.event(visitor, name, payload)
        finally:
            visitor.in_flight -= 1
        try:
            await self._acknowledge(visitor, ack_id, answer)
        except (TypeError, ValueError):
            _log.error("live: the answer to %s is not JSON", name)
            await self._refuse(visitor, ack_id, Refusal(Code.INTERNAL))

    async def _acknowledge(self, visitor: Visitor, ack_id: int | None, body: dict[str, Any]) -> None:
        if ack_id is not None and visitor.eio_sid in self._visitors:
            await self._send_packet(visitor.eio_sid, GatedPacket(packet.ACK, namespace="/", id=ack_id, data=[body]))

    def _overflow(self, eio_sid: str) -> None:
        if eio_sid in self._visitors:
            self.cut(self._visitors[eio_sid])

    def _forget(self, eio_sid: str) -> Visitor | None:
        visitor = self._visitors.pop(eio_sid, None)
        if visitor is not None:
            if visitor.timer is not None:
                visitor.timer.cancel()
            self._door.left(visitor)
        return visitor

    async def _end(self, visitor: Visitor) -> None:
        try:
            async with asyncio.timeout(CUT_WITHIN_S):  # it waits for a slow reader, for ever
                await self.eio.disconnect(visitor.eio_sid)
        except TimeoutError:
            pass
        visitor.transport.close()
        _abort_later(visitor)

    def _spawn(self, work: Awaitable[None], held: set[asyncio.Task[None]]) -> None:
        task = asyncio.ensure_future(work)
        held.add(task)
        task.add_done_callback(held.discard)


def _abort_later(visitor: Visitor) -> None:
    asyncio.get_running_loop().call_later(CUT_WITHIN_S, visitor.transport.abort)
