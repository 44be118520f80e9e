"""Doses that wait for the one before them: a report of that one re-times them, through the worker (R-112, K01 to K06).

Knows which prescription is to be worked out again; how is doses.py's, when is following.py's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scheduling.reactions import Touched
from sync.dose_policy import entries_of


async def waiting_on(touched: Touched) -> str | None:
    """The prescription in which other doses follow this one, of which somebody has spoken; None if there is none."""
    if touched.kind != "dose_event":
        return None
    dose = await touched.row("dose_event", touched.id)
    if dose is None or not entries_of(dose):
        return None
    line = await touched.row("medication_line", dose.fields["line_id"])
    chained = line is not None and any(_follows(period["plan"]) for period in line.fields["schedule"])
    return str(dose.fields["prescription_id"]) if chained else None


def _follows(plan: Mapping[str, Any]) -> bool:
    return any(segment.get("following") for segment in plan["segments"])
