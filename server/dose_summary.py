"""The summary of a push of doses: what was recorded, and what the clock now calls missed (R-194).

Derived at the moment of asking, never stored; "missed" is scheduling's word. Knows one kind, the dose.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import and_, false, or_, select

from scheduling.lifecycle import Status, status_of
from server.house import House
from storage.catalogue import table_of
from sync.access import PATIENT_SCOPE, id_in, prefix_of
from sync.record import Change, Outcome
from sync.values import format_instant, instant_of_ms, parse_instant

LOOKS_BACK = timedelta(days=7)
MOST_DOSES = 2_000
HEARD = frozenset(str(outcome) for outcome in (Outcome.APPLIED, Outcome.DUPLICATE, Outcome.MERGED, Outcome.SUPERSEDED))


async def summary(
    house: House, changes: Sequence[Change], results: Sequence[Mapping[str, Any]], now_ms: int
) -> dict[str, Any]:
    """Counts by outcome, doses taken and skipped by this batch, doses missed in the last 7 days, rows in conflict.

    Only of patients for whom a change of this batch was heard: its author records their doses.
    """
    heard = [change for change, result in zip(changes, results, strict=True) if result["outcome"] in HEARD]
    said = Counter(change.fields.get("action") for change in heard if isinstance(change.fields.get("action"), str))
    patients = {id_in(change.scopes[0]) for change in heard if prefix_of(change.scopes[0]) == PATIENT_SCOPE}
    missed, conflicts = await _seen_now(house, patients, {change.id for change in heard}, now_ms) if heard else (0, 0)
    return {
        "outcomes": dict(Counter(result["outcome"] for result in results)),
        "taken": said["taken"], "skipped": said["skipped"], "missed": missed, "conflicts": conflicts,
        "server_now": now_ms,
    }


async def _seen_now(house: House, patients: set[str], ids: set[str], now_ms: int) -> tuple[int, int]:
    dose, now = table_of("dose_event").c, parse_instant(instant_of_ms(now_ms))
    open_ones = and_(dose.due_at >= format_instant(now - LOOKS_BACK), dose.due_at <= format_instant(now),
                     or_(dose.action.is_(None), dose.action == "undone"))
    asked = (
        select(dose.id, dose.due_at, dose.on_time_min, dose.missed_after_min, dose.action, dose.state, dose.conflict)
        .where(dose.patient_id.in_(sorted(patients)), dose.deleted == false(), or_(dose.id.in_(sorted(ids)), open_ones))
        .limit(MOST_DOSES)
    )
    async with house.database.reading() as reading:
        rows = (await reading.execute(asked)).all()
    missed = sum(_is_missed(row, now) for row in rows)
    return missed, sum(row.conflict is not None and row.id in ids for row in rows)


def _is_missed(row: Any, now: Any) -> bool:
    if row.due_at is None or row.missed_after_min is None or row.on_time_min is None:
        return False
    status = status_of(due_at=parse_instant(row.due_at), on_time_min=row.on_time_min, at=None, action=row.action,
                       missed_after_min=row.missed_after_min, state=row.state, now=now)
    return status is Status.MISSED
