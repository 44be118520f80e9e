"""What the supply of a patient's lines is reckoned from: its events, what was taken since, what is spoken for ahead.

Narrow columns instead of whole rows, for a line taken four times a day has thousands of doses. An answer holds only
while the reader's membership stands as it was (I-16); the lines are those the reader was shown. Reckons nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Select, and_, exists, literal, or_, select

from storage.catalogue import table_of
from storage.database import Database
from storage.ledger.audience import active
from storage.tables import membership
from sync.access import Membership, id_in

MOST_EVENTS = 5_000  # of twenty lines that are counted and fetched every week, more than two years
MOST_INTAKES = 20_000  # of twenty lines four times a day, eight months without a count

Found = Mapping[str, Any]

_EVENT = ("id", "line_id", "type", "quantity", "at", "local_date", "hlc", "days_supply")
_INTAKE = ("id", "line_id", "at", "recorded_at", "amount", "amount_due")
_SPOKEN = ("line_id", "nominal_date", "slot_key", "occurrence")


async def supply_events(database: Database, held: Membership, lines: Collection[str], now: str) -> list[Found]:
    """The events of these lines, at most MOST_EVENTS, those that came last first."""
    of = table_of("supply_event").c
    asked = _asked("supply_event", _EVENT, held, now).where(of["line_id"].in_(sorted(lines)))
    return await _read(database, asked.order_by(of["created_at"].desc(), of["id"]).limit(MOST_EVENTS), _EVENT)


async def taken_since(database: Database, held: Membership, since: Mapping[str, str], now: str) -> list[Found]:
    """The doses that stand as taken at or after each line's instant, at most MOST_INTAKES, the newest first."""
    if not since:
        return []
    of = table_of("dose_event").c
    lines = [and_(of["line_id"] == line, of["at"] >= at) for line, at in sorted(since.items())]
    asked = _asked("dose_event", _INTAKE, held, now).where(of["action"] == "taken", or_(*lines))
    return await _read(database, asked.order_by(of["at"].desc(), of["id"]).limit(MOST_INTAKES), _INTAKE)


async def spoken_for(database: Database, held: Membership, lines: Collection[str], now: str) -> list[Found]:
    """The doses due from `now` on that were taken or skipped already; the horizon bounds them."""
    of = table_of("dose_event").c
    asked = _asked("dose_event", _SPOKEN, held, now).where(
        of["line_id"].in_(sorted(lines)), of["due_at"] >= now, of["action"].in_(("taken", "skipped")))
    return await _read(database, asked.limit(MOST_INTAKES), _SPOKEN)


def _asked(kind: str, names: Sequence[str], held: Membership, now: str) -> Select[Any]:
    """Living rows of the patient whose scope is held, while it is held as it was."""
    of = table_of(kind).c
    stands = exists().where(membership.c.user_id == held.user, membership.c.scope == held.scope, active(now),
                            membership.c.view_version == held.view_version)
    living = of["deleted"] == literal(False, of["deleted"].type)
    return select(*(of[name] for name in names)).where(of["patient_id"] == id_in(held.scope), living, stands)


async def _read(database: Database, asked: Select[Any], names: Sequence[str]) -> list[Found]:
    async with database.reading() as reading:
        return [dict(zip(names, row, strict=True)) for row in await reading.execute(asked)]
