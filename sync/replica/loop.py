"""A sync from the device's side: push, then pull, then confirm what was purged (R-190, sync-protocol.md 7).

A failure is a value in the report, never an end: a push that fails does not hold up the pull, and nothing leaves the
outbox without a verdict (F-02). Knows the order of the steps; what an answer does is told in verdicts.py and pages.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from sync.problem import Code
from sync.pull import PAGE, PAGE_BYTES, SCHEMA
from sync.record import Outcome
from sync.replica.backoff import SYNC_EVERY_S, wait_after
from sync.replica.door import Door, Refused, Unauthorized, Unreachable
from sync.replica.outbox import Batch
from sync.replica.replica import Replica
from sync.wire import MAX_PURGED

Body = dict[str, Any]
Refresh = Callable[[], Awaitable[bool]]  # gets a new access token; False if that is over too

# Verdicts on a body, not on its sender: the same changes may pass in other company or under another id.
REGROUP = frozenset({Code.BATCH_ID_REUSED, Code.TOO_LARGE, Code.TOO_MANY_CHANGES, Code.UNREADABLE, Code.INVALID})


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a half did not come to its end: unreachable, unauthenticated, no_progress, or the refusal's code."""

    code: str
    retry_after_s: float | None = None


@dataclass
class Synced:
    """What one sync did. `outcomes` counts verdicts."""

    outcomes: Counter[str] = field(default_factory=Counter)
    pages: int = 0
    rows: int = 0
    resynced: bool = False
    push_fault: Fault | None = None
    pull_fault: Fault | None = None

    @property
    def ok(self) -> bool:
        return self.push_fault is None and self.pull_fault is None

    @property
    def retry_after_s(self) -> float | None:
        told = [fault.retry_after_s for fault in (self.push_fault, self.pull_fault) if fault and fault.retry_after_s]
        return max(told, default=None)


async def sync_once(replica: Replica, door: Door, refresh: Refresh | None = None) -> Synced:
    """One sync, start to end; a second one on the same replica waits for it. Raises nothing a network can cause."""
    run = _Run(replica, door, refresh)
    async with replica.turn:
        await run.send_outbox()
        await run.fetch_pages()
        if run.synced.resynced:
            await run.send_outbox()
            await run.fetch_pages()
        await run.confirm_purges()
    return run.synced


async def keep_in_step(
    replica: Replica, door: Door, *, pause: Callable[[float], Awaitable[None]], random: Callable[[], float],
    refresh: Refresh | None = None,
) -> None:
    """Syncs until cancelled: about five minutes after a success, with backoff after a failure; sooner if `pause` is."""
    failures = 0
    while True:
        synced = await sync_once(replica, door, refresh)
        failures = 0 if synced.ok else failures + 1
        if failures:
            await pause(wait_after(failures, random(), synced.retry_after_s))
        else:
            await pause(SYNC_EVERY_S * (0.9 + random() / 5))


class _Run:
    """The steps of one sync and what has come of them so far."""

    def __init__(self, replica: Replica, door: Door, refresh: Refresh | None) -> None:
        self.replica = replica
        self.door = door
        self.refresh = refresh
        self.synced = Synced()

    async def send_outbox(self) -> None:
        self.synced.push_fault = None
        self.replica.outbox.wake_deferred()
        while (batch := self.replica.outbox.next_batch(self.replica.new_id)) is not None:
            answer = await self._ask(self.door.push, partial(self._envelope, batch))
            if isinstance(answer, Fault):
                if not self._regroup(batch, answer):
                    self.synced.push_fault = answer
                    return
                continue
            self.replica.hear_time(answer.get("hlc"))
            self.synced.outcomes += self.replica.verdicts.carry_out(batch, answer, self.replica.instruments.now_ms())

    def _envelope(self, batch: Batch) -> Body:
        """The changes are word for word the same at every try; the clocks are those of this try, or the server would
        take the hours between two tries for a wrong clock."""
        instruments = self.replica.instruments
        return {"device_id": self.replica.device, "batch_id": batch.batch_id, "schema": SCHEMA,
                "client_now": instruments.now_ms(), "boot_id": instruments.boot_id, "mono_ms": instruments.mono_ms(),
                "changes": list(batch.changes)}

    def _regroup(self, batch: Batch, fault: Fault) -> bool:
        """Whether the batch's changes can go on under another id. One that was refused all by itself is reported."""
        if fault.code not in REGROUP:
            return False
        alone = self.replica.outbox.split(batch)
        if alone is not None and fault.code != Code.BATCH_ID_REUSED:
            self.replica.verdicts.refuse(alone, Outcome.DEFERRED, fault.code, [])
        return True

    async def fetch_pages(self) -> None:
        self.synced.pull_fault = None
        more = True
        while more:
            purged = self.replica.pages.purged()[:MAX_PURGED]
            cursor = self.replica.pages.cursor
            page = await self._ask(self.door.pull, partial(self._pull_ask, cursor, purged))
            if isinstance(page, Fault):
                self.synced.pull_fault = page
                return
            self.replica.hear_time(page.get("hlc"))
            if self.replica.pages.take(page, purged):
                self.synced.resynced = True
                return
            self.synced.pages += 1
            self.synced.rows += len(page["changes"])
            more = page["has_more"]
            if more and page["cursor"] == cursor and not page["changes"]:
                self.synced.pull_fault = Fault("no_progress")
                return

    def _pull_ask(self, cursor: str | None, purged: list[str]) -> Body:
        """`queue` tells what still waits: only then may the server call a dose missed (DESIGN.md 11)."""
        queue = {"count": len(self.replica.outbox.waiting()), "oldest": self.replica.outbox.oldest()}
        return {"device_id": self.replica.device, "cursor": cursor, "schema": SCHEMA, "limit": PAGE,
                "max_bytes": PAGE_BYTES, "purged": purged, "queue": queue}

    async def confirm_purges(self) -> None:
        """A lost scope went with the page that said so; now the server learns that this device holds it no more."""
        if self.synced.pull_fault is None and self.replica.pages.purged():
            self.replica.pages.erase_traces()
            await self.fetch_pages()

    async def _ask(self, call: Callable[[Body], Awaitable[Body]], body: Callable[[], Body]) -> Body | Fault:
        for last in (False, True):
            try:
                return await call(body())
            except Unreachable as gone:
                return Fault("unreachable", gone.retry_after_s)
            except Refused as refused:
                return Fault(refused.code)
            except Unauthorized:
                if last or self.refresh is None or not await self.refresh():
                    break
        return Fault(Code.UNAUTHENTICATED)
