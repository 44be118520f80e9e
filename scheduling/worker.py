"""The worker's loop: what must follow from committed changes, and what time alone brings (DESIGN.md 2).

Any number may run beside any number of servers. Everything it does is a push by the system's actor on the one road,
with ids computed from its cause, so that a second try writes nothing (I-02, I-14). Knows the store, the queue and the
reactions; the ports to the live channel and the clock are handed in.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from scheduling.chains import waiting_on
from scheduling.chores import clear_away
from scheduling.doses import HORIZON
from scheduling.reactions import REACTIONS, Notice, Touched
from storage import queue
from storage.circle import short_of_horizon
from storage.database import Database
from storage.ledger.ledger import Ledger
from storage.queue import Waiting
from sync.access import PATIENT_SCOPE, USER_SCOPE, scope_name
from sync.clock import DeviceTime
from sync.identity import SYSTEM_DEVICE, SYSTEM_USER, deed_id
from sync.kind import Kinds
from sync.push import MAX_CHANGES, Pushed, Settlement, push
from sync.record import Change, Op, Outcome
from sync.rule import Rules
from sync.values import format_instant, instant_of_ms, parse_instant

IDLE_S = 1.0  # between looks at an empty queue, unless somebody wakes the worker
ROUND_EVERY_S = 60.0  # what time alone brings
CHORES_EVERY = 10  # rounds
HORIZON_DAYS = 29  # a prescription whose dose rows end sooner is extended to 30
HORIZON_BATCH = 50
SET_ASIDE_MS = 3_600_000
AFTER_FAILURE_S = 5.0

log = logging.getLogger("dastern.worker")
Announce = Callable[[Settlement, Sequence[Notice]], Awaitable[None]]


async def nobody_listens(settlement: Settlement, notices: Sequence[Notice]) -> None:
    """For workers without a live channel of their own."""


@dataclass
class Worker:
    """One worker. `now_ms` is its clock; `announce` hears of every settlement after its commit."""

    store: Ledger
    database: Database
    kinds: Kinds
    rules: Rules
    name: str
    now_ms: Callable[[], int]
    announce: Announce = nobody_listens
    _woken: asyncio.Event = field(default_factory=asyncio.Event)
    _set_aside: dict[str, int] = field(default_factory=dict)  # prescription → until when it is left alone (ms)

    def wake(self) -> None:
        """Something was committed in this process: look at once."""
        self._woken.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop` is set; a failure costs a pause, never the loop (F-16)."""
        looked_ms = rounds = 0
        while not stop.is_set():
            try:
                busy = await self.work_once()
                if self.now_ms() - looked_ms >= ROUND_EVERY_S * 1000:
                    looked_ms = self.now_ms()
                    while await self.extend_horizons() == HORIZON_BATCH and not stop.is_set():
                        pass
                    if rounds % CHORES_EVERY == 0:
                        await clear_away(self.database, self.store, instant_of_ms(looked_ms))
                    rounds += 1
                pause = 0.0 if busy else IDLE_S
            except Exception:
                log.exception("worker.failed")
                pause = AFTER_FAILURE_S
            await self._rest(stop, pause)

    async def _rest(self, stop: asyncio.Event, seconds: float) -> None:
        self._woken.clear()
        waiting = [asyncio.ensure_future(event.wait()) for event in (stop, self._woken)]
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for one in waiting:
            one.cancel()

    async def work_once(self) -> bool:
        """Claims what waits and does it; True if there was anything. One row that fails stops no other (F-16)."""
        now = instant_of_ms(self.now_ms())
        if not await queue.waits(self.database, now):
            return False
        for one in await queue.claim(self.database, self.name, now):
            try:
                await self._follow(one)
                await queue.finish(self.database, one, instant_of_ms(self.now_ms()))
            except Exception:
                log.exception("worker.reaction_failed", extra={"outbox": one.id, "attempt": one.attempt})
        return True

    async def _follow(self, one: Waiting) -> None:
        notices: list[Notice] = []
        chained: dict[str, str] = {}
        for kind, id_, version, change_id in one.touched:
            about = Touched(self.store, self.database, one.scope, kind, id_, version, change_id,
                            instant_of_ms(self.now_ms()))
            if (prescription := await waiting_on(about)) is not None:
                chained[prescription] = change_id
            if (react := REACTIONS.get(kind)) is not None:
                notices += await react(about)
        await self.tell(notices)
        for prescription, change_id in chained.items():
            await self._work_out(prescription, one.scope, f"{prescription}|{change_id}")

    async def tell(self, notices: Sequence[Notice]) -> None:
        """Writes the notices' rows, a push at a time, and announces those that are new after each."""
        changes = [
            self._change(f"{notice.id}", "notification", notice.id, scope_name(USER_SCOPE, notice.recipient),
                         notice.fields(), Op.UPSERT)
            for notice in {notice.id: notice for notice in notices}.values()
        ]
        told = {notice.id: notice for notice in notices}
        for at in range(0, len(changes), MAX_CHANGES):
            slice_ = changes[at : at + MAX_CHANGES]
            settled = await self._push(slice_)
            fresh = {result.change_id for result in settled.results if result.outcome is Outcome.APPLIED}
            await self.announce(settled, [told[c.id] for c in slice_ if c.change_id in fresh and not settled.replayed])

    async def extend_horizons(self) -> int:
        """Gives active prescriptions dose rows for 30 days and completes courses that are over. Answers how many."""
        now = instant_of_ms(self.now_ms())
        self._set_aside = {one: until for one, until in self._set_aside.items() if until > self.now_ms()}
        short = await short_of_horizon(self.database, now, HORIZON_DAYS, HORIZON_BATCH, self._set_aside)
        for patient, prescription in short:
            try:
                await self._work_out(prescription, scope_name(PATIENT_SCOPE, patient), f"{prescription}|{now}")
            except Exception:
                # An hour's rest, so that one that always fails does not keep the others waiting (F-16).
                self._set_aside[prescription] = self.now_ms() + SET_ASIDE_MS
                log.exception("worker.horizon_failed")
        return len(short)

    async def _work_out(self, prescription: str, scope: str, cause: str) -> None:
        """Has the engine make the prescription's doses from now to the horizon what its plans ask for. Raises
        RuntimeError with the engine's code if it does not: a patient without doses must not pass for one with."""
        until = format_instant(parse_instant(instant_of_ms(self.now_ms())) + HORIZON)
        change = self._change(cause, "prescription", prescription, scope, {"horizon_until": until}, Op.PATCH)
        settled = await self._push([change])
        if settled.results[0].outcome not in (Outcome.APPLIED, Outcome.MERGED, Outcome.DUPLICATE):
            raise RuntimeError(f"horizon: {settled.results[0].code}")
        await self.announce(settled, ())

    def _change(self, cause: str, kind: str, id_: str, scope: str, fields: dict[str, object], op: Op) -> Change:
        change_id = deed_id(cause, kind)
        return Change(0, change_id, kind, id_, (scope,), op, 0, fields, digest=change_id)

    async def _push(self, changes: Sequence[Change]) -> Settlement:
        """One push as the system; its batch id follows from what it says, so that a repetition is a replay."""
        numbered = [replace(change, i=i) for i, change in enumerate(changes)]
        said = hashlib.sha256("|".join(change.change_id for change in numbered).encode()).hexdigest()
        pushed = Pushed(SYSTEM_USER, SYSTEM_DEVICE, None, deed_id(said, "batch"), numbered, DeviceTime(None))

        async def once() -> Settlement:
            async with self.store.transaction() as tx:
                return await push(tx, self.kinds, self.rules, pushed, self.now_ms())

        return await self.database.retrying(once)
