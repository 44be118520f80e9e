"""How pokes travel between processes: the messages, the bus inside one process, and the bus over Redis.

Knows no sockets, rights or databases. Messages hold scope names, heads and ids, never health data (R-207, S-28); they
are JSON, never pickle (CVE-2025-61765). Nothing lives only here: whoever missed a message pulls, and ended sessions
stand in SQL (S-04).
"""

from __future__ import annotations

import asyncio
import json
import logging
import random
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from time import monotonic
from typing import Any, Protocol

from redis.asyncio import BlockingConnectionPool, Redis
from redis.exceptions import RedisError

_log = logging.getLogger("dastern.bus")

CHANNEL = "dastern:live"
PING_EVERY_S = 5.0
PING_WITHIN_S = 2.0
"""Our own ping must return through the channel within this time, else the subscription is made anew."""

REDIS_TIMEOUT_S = 0.3
"""Connect, read and wait for a pooled connection (hardening.md 2.6: the defaults held a call for 4.7 s)."""

REDIS_CONNECTIONS = 20
HEALTH_CHECK_S = 15
RETRY_S = 0.5
MAX_OUTGOING = 10_000
MAX_BATCH = 500
"""Messages in one PUBLISH: an emit awaited one by one is the slow way (DESIGN.md 10)."""


@dataclass(frozen=True, slots=True)
class Poked:
    """Scopes whose head has risen by a commit; `origin_device` already knows."""

    heads: Mapping[str, int]
    origin_device: str | None = None


@dataclass(frozen=True, slots=True)
class Noticed:
    """A notification for one user."""

    user_id: str
    notification_id: str
    kind: str


@dataclass(frozen=True, slots=True)
class Revoked:
    """A user may no longer read a scope."""

    user_id: str
    scope: str


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """A session was ended: its sockets are cut."""

    session_id: str


@dataclass(frozen=True, slots=True)
class UserEnded:
    """All sessions of a user were ended: all its sockets are cut (S-07)."""

    user_id: str


@dataclass(frozen=True, slots=True)
class Missed:
    """Messages may have been lost: every socket is told to pull."""


Message = Poked | Noticed | Revoked | SessionEnded | UserEnded | Missed
Receive = Callable[[Message], Awaitable[None]]
"""Handles one message on this node, quickly; it must not raise."""

_KINDS: dict[str, type[Any]] = {
    "poked": Poked, "noticed": Noticed, "revoked": Revoked,
    "session_ended": SessionEnded, "user_ended": UserEnded, "missed": Missed,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


def message_to_wire(message: Message) -> dict[str, Any]:
    """{"t": kind, fields of the message}."""
    return {"t": _NAMES[type(message)], **asdict(message)}


def message_from_wire(wire: Any) -> Message:
    """The message; `Missed` for a kind or shape that we do not know (another version during a rolling start)."""
    try:
        fields = dict(wire)
        found: Message = _KINDS[fields.pop("t")](**fields)
    except (KeyError, TypeError, ValueError):
        return Missed()
    return found if all(map(_fits, fields, fields.values())) else Missed()


def _fits(name: str, value: Any) -> bool:
    if name == "heads":
        return isinstance(value, dict) and all(type(head) is int for head in value.values())
    return isinstance(value, str) or (name == "origin_device" and value is None)


class Bus(Protocol):
    """Carries messages to every node, this one included. A process that only speaks (a worker) starts without
    `receive`."""

    async def start(self, receive: Receive | None = None) -> None: ...

    async def publish(self, message: Message) -> None:
        """Returns when this node has it; never waits for another node and never raises for a lost one."""

    async def stop(self) -> None: ...


class InProcessBus:
    """The bus of a single process."""

    def __init__(self) -> None:
        self._receive: Receive | None = None

    async def start(self, receive: Receive | None = None) -> None:
        self._receive = receive

    async def publish(self, message: Message) -> None:
        if self._receive is not None:
            await self._receive(message)

    async def stop(self) -> None:
        self._receive = None


class RedisBus:
    """One Redis channel between all nodes. This node's own sockets never wait for Redis; what could not be sent becomes
    one `Missed` for the others, and a subscription that was lost becomes one `Missed` here."""

    def __init__(self, url: str, *, channel: str = CHANNEL, ping_every_s: float = PING_EVERY_S) -> None:
        """`url`: redis://, rediss:// or unix://, with the password of a Redis user of our own."""
        pool = BlockingConnectionPool.from_url(
            url, max_connections=REDIS_CONNECTIONS, timeout=REDIS_TIMEOUT_S, socket_connect_timeout=REDIS_TIMEOUT_S,
            socket_timeout=REDIS_TIMEOUT_S, retry=None, health_check_interval=HEALTH_CHECK_S,
        )
        self._redis = Redis.from_pool(pool)
        self._channel = channel
        self._ping_every_s = ping_every_s
        self._node = secrets.token_hex(8)
        self._receive: Receive | None = None
        self._outgoing: deque[Message] = deque()
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.connected = False
        """Whether our own ping came back through the channel since the last loss (for readiness and metrics)."""

    async def start(self, receive: Receive | None = None) -> None:
        self._receive = receive
        self._tasks.append(asyncio.create_task(self._send(), name="bus-send"))
        if receive is not None:
            self._tasks.append(asyncio.create_task(self._listen(receive), name="bus-listen"))

    async def publish(self, message: Message) -> None:
        if self._receive is not None:
            await self._receive(message)
        if len(self._outgoing) >= MAX_OUTGOING:
            self._outgoing.clear()
            message = Missed()
        self._outgoing.append(message)
        self._wake.set()

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await self._redis.aclose()
        self.connected = False

    async def _send(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._outgoing:
                batch = [self._outgoing.popleft() for _ in range(min(MAX_BATCH, len(self._outgoing)))]
                try:
                    await self._tell_all({"messages": [message_to_wire(message) for message in batch]})
                except (RedisError, OSError, TimeoutError) as fault:
                    _log.warning("bus: %d messages not sent (%s)", len(batch), type(fault).__name__)
                    self._outgoing.clear()
                    self._outgoing.append(Missed())
                    await asyncio.sleep(RETRY_S)

    async def _tell_all(self, envelope: dict[str, Any]) -> None:
        await self._redis.publish(self._channel, json.dumps({"node": self._node, **envelope}))

    async def _listen(self, receive: Receive) -> None:
        while True:
            try:
                await self._hear(receive)
            except (RedisError, OSError, TimeoutError) as fault:
                if self.connected:
                    _log.warning("bus: subscription lost (%s)", type(fault).__name__)
            self.connected = False
            await asyncio.sleep(random.uniform(RETRY_S / 2, RETRY_S))  # noqa: S311 — spreads reconnects, guards nothing

    async def _hear(self, receive: Receive) -> None:
        """One subscription until it breaks. Raises RedisError, OSError or TimeoutError."""
        async with self._redis.pubsub() as subscription:
            await subscription.subscribe(self._channel)
            next_ping, ping_due_back = monotonic(), None
            while True:
                if ping_due_back is None and monotonic() >= next_ping:
                    await self._tell_all({"ping": True})
                    ping_due_back = monotonic() + PING_WITHIN_S
                frame = await subscription.get_message(ignore_subscribe_messages=True, timeout=REDIS_TIMEOUT_S)
                if frame is not None and await self._heard(frame["data"], receive):
                    next_ping, ping_due_back = monotonic() + self._ping_every_s, None
                if ping_due_back is not None and monotonic() > ping_due_back:
                    raise TimeoutError("our own ping did not come back")

    async def _heard(self, data: bytes, receive: Receive) -> bool:
        """Hands on what other nodes said. True if it was our own ping."""
        try:
            envelope = json.loads(data)
            messages = list(envelope.get("messages", ()))
        except (ValueError, TypeError, AttributeError, RecursionError):
            envelope, messages = {}, [None]
        if envelope.get("node") != self._node:
            for wire in messages:
                await receive(message_from_wire(wire))
            return False
        if "ping" in envelope and not self.connected:
            self.connected = True
            await receive(Missed())
        return "ping" in envelope
