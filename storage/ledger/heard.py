"""Until when a patient's own phones have been heard: before that, an unrecorded dose is known to have none (N-01).

A phone that recorded something lately may hold more that it could not send; one push after the due time, an empty one
too, says that it does not (DESIGN.md 11). Knows batches and their times; never a dose.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import func, select

from storage.database import Database
from storage.tables import batch, change
from sync.values import format_instant, parse_instant

RECORDS_WITHIN = timedelta(days=7)


async def silent_since(database: Database, patient: str, now: str) -> str | None:
    """When the phone that has been silent longest was last heard, among those of this account that recorded something
    within RECORDS_WITHIN; if all have been silent longer than that, when one last recorded something. None of an
    account that never did. Instants are canonical."""
    since = format_instant(parse_instant(now) - RECORDS_WITHIN)
    recording = select(change.c.device_id).where(change.c.user_id == patient, change.c.received_at >= since)
    last = (select(func.max(batch.c.received_at).label("at"))
            .where(batch.c.user_id == patient, batch.c.device_id.in_(recording), batch.c.received_at >= since)
            .group_by(batch.c.device_id)).subquery()
    ever = select(func.max(change.c.received_at)).where(change.c.user_id == patient)
    lately = select(func.min(last.c.at))
    async with database.reading() as reading:
        found: str | None = (await reading.execute(
            select(func.coalesce(lately.scalar_subquery(), ever.scalar_subquery())))).scalar_one()
    return found
