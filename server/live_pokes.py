"""Collects the heads that commits announce, so that a burst of writes leaves as one poke per scope.

Knows scopes, heads and the device a change came from; not who may read a scope or how a poke is sent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from itertools import islice

COALESCE_S = 0.075
"""Between the 50 and 100 ms of sync-protocol.md 11."""

SCOPES_AT_ONCE = 500
"""Scopes in one delivery, which looks up their audience together."""

MAX_WAITING = 50_000


@dataclass(slots=True)
class Poke:
    """The highest head of a scope, and the one device that knows it already (None: nobody, or several)."""

    head: int
    origin_device: str | None


class Pokes:
    """Waiting pokes, delivered `COALESCE_S` after the first, one delivery at a time."""

    def __init__(self, deliver: Callable[[Mapping[str, Poke]], Awaitable[None]], overflow: Callable[[], None]) -> None:
        """`deliver` must not raise; `overflow` is called when more than `MAX_WAITING` scopes wait and were dropped."""
        self._deliver = deliver
        self._overflow = overflow
        self._waiting: dict[str, Poke] = {}
        self._some = asyncio.Event()

    def add(self, heads: Mapping[str, int], origin_device: str | None) -> None:
        if len(self._waiting) + len(heads) > MAX_WAITING:
            self._waiting.clear()
            self._overflow()
            return
        for scope, head in heads.items():
            before = self._waiting.setdefault(scope, Poke(head, origin_device))
            before.head = max(before.head, head)
            if before.origin_device != origin_device:
                before.origin_device = None
        if heads:
            self._some.set()

    async def run(self) -> None:
        """Delivers until cancelled."""
        while True:
            await self._some.wait()
            await asyncio.sleep(COALESCE_S)
            scopes = list(islice(self._waiting, SCOPES_AT_ONCE))
            leaving = {scope: self._waiting.pop(scope) for scope in scopes}
            if not self._waiting:
                self._some.clear()
            await self._deliver(leaving)
