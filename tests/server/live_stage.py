"""The stage of the live tests: real aiohttp nodes on free loopback ports, `Live`'s ports on plain sets, raw sockets.

The sets stand where SQL stands in the house: who holds which token, which sessions are open, who may read a scope.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
from aiohttp import web

from server.bus import Bus, InProcessBus
from server.live import Live, LiveSession
from sync.problem import Code, Refusal

ORIGIN = "https://app.example.test"
SCOPE = "patient:7b0f6a52-1c1e-4d8e-9f60-51c1a1f4a001"
QUIET_S = 0.35


@dataclass
class World:
    """What the database would say."""

    tokens: dict[str, LiveSession] = field(default_factory=dict)
    open: set[str] = field(default_factory=set)
    readers: dict[str, set[str]] = field(default_factory=dict)
    asked_tokens: list[str] = field(default_factory=list)
    synced: list[Any] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    before_audience: Callable[[], Awaitable[None]] | None = None
    after_audience: Callable[[], Awaitable[None]] | None = None

    def person(self, user: str, device: str = "phone", seconds: float = 900) -> str:
        """A token of a new, open session of this user on this device."""
        token = f"{user}/{device}/{len(self.tokens)}"
        expires = datetime.now(UTC) + timedelta(seconds=seconds)
        self.tokens[token] = LiveSession(user, f"session-{token}", f"{user}-{device}", expires)
        self.open.add(f"session-{token}")
        return token

    async def authenticate(self, token: str) -> LiveSession:
        self.asked_tokens.append(token)
        session = self.tokens.get(token)
        if session is None or session.session_id not in self.open:
            raise Refusal(Code.UNAUTHENTICATED)
        return session

    async def open_sessions(self, asked: Collection[str]) -> Collection[str]:
        return self.open & set(asked)

    async def audience(self, scopes: Collection[str]) -> Mapping[str, Collection[str]]:
        if self.before_audience is not None:
            await self.before_audience()
        found = {scope: set(self.readers.get(scope, ())) for scope in scopes}
        if self.after_audience is not None:
            await self.after_audience()
        return found

    async def hello(self, user: str) -> dict[str, Any]:
        heads = {scope: 1 for scope, users in self.readers.items() if user in users}
        return {"server_now": 1767229560456, "epoch": "e1", "heads": heads}

    async def sync(self, session: LiveSession, payload: dict[str, Any], language: str | None) -> dict[str, Any]:
        if payload.get("wait"):
            await self.gate.wait()
        if payload.get("refuse"):
            raise Refusal(Code.SCHEMA_TOO_OLD)
        if payload.get("fail"):
            raise RuntimeError("amlodipine 5 mg")
        if payload.get("not_json"):
            return {"answer": object()}
        self.synced.append((session.user_id, payload, language))
        return {"outcome": "applied", "echo": payload.get("batch")}


def render_error(refusal: Refusal, language: str | None) -> dict[str, Any]:
    return {"error": {"code": str(refusal.code), "language": language, "extra": refusal.extra}}


@dataclass
class Node:
    """One server process's worth: an application with a live channel on a port."""

    live: Live
    runner: web.AppRunner
    url: str

    async def stop(self) -> None:
        if self.runner.server is not None:
            await self.runner.cleanup()


async def start_node(world: World, bus: Bus | None = None, origins: tuple[str, ...] = (ORIGIN,), **ports: Any) -> Node:
    known: dict[str, Any] = {
        "authenticate": world.authenticate, "open_sessions": world.open_sessions, "audience": world.audience,
        "hello": world.hello, "on_sync": world.sync, "on_dose": world.sync, "render_error": render_error,
        "bus": bus or InProcessBus(), "allowed_origins": origins, "clock": lambda: datetime.now(UTC),
    }
    live = Live(**{**known, **ports})
    app = web.Application()
    live.attach(app)
    runner = web.AppRunner(app, shutdown_timeout=2)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    return Node(live, runner, f"http://127.0.0.1:{port}")


@asynccontextmanager
async def node(world: World, bus: Bus | None = None, **options: Any) -> AsyncIterator[Node]:
    one = await start_node(world, bus, **options)
    try:
        yield one
    finally:
        await one.stop()


class Raw:
    """A hostile or honest client that writes its frames by hand."""

    def __init__(self, http: aiohttp.ClientSession, ws: aiohttp.ClientWebSocketResponse) -> None:
        self._http = http
        self.ws = ws

    async def send(self, frame: str) -> None:
        await self.ws.send_str(frame)

    async def emit(self, event: str, payload: Any, ack: int | None = None) -> None:
        await self.send(f"42{'' if ack is None else ack}{json.dumps([event, payload])}")

    async def heard(self, within_s: float = 3.0) -> str | None:
        """The next Socket.IO frame without the engine's `4`; None once the connection has ended. Answers pings."""
        async with asyncio.timeout(within_s):
            while True:
                message = await self.ws.receive()
                if message.type is not aiohttp.WSMsgType.TEXT:
                    return None
                if message.data == "2":
                    await self.send("3")
                elif message.data.startswith("4"):
                    return str(message.data[1:])
                elif message.data == "1":
                    continue

    async def event(self, within_s: float = 3.0) -> tuple[str, Any]:
        """The next event's name and payload."""
        frame = await self.heard(within_s)
        assert frame is not None, "the connection ended"
        assert frame.startswith("2["), frame
        name, payload = json.loads(frame[1:])
        return name, payload

    async def ack(self, ack: int) -> Any:
        """The body of an acknowledgement."""
        frame = await self.heard()
        assert frame is not None and frame.startswith(f"3{ack}["), frame
        return json.loads(frame[1 + len(str(ack)):])[0]

    async def silent(self, for_s: float = QUIET_S) -> bool:
        """Whether nothing at all is heard for a while."""
        try:
            await self.heard(for_s)
        except TimeoutError:
            return True
        return False

    async def ended(self, within_s: float = 3.0) -> bool:
        """Whether the connection ends; what is still heard before is passed over."""
        try:
            async with asyncio.timeout(within_s):
                while await self.heard(within_s) is not None:
                    pass
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        await self.ws.close()
        await self._http.close()


async def open_transport(url: str, headers: dict[str, str] | None = None, query: str = "") -> Raw:
    """A websocket after the engine's handshake, not authenticated."""
    http = aiohttp.ClientSession()
    try:
        ws = await http.ws_connect(
            f"{url}/socket.io/?EIO=4&transport=websocket{query}", headers=headers or {}, max_msg_size=0,
            timeout=aiohttp.ClientWSTimeout(ws_close=1.0),
        )
    except BaseException:
        await http.close()
        raise
    opened = await ws.receive()
    assert opened.data.startswith("0{")
    return Raw(http, ws)


async def enter(url: str, token: str, headers: dict[str, str] | None = None) -> Raw:
    """A websocket let in with this token, its `hello` heard."""
    raw = await open_transport(url, headers)
    await raw.send(f'40{json.dumps({"token": token})}')
    connected = await raw.heard()
    assert connected is not None and connected.startswith("0{"), connected
    assert (await raw.event())[0] == "hello"
    return raw


async def until(condition: Callable[[], bool], within_s: float = 5.0) -> None:
    """Raises TimeoutError if the condition does not come true."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 — the state of other parts has no event to wait for
            await asyncio.sleep(0.02)


def trace(stage: Node) -> int:
    """Everything that the server still remembers of sockets."""
    gate = stage.live._gate
    return len(gate._visitors) + len(gate.manager.rooms) + len(gate.manager.pending_connect) + len(stage.live._rooms)


async def left_no_trace(stage: Node) -> bool:
    await until(lambda: trace(stage) == 0, 3)
    return True


class Deaf:
    """A client that enters and then never reads again."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def enter(cls, url: str, token: str) -> Deaf:
        host, port = url.removeprefix("http://").split(":")
        small = socket.socket()
        small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        small.setblocking(False)
        await asyncio.get_running_loop().sock_connect(small, (host, int(port)))
        reader, writer = await asyncio.open_connection(sock=small, limit=1024)
        key = base64.b64encode(os.urandom(16)).decode()
        writer.write((
            f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        ).encode())
        text = f'40{{"token":"{token}"}}'.encode()
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(text))
        writer.write(bytes([0x81, 0x80 | len(text)]) + mask + masked)
        await writer.drain()
        return cls(reader, writer)

    async def ended(self) -> bool:
        """Whether the server ended the connection, told by reading what it wrote to the end."""
        try:
            async with asyncio.timeout(5):
                while await self.reader.read(1 << 16):
                    pass
        except ConnectionError:
            return True
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        self.writer.close()
