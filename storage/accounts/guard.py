"""How often a secret was guessed: five tries in a row, then 15 minutes without new logins (R-009, S-04).

A try is counted before the secret is checked, so that parallel guesses cannot outrun the count, and one that was right
wipes it. Names that nobody has are counted alike, or the lock would tell who has an account (S-30). Sessions that are
open stay open (S-07). Knows keys; never a secret.
"""

from __future__ import annotations

import hashlib

from sqlalchemy import delete, select, update
from sqlalchemy.dialects.postgresql import insert  # compiles alike for SQLite, whose upsert is the same

from storage.accounts.moments import LOCK, TRIES_FORGOTTEN, earlier, later
from storage.accounts.tables import login_guard
from storage.database import Writing

TRIES = 5


def key_of_account(account_id: str) -> str:
    return f"account:{account_id}"


def key_of_name(name: str) -> str:
    """For a canonical name that no account has; hashed, for it may be somebody's all the same."""
    return f"name:{hashlib.sha256(name.encode()).hexdigest()}"


async def take_try(writing: Writing, key: str, now: str) -> str | None:
    """Counts one try. Returns until when tries are refused, or None if this one may be made.

    The fifth arms the lock before it is checked: a process that dies in between leaves the door shut, not open.
    """
    fresh = insert(login_guard).values(key=key, tries=0, last_at=now).on_conflict_do_nothing(index_elements=["key"])
    await writing.execute(fresh)
    held = select(login_guard).where(login_guard.c.key == key).with_for_update()
    row = (await writing.execute(held)).one()
    if row.locked_until is not None and row.locked_until > now:
        return str(row.locked_until)
    over = row.locked_until is not None or row.last_at < earlier(now, TRIES_FORGOTTEN)
    tries = 1 if over else row.tries + 1
    locked_until = later(now, LOCK) if tries >= TRIES else None
    await writing.execute(update(login_guard).where(login_guard.c.key == key).values(
        tries=tries, locked_until=locked_until, last_at=now))
    return None


async def forget_tries(writing: Writing, key: str) -> None:
    """The secret was right: the row of failures is over."""
    await writing.execute(delete(login_guard).where(login_guard.c.key == key))


async def sweep_guards(writing: Writing, now: str) -> None:
    """Drops counts that no longer matter. Safe at any time; the worker does it now and then."""
    await writing.execute(delete(login_guard).where(login_guard.c.last_at < earlier(now, TRIES_FORGOTTEN)))
