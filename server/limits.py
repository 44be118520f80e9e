"""How often anybody may ask: per address, account and device, in one process or in all through Redis (R-400, S-20).

Limits that guard secrets refuse when they cannot count; the others then count in this process (S-22). Refused requests
do not prolong the wait. Knows keys and figures; no path and no HTTP library.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Any, Protocol

from limits import RateLimitItemPerSecond
from limits.aio.storage import RedisStorage
from limits.aio.strategies import MovingWindowRateLimiter
from redis.asyncio import BlockingConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from server.limit_windows import FullError, Standing, Windows
from sync.problem import Code, Refusal

_log = logging.getLogger("dastern.limits")

REDIS_WAIT_S = 0.3
REDIS_CONNECTIONS = 20
BREAK_S = 1.0
"""After a failure of Redis nobody asks it for so long: a dead one costs 0.3 s a call."""
IPV6_BITS = 64


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` requests in any `window_s` seconds. `guards_secret`: refuse when counting is impossible."""

    name: str
    most: int
    window_s: int = 60
    guards_secret: bool = False


AUTH = Limit("auth", 5, guards_secret=True)  # per address
REFRESH = Limit("refresh", 30, guards_secret=True)  # per family: a clinic's phones share an address (S-20)
API = Limit("api", 100)  # per user
SYNC = Limit("sync", 120)  # per device


class Counter(Protocol):
    """Counts one request of `key` and says how it stands."""

    async def hit(self, limit: Limit, key: str) -> Standing: ...

    async def close(self) -> None: ...


class InProcess:
    """Counts of this process alone; a restart forgets them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, windows: Windows | None = None) -> None:
        self._clock = clock
        self._windows = Windows() if windows is None else windows

    async def hit(self, limit: Limit, key: str) -> Standing:
        """Raises FullError."""
        return self._windows.hit(f"{limit.name}:{key}", limit.most, limit.window_s, self._clock())


class InRedis:
    """Counts that all processes share and that survive a restart of ours. Raises RedisError when Redis is away."""

    def __init__(self, url: str, wait_s: float = REDIS_WAIT_S) -> None:
        # redis by itself waits 4.7 s for a dead server (hardening 2.6), and its plain pool refuses a crowd.
        self._pool = BlockingConnectionPool.from_url(
            url, max_connections=REDIS_CONNECTIONS, timeout=wait_s, socket_connect_timeout=wait_s,
            socket_timeout=wait_s, health_check_interval=15, retry=Retry(NoBackoff(), 0),
        )
        pool: Any = self._pool  # the library's types for options name plain values only
        storage = RedisStorage(f"async+{url}", implementation="redispy", key_prefix="dastern:limit",
                               connection_pool=pool)
        self._limiter = MovingWindowRateLimiter(storage)

    async def hit(self, limit: Limit, key: str) -> Standing:
        item = RateLimitItemPerSecond(limit.most, limit.window_s, limit.name)
        passed = await self._limiter.hit(item, key)
        reset_at, remaining = await self._limiter.get_window_stats(item, key)
        wait_s = max(0.0, reset_at - time.time())
        return Standing(passed, limit.most, max(0, remaining), wait_s, 0.0 if passed else wait_s)

    async def close(self) -> None:
        await self._pool.disconnect()


class Limits:
    """The one place that is asked before costly work. Every `check` counts one request or raises Refusal."""

    def __init__(self, shared: Counter | None = None, own: InProcess | None = None) -> None:
        """`shared` is InRedis where DASTERN_REDIS_URL is set."""
        self._shared = shared
        self._own = own or InProcess()
        self._broken_until = 0.0

    async def check(self, limit: Limit, key: str) -> dict[str, str]:
        """The X-RateLimit-* headers of a request that may pass.

        Raises Refusal: too_many_requests, with the same headers in `extra["headers"]` and `retry_after_s`; busy where
        a guard of secrets cannot count.
        """
        standing = await self._counted(limit, key)
        if standing is None:
            return {}
        headers = rate_headers(standing)
        if not standing.passed:
            raise Refusal(Code.TOO_MANY_REQUESTS, retry_after_s=max(1, math.ceil(standing.wait_s)),
                          extra={"limit": standing.limit, "window_s": limit.window_s, "headers": headers})
        return headers

    async def close(self) -> None:
        if self._shared is not None:
            await self._shared.close()

    async def _counted(self, limit: Limit, key: str) -> Standing | None:
        if self._shared is not None:
            standing = await self._shared_hit(self._shared, limit, key)
            if standing is not None:
                return standing
            if limit.guards_secret:
                raise Refusal(Code.BUSY, retry_after_s=math.ceil(BREAK_S))
        try:
            return await self._own.hit(limit, key)
        except FullError:
            if limit.guards_secret:
                raise Refusal(Code.BUSY, retry_after_s=limit.window_s) from None
            return None

    async def _shared_hit(self, shared: Counter, limit: Limit, key: str) -> Standing | None:
        now = time.monotonic()
        if now < self._broken_until:
            return None
        try:
            return await shared.hit(limit, key)
        except (RedisError, OSError, TimeoutError) as fault:
            self._broken_until = now + BREAK_S
            _log.warning("limits: Redis is away (%s)", type(fault).__name__)
            return None


def rate_headers(standing: Standing) -> dict[str, str]:
    """R-400. Reset is in seconds from now, as Retry-After is: a phone's clock may be wrong."""
    return {"X-RateLimit-Limit": str(standing.limit), "X-RateLimit-Remaining": str(standing.remaining),
            "X-RateLimit-Reset": str(math.ceil(standing.reset_s))}


def address_key(address: str) -> str:
    """What addresses are counted by: an IPv6 host owns a /64, so its addresses count as one (S-20)."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    if isinstance(ip, IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(IPv6Address(int(ip) >> (128 - IPV6_BITS) << (128 - IPV6_BITS)))
    return str(ip)
