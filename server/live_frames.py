"""What python-socketio and engineio read and write, made safe: packets, frames, queues (hardening.md 2.4).

Uses public extension points of both libraries and one private attribute, `engineio.AsyncServer._async`; the overrides
of private methods stand in server/live_gate.py. Knows bytes and limits; no visitors, tokens or events.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any

import engineio
from aiohttp import web
from engineio.async_drivers.aiohttp import WebSocket
from engineio.packet import Packet as EnginePacket
from socketio import packet

from server.live_visitor import Bucket
from sync.gate import read_json
from sync.problem import Refusal

MAX_BODY = 1024 * 1024
"""Bytes of one event's JSON; more is answered `too_large` in the acknowledgement."""
MAX_FRAME = MAX_BODY + 64 * 1024
"""Bytes of one websocket message; more is cut. Larger than MAX_BODY, or a full batch would lose its answer."""
FRAME_BURST, FRAMES_PER_S = 200, 20.0
QUEUE_PACKETS = 1000
QUEUE_BYTES = 1_000_000

_READABLE = re.compile(r"[31]\Z|4[0-6]").match  # a pong, a close, a Socket.IO packet


class _Json:
    """The `json` object of incoming and outgoing packets. Given to the packet class only: python-socketio's own `json=`
    option is process-wide and would change every client in the process too."""

    @staticmethod
    def loads(text: str) -> Any:
        return read_json(text.encode(), max_bytes=MAX_BODY)

    @staticmethod
    def dumps(value: Any, separators: tuple[str, str] = (",", ":")) -> str:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=separators)


class GatedPacket(packet.Packet):
    """A Socket.IO packet read by our JSON gate. `refusal` says why its data could not be read; its id, which stands
    before the data, is known all the same."""

    json = _Json
    refusal: Refusal | None = None

    def decode(self, encoded_packet: str) -> int:
        try:
            return int(super().decode(encoded_packet) or 0)
        except Refusal as refusal:
            self.refusal = refusal
            return 0


class Frames(WebSocket):
    """The websocket below engineio, passing only frames it can read without raising: pong, close, a message. An
    exception in its decoder leaves the socket in the books and the TCP connection open."""

    async def __call__(self, environ: dict[str, Any]) -> web.WebSocketResponse:
        # no compression: a window per socket costs memory (I-22), and pokes are short
        self._sock = web.WebSocketResponse(max_msg_size=MAX_FRAME, compress=False)
        await self._sock.prepare(environ["aiohttp.request"])
        self._bucket = Bucket(FRAME_BURST, FRAMES_PER_S, asyncio.get_running_loop().time())
        await self.handler(self)
        return self._sock

    async def wait(self) -> str:
        """Raises OSError, on which engineio closes the socket in order."""
        frame = await super().wait()
        readable = isinstance(frame, str) and _READABLE(frame)
        if not readable or not self._bucket.take(asyncio.get_running_loop().time()):
            raise OSError("unreadable frame, or too many")
        return str(frame)


class OutQueue(asyncio.Queue[Any]):
    """What waits to be written to one socket, counted."""

    def _init(self, maxsize: int) -> None:
        super()._init(maxsize)
        self.bytes = 0

    def _put(self, item: Any) -> None:
        super()._put(item)
        self.bytes += _size(item)

    def _get(self) -> Any:
        item = super()._get()
        self.bytes -= _size(item)
        return item

    @property
    def over_limit(self) -> bool:
        return self.qsize() >= QUEUE_PACKETS or self.bytes > QUEUE_BYTES


def _size(item: Any) -> int:
    return len(item.data) if isinstance(item, EnginePacket) and isinstance(item.data, str) else 0


class Engine(engineio.AsyncServer):
    """engineio with our frames and counted queues."""

    on_overflow: Callable[[str], None]

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._async = {**self._async, "websocket": Frames}  # type: ignore[has-type]

    def create_queue(self, *_: Any, **__: Any) -> OutQueue:
        return OutQueue()

    async def send_packet(self, sid: str, pkt: EnginePacket) -> None:
        """Refuses and cuts when more waits than the limit; one large answer on an empty queue passes."""
        socket = self.sockets.get(sid)
        if socket is None:
            return
        if socket.queue.over_limit:
            self.on_overflow(sid)
            return
        await super().send_packet(sid, pkt)
