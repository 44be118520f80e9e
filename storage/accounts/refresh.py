"""Refresh tokens follow one another: each is used once, and one that comes again ends the family (R-012, S-05, S-06).

The one exception is a lost reply: the predecessor, again within 30 seconds from the same device while its successor is
unused, gets the same successor. The family's session row is locked first, so that parallel refreshes leave one lineage
(I-25). A dead token is a value, for its consequences must be committed.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import delete, insert, select, update

from storage.accounts.moments import FAMILY_LIFE, LOST_REPLY, REFRESH_LIFE, earlier, later
from storage.accounts.sealing import digest_of, seal, token_of, unseal
from storage.accounts.sessions import Ended, Standing, end_session, standing
from storage.accounts.tables import refresh_token, session
from storage.database import Reading, Writing


class Dead(StrEnum):
    """Why a refresh token gives nothing."""

    UNKNOWN = "unknown"
    OVER = "over"  # the session ended, or its account is shut
    EXPIRED = "expired"
    REUSED = "reused"  # ended the family
    WRONG_DEVICE = "wrong_device"  # ended the family


@dataclass(frozen=True, slots=True)
class Rotated:
    """`healed`: the reply was lost, and this is the successor of before."""

    standing: Standing
    refresh_token: str
    healed: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """`standing` names the session where the token was once real."""

    because: Dead
    standing: Standing | None = None

    @property
    def ended_family(self) -> bool:
        return self.because in (Dead.REUSED, Dead.WRONG_DEVICE)


async def rotate(writing: Writing, presented: str, device_id: str, secret: bytes, now: str) -> Rotated | Refused:
    """Uses a refresh token; `secret` (32 random bytes) becomes the next one. Ends the family at a reuse."""
    session_id = await family_of(writing, presented)
    if session_id is None:
        return Refused(Dead.UNKNOWN)
    await writing.execute(select(session.c.id).where(session.c.id == session_id).with_for_update())
    # A statement of its own: one that waited for the lock would still show the family as it was before.
    token = (await writing.execute(select(refresh_token).where(refresh_token.c.digest == digest_of(presented)))).one()
    holder = await standing(writing, session_id)
    if holder is None:
        return Refused(Dead.OVER)
    if device_id != holder.device_id:
        return await _ended(writing, holder, Dead.WRONG_DEVICE, Ended.WRONG_DEVICE, now)
    if token.used_at is not None:
        return await _again(writing, holder, token, presented, now)
    if token.expires_at <= now:
        return Refused(Dead.EXPIRED, holder)
    return await _followed(writing, holder, token, presented, token_of(secret), now)


async def family_of(reading: Reading, presented: str) -> str | None:
    asked = select(refresh_token.c.session_id).where(refresh_token.c.digest == digest_of(presented))
    found: str | None = (await reading.execute(asked)).scalar_one_or_none()
    return found


async def _again(writing: Writing, holder: Standing, token: Any, presented: str, now: str) -> Rotated | Refused:
    """A used token: a lost reply, or a theft. The successor's first use has wiped `sealed`."""
    if token.sealed is not None and token.sealed_until > now:
        return Rotated(holder, unseal(presented, token.sealed), healed=True)
    return await _ended(writing, holder, Dead.REUSED, Ended.REUSE, now)


async def _followed(
    writing: Writing, holder: Standing, token: Any, presented: str, successor: str, now: str
) -> Rotated:
    family = refresh_token.c.session_id == holder.session_id
    await writing.execute(update(refresh_token).where(family, refresh_token.c.sealed.is_not(None)).values(
        sealed=None, sealed_until=None))
    await writing.execute(update(refresh_token).where(refresh_token.c.digest == token.digest).values(
        used_at=now, sealed=seal(presented, successor), sealed_until=later(now, LOST_REPLY)))
    began = (await writing.execute(select(session.c.created_at).where(session.c.id == holder.session_id))).scalar_one()
    await writing.execute(insert(refresh_token).values(
        digest=digest_of(successor), session_id=holder.session_id, number=token.number + 1, issued_at=now,
        expires_at=min(later(now, REFRESH_LIFE), later(began, FAMILY_LIFE))))
    await writing.execute(update(session).where(session.c.id == holder.session_id).values(last_used_at=now))
    return Rotated(holder, successor, healed=False)


async def _ended(writing: Writing, holder: Standing, dead: Dead, because: Ended, now: str) -> Refused:
    await end_session(writing, holder.account_id, holder.session_id, because, now)
    return Refused(dead, holder)


async def sweep_tokens(writing: Writing, now: str) -> None:
    """Wipes successors sealed for longer than 30 seconds and forgets tokens older than any family can be."""
    await writing.execute(update(refresh_token).where(refresh_token.c.sealed_until <= now).values(
        sealed=None, sealed_until=None))
    await writing.execute(delete(refresh_token).where(refresh_token.c.issued_at < earlier(now, FAMILY_LIFE)))
