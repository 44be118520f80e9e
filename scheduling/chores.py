"""What time alone clears away: stored answers, tombstones, spent tokens and guards. Never a row a person wrote.

Each life has its name; what is cleared was said to end when it was made (R-195, R-202). Any number may do it.
"""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import delete

from storage.accounts.guard import sweep_guards
from storage.accounts.refresh import sweep_tokens
from storage.database import Database
from storage.ledger.ledger import Ledger
from storage.ledger.tombstones import TOMBSTONE_DAYS, purge
from storage.tables import batch, outbox
from sync.values import format_instant, parse_instant

ANSWER_DAYS = 30  # a batch repeated later is judged by its changes' ids (R-195)
DONE_DAYS = 7  # of outbox rows that were followed


async def clear_away(database: Database, ledger: Ledger, now: str) -> int:
    """One round; answers how many tombstones went. `now` is a canonical instant."""
    async with database.writing() as writing:
        await sweep_guards(writing, now)
        await sweep_tokens(writing, now)
        await writing.execute(delete(batch).where(batch.c.received_at < before(now, ANSWER_DAYS)))
        await writing.execute(delete(outbox).where(outbox.c.done_at < before(now, DONE_DAYS)))
    return await purge(database, ledger.shelves, before(now, TOMBSTONE_DAYS))


def before(now: str, days: int) -> str:
    return format_instant(parse_instant(now) - timedelta(days=days))
