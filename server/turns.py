"""One sync per device at a time: a second one waits a little, then is told to come back (sync-protocol 4).

In this process; across processes the scopes' locks keep the order, this only spares work that a retry doubles.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sync.problem import Code, Refusal

WAIT_S = 5.0
WAITING_PER_DEVICE = 3


class Turns:
    """Locks by device; a device without a turn takes no memory."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def of(self, device: str) -> AsyncIterator[None]:
        """The device's turn. Raises Refusal(TOO_MANY_REQUESTS) after WAIT_S, or if others wait already."""
        lock, users = self._held.get(device, (asyncio.Lock(), 0))
        if users > WAITING_PER_DEVICE:
            raise Refusal(Code.TOO_MANY_REQUESTS, retry_after_s=int(WAIT_S))
        self._held[device] = (lock, users + 1)
        try:
            await _patiently(lock)
            try:
                yield
            finally:
                lock.release()
        finally:
            lock, users = self._held[device]
            if users == 1:
                del self._held[device]
            else:
                self._held[device] = (lock, users - 1)


async def _patiently(lock: asyncio.Lock) -> None:
    try:
        async with asyncio.timeout(WAIT_S):
            await lock.acquire()
    except TimeoutError:
        raise Refusal(Code.TOO_MANY_REQUESTS, retry_after_s=int(WAIT_S)) from None
