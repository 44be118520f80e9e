"""The way between one device and the server, with everything that can go wrong on it, drawn from the world's dice.

Requests and answers get lost, arrive twice or side by side, in pieces and out of order; the server dies before or after
its commit; the device dies while it waits; others act between two pages. Knows mishaps; never what people do.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from storage import failpoints
from sync.gate import read_json
from sync.identity import deed_id
from sync.pull import pull
from sync.push import push
from sync.replica.door import Body, Unreachable
from sync.wire import MAX_BODY, read_pull, read_push
from tests.sync.loopback import Loopback
from tests.worlds.watch import Watch

PUSH_MISHAPS = ("lose_request", "lose_answer", "repeat", "twin", "crash_before_commit", "split", "killed", "meddle")
PULL_MISHAPS = ("lose_request", "lose_answer", "repeat", "killed", "meddle")
PAGE_LIMITS = (2, 7, 30, 500)


class Killed(BaseException):
    """The device's process is gone; whatever it was waiting for, nobody waits any more."""


@dataclass
class Weather:
    """How bad the network is: the chance of a mishap per call, and who meddles between two calls."""

    dice: Random
    mishaps: float = 0.4
    small_pages: float = 0.5
    meddle: Callable[[], Awaitable[None]] | None = None
    failpoints: tuple[str, ...] = ()
    happened: Counter[str] = field(default_factory=Counter)

    def draw(self, choices: tuple[str, ...]) -> str | None:
        if self.dice.random() >= self.mishaps:
            return None
        found = self.dice.choice(choices)
        self.happened[found] += 1
        return found


@dataclass
class Mast(Loopback):
    """A loopback door under a weather, watched."""

    weather: Weather = field(kw_only=True)
    watch: Watch = field(kw_only=True)
    may_die: bool = field(kw_only=True, default=False)
    crash: bool = False
    sent: list[Body] = field(default_factory=list)  # bodies whose batch the server may have settled

    async def push(self, body: Body) -> Body:
        mishap = self.weather.draw(PUSH_MISHAPS)
        if mishap == "lose_request":
            raise Unreachable
        if mishap == "killed" and self.may_die and self.weather.dice.random() < 0.5:
            raise Killed
        if mishap == "split" and len(body["changes"]) > 1:
            return await self._in_pieces(body)
        if mishap == "crash_before_commit":
            await self._crash(body)
        if mishap == "twin":
            first, answer = await asyncio.gather(self._one(body), self._one(body), return_exceptions=True)
            if isinstance(first, BaseException) or isinstance(answer, BaseException):
                raise _worse(first, answer)
        else:
            answer = await self._one(body)
        if mishap == "repeat":
            answer = await self._one(body)
        await self._before_the_answer(mishap)
        return answer

    async def pull(self, body: Body) -> Body:
        mishap = self.weather.draw(PULL_MISHAPS)
        if mishap == "lose_request":
            raise Unreachable
        if self.weather.dice.random() < self.weather.small_pages:
            body = {**body, "limit": self.weather.dice.choice(PAGE_LIMITS)}
        answer = await self._call("pull", body, self._pull)
        if mishap == "repeat":
            answer = await self._call("pull", body, self._pull)
        await self._before_the_answer(mishap)
        return answer

    async def settle(self, body: Body) -> Body:
        """One push without mishaps and without anybody waiting: a repetition, an attack, a foreign client."""
        return await self._one(body)

    async def _one(self, body: Body) -> Body:
        answer = await self._call("push", body, self._push)
        self.sent.append(json.loads(json.dumps(body)))
        return answer

    async def _before_the_answer(self, mishap: str | None) -> None:
        if mishap == "meddle" and self.weather.meddle is not None:
            await self.weather.meddle()
        if mishap == "lose_answer":
            raise Unreachable
        if mishap == "killed" and self.may_die:
            raise Killed

    async def _crash(self, body: Body) -> None:
        """The server dies before its commit; on databases at one of the named failpoints, before it or after."""
        if not self.weather.failpoints:
            self.crash = True
            await self._call("push", body, self._push)
            return
        failpoints.arm(self.weather.dice.choice(self.weather.failpoints), failpoints.Action.RAISE)
        try:
            await self._one(body)
        except failpoints.Failed:
            raise Unreachable from None
        finally:
            failpoints.disarm()

    async def _in_pieces(self, body: Body) -> Body:
        """The same changes in batches of their own, in another order: none is required between batches."""
        pieces: list[list[Any]] = [[], []]
        for change in body["changes"]:
            self.weather.dice.choice(pieces).append(change)
        order = [n for n, piece in enumerate(pieces) if piece]
        self.weather.dice.shuffle(order)
        results: list[Body] = []
        answer: Body = {}
        for n in order:
            part = {**body, "batch_id": deed_id(body["batch_id"], f"{n}-{len(self.calls)}"),
                    "changes": [{**change, "i": i} for i, change in enumerate(pieces[n])]}
            answer = await self._one(part)
            results += answer["results"]
            if self.weather.dice.random() < 0.2:
                raise Unreachable
        return {**answer, "batch_id": body["batch_id"], "results": [{**one, "i": -1} for one in results]}

    async def _push(self, text: bytes) -> dict[str, Any]:
        pushed = read_push(read_json(text, max_bytes=MAX_BODY), user=self.user, device=self.device,
                           session=self.session)
        async with self.store.transaction() as tx:
            settlement = await push(tx, self.kinds, self.rules, pushed, self.now_ms())
            if self.crash:
                self.crash = False
                raise Unreachable
        await self.watch.announced(settlement)
        await self.watch.settled(pushed, settlement)
        return {**settlement.as_json(), "server_now": self.now_ms()}

    async def _pull(self, text: bytes) -> dict[str, Any]:
        ask = read_pull(read_json(text, max_bytes=MAX_BODY), user=self.user, device=self.device, session=self.session)
        pulled = await pull(self.store, self.kinds, self.may_read, ask, self.now_ms())
        await self.watch.pulled(ask, pulled)
        return {**pulled.as_json(), "server_now": self.now_ms()}

    @property
    def may_read(self) -> Any:
        from storage.catalogue import READABLE

        return READABLE


def _worse(first: object, second: object) -> BaseException:
    """Of twins that failed, an error of ours before a mishap of the network."""
    failed = [one for one in (first, second) if isinstance(one, BaseException)]
    return next((one for one in failed if not isinstance(one, Unreachable)), failed[0])
