"""Changes that stand together or not at all: a prescription with its first version, all doses of one moment.

The same road as every write (server/write.py), only that a batch with a loser is rolled back before it is told.
"""

from __future__ import annotations

from collections.abc import Sequence

from server.announce import announce
from server.call import Call
from sync.clock import DeviceTime
from sync.push import Pushed, Settlement, push
from sync.record import Change, Outcome

FALLEN = frozenset({Outcome.REJECTED, Outcome.DEFERRED})


class _TakenBackError(Exception):
    def __init__(self, settlement: Settlement) -> None:
        super().__init__("a change of the batch was refused")
        self.settlement = settlement


async def write_whole(call: Call, changes: Sequence[Change], *, batch_id: str) -> Settlement:
    """Settles all changes, or writes nothing if one of them is rejected or deferred; the results say which."""
    house = call.house
    pushed = Pushed(call.user, call.device, call.session, batch_id, changes, DeviceTime(None))

    async def once() -> Settlement:
        async with house.ledger.transaction() as tx:
            settlement = await push(tx, house.kinds, house.rules, pushed, call.now_ms)
            if not stands(settlement):
                raise _TakenBackError(settlement)
        return settlement

    try:
        settlement = await house.database.retrying(once)
    except _TakenBackError as taken_back:
        return taken_back.settlement
    await announce(house, pushed, settlement, call.now)
    return settlement


def stands(settlement: Settlement) -> bool:
    return all(result.outcome not in FALLEN for result in settlement.results)
