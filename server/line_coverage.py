"""How far the fills of each line covered its doses, from supply events as the caller sees them (R-311).

Knows no figure: what a fill is, and what it covers, are scheduling/supply_line.py's and scheduling/coverage.py's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from scheduling.coverage import Coverage, coverage
from scheduling.dose_marks import Marked
from scheduling.routine import Routine
from scheduling.schedule_day import Viewpoint
from scheduling.supply_line import Outlook, event_of, line_fills
from scheduling.zones import zone_named
from server.call import Call
from server.viewpoint import patient_row
from storage.ledger.supplies import MOST_EVENTS, supply_events
from sync.access import Membership


async def coverage_of(
    call: Call, held: Membership, lines: Mapping[str, Mapping[str, Any]], doses: Mapping[str, Sequence[Marked]],
    view: Viewpoint,
) -> dict[str, Coverage]:
    """By line, from its first dose of the period to its last; lines without a fill are left out, and so is everything
    where the caller sees some days only, or there are more events than are read at once."""
    if held.view.days is not None or not lines:
        return {}
    events = await supply_events(call.house.database, held, list(lines), call.now)
    if not events or len(events) == MOST_EVENTS:
        return {}
    outlook = Outlook(Routine.of(await patient_row(call, held)), zone_named(view.zone), view.now)
    found: dict[str, Coverage] = {}
    for id_, line in lines.items():
        await asyncio.sleep(0)  # a plan may be walked for long: others are served in between
        fills = line_fills(line, [event_of(one) for one in events if one["line_id"] == id_], outlook)
        if fills:
            days = [dose.day for dose in doses[id_]]
            found[id_] = coverage(fills, min(days), max(days))
    return found
