"""A door without a network: the real wire reading, push and pull over any store, and faults between the two on demand.

Every body goes through JSON text and the gate, as over HTTP. For worlds and for tests of the client half.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from sync.gate import read_json
from sync.kind import Kinds
from sync.problem import Refusal
from sync.pull import pull, readable
from sync.push import Settlement, push
from sync.replica.door import Body, Refused, Unauthorized, Unreachable
from sync.rule import Rules
from sync.store import Store
from sync.wire import MAX_BODY, read_pull, read_push


@dataclass
class Call:
    """One call as the server saw it. `answer` is None if the server refused, `lost` if the client never heard it."""

    door: str
    body: Body
    answer: Body | None = None
    lost: bool = False


@dataclass
class Loopback:
    """`sync.replica.door.Door` of one session. The hooks count down: the next n requests or answers are lost, the next
    n requests arrive twice; `fail` holds exceptions for the next calls; `between` runs after the commit, before the
    answer (there a world may await, crash, revoke)."""

    store: Store
    kinds: Kinds
    rules: Rules
    user: str
    device: str
    session: str | None
    now_ms: Callable[[], int]
    lose_requests: int = 0
    lose_answers: int = 0
    repeat: int = 0
    fail: list[Exception] = field(default_factory=list)
    between: Callable[[str, Body], Awaitable[None]] | None = None
    announced: Callable[[Settlement], None] | None = None
    calls: list[Call] = field(default_factory=list)

    async def push(self, body: Body) -> Body:
        return await self._call("push", body, self._push)

    async def pull(self, body: Body) -> Body:
        return await self._call("pull", body, self._pull)

    def asked(self, door: str) -> list[Body]:
        """Bodies of the calls at one door that reached the server."""
        return [call.body for call in self.calls if call.door == door]

    async def _call(self, door: str, body: Body, serve: Callable[[bytes], Awaitable[Body]]) -> Body:
        if self.fail:
            raise self.fail.pop(0)
        if self.lose_requests:
            self.lose_requests -= 1
            raise Unreachable
        text = json.dumps(body, ensure_ascii=False).encode()
        call = Call(door, json.loads(text))
        self.calls.append(call)
        answer = json.loads(json.dumps(await self._serve(serve, text)))
        call.answer = answer
        if self.repeat:
            self.repeat -= 1
            answer = json.loads(json.dumps(await self._serve(serve, text)))
        if self.between is not None:
            await self.between(door, answer)
        if self.lose_answers:
            self.lose_answers -= 1
            call.lost = True
            raise Unreachable
        return dict(answer)

    async def _serve(self, serve: Callable[[bytes], Awaitable[Body]], text: bytes) -> Body:
        """The edge in small: refusals as their statuses would reach the client."""
        try:
            return await serve(text)
        except Refusal as refusal:
            if refusal.status == 401:
                raise Unauthorized from None
            if refusal.status in (429, 500, 503):
                raise Unreachable(refusal.retry_after_s) from None
            raise Refused(str(refusal.code)) from None

    async def _push(self, text: bytes) -> dict[str, Any]:
        body = read_json(text, max_bytes=MAX_BODY)
        pushed = read_push(body, user=self.user, device=self.device, session=self.session)
        async with self.store.transaction() as tx:
            settlement = await push(tx, self.kinds, self.rules, pushed, self.now_ms())
        if self.announced is not None:
            self.announced(settlement)
        return {**settlement.as_json(), "server_now": self.now_ms()}

    async def _pull(self, text: bytes) -> dict[str, Any]:
        ask = read_pull(read_json(text, max_bytes=MAX_BODY), user=self.user, device=self.device, session=self.session)
        pulled = await pull(self.store, self.kinds, readable(self.kinds), ask, self.now_ms())
        return {**pulled.as_json(), "server_now": self.now_ms()}
