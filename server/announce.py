"""What is told after a commit, to whom it concerns; a replay is told to nobody (DESIGN.md 2).

Runs after COMMIT, so that no failure here may turn a settled push into an error: whoever missed a poke pulls (P08).
Knows settlements and the live channel's words; no row.
"""

from __future__ import annotations

from collections.abc import Sequence

from scheduling.reactions import Notice
from server import logs
from server.house import House
from storage.failpoints import failpoint, register
from sync.push import Pushed, Settlement, memberships_lost

register("push.before_poke", "push.after_poke")
ANY_KIND = "unknown"


async def announce(
    house: House, pushed: Pushed, settlement: Settlement, now: str, *, origin_device: str | None = None
) -> None:
    """Pokes the scopes that moved, tells those who lost one, counts outcomes. `origin_device` is not poked: its answer
    tells it."""
    if settlement.replayed:
        house.metrics.replays.inc()
        return
    kinds = (change.kind if change.kind in house.kinds else ANY_KIND for change in pushed.changes)
    house.metrics.settled(kinds, settlement.results)
    house.metrics.offsets.observe(settlement.offset_ms / 1000)
    await failpoint("push.before_poke")
    try:
        for lost in memberships_lost(settlement, now):
            await house.live.revoked(lost.user, lost.scope)
        await house.live.poke(settlement.heads, origin_device=origin_device)
        house.wake_worker()
    except Exception as error:
        logs.fault("announcement", error)
    await failpoint("push.after_poke")


async def announce_work(house: House, settlement: Settlement, notices: Sequence[Notice]) -> None:
    """What the worker settled: pokes, and each new notice to its recipient alone (S-28)."""
    if settlement.replayed:
        return
    await house.live.poke(settlement.heads)
    for notice in notices:
        await house.live.notify(notice.recipient, notice.id, notice.type)
