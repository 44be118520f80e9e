"""Sessions: opened by a login, looked up at every request, ended one by one or all at once (S-01, S-07, S-08).

One (account, device) has one live session. Ended sessions stay as rows. Knows accounts' states; never a token's text.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import ColumnElement, and_, func, insert, select, update

from storage.accounts.devices import claim_device
from storage.accounts.moments import REFRESH_LIFE, earlier, later
from storage.accounts.sealing import digest_of, token_of
from storage.accounts.states import OPEN
from storage.accounts.tables import account, refresh_token, session
from storage.catalogue import table_of
from storage.database import Reading, Writing

MAX_LISTED = 100
profile = table_of("profile")


class Ended(StrEnum):
    """Why a session is over."""

    LOGOUT = "logout"
    REPLACED = "replaced"  # the same device logged in anew
    REUSE = "reuse"  # a refresh token came a second time (S-06)
    WRONG_DEVICE = "wrong_device"  # a refresh token came from another device
    USER = "user"  # ended from another device (S-08)
    PASSWORD = "password"
    ROLE = "role"
    LOCKED = "locked"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True)
class NewSession:
    """What a login brings. `device_id` is the one asked for; `spare_device_id` is taken where it cannot be given."""

    id: str
    account_id: str
    device_id: str | None
    spare_device_id: str
    device_name: str
    platform: str
    secret: bytes  # 32 random bytes: the first refresh token


@dataclass(frozen=True, slots=True)
class Opened:
    """`replaced` are the sessions of the same device that this login ended."""

    session_id: str
    device_id: str
    refresh_token: str
    replaced: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """Who a session speaks for, as the database says now: rights come from here, never from a token (S-01)."""

    session_id: str
    account_id: str
    device_id: str
    role: str
    state: str
    language: str


@dataclass(frozen=True, slots=True)
class Listed:
    """A live session as its owner sees it. Instants are canonical."""

    session_id: str
    device_id: str
    device_name: str
    platform: str
    created_at: str
    last_used_at: str


async def open_session(writing: Writing, new: NewSession, now: str) -> Opened:
    """Begins a refresh family on the device and ends the device's earlier one.

    Repeated with the same `new`, because the answer of its COMMIT was lost, it tells the same.
    """
    before = await opened_before(writing, new)
    if before is not None:
        return before
    device_id = await claim_device(writing, new.account_id, new.device_id, new.spare_device_id, now)
    earlier_ones = and_(session.c.account_id == new.account_id, session.c.device_id == device_id)
    replaced = await _end(writing, earlier_ones, Ended.REPLACED, now)
    await writing.execute(insert(session).values(
        id=new.id, account_id=new.account_id, device_id=device_id, device_name=new.device_name,
        platform=new.platform, created_at=now, last_used_at=now))
    token = token_of(new.secret)
    await writing.execute(insert(refresh_token).values(
        digest=digest_of(token), session_id=new.id, number=1, issued_at=now, expires_at=later(now, REFRESH_LIFE)))
    return Opened(new.id, device_id, token, replaced)


async def opened_before(reading: Reading, new: NewSession) -> Opened | None:
    """This very session, if an earlier try of the same transaction was committed after all."""
    asked = select(session.c.device_id).where(session.c.id == new.id, session.c.account_id == new.account_id)
    device_id = (await reading.execute(asked)).scalar_one_or_none()
    return None if device_id is None else Opened(new.id, device_id, token_of(new.secret), ())


async def standing(reading: Reading, session_id: str) -> Standing | None:
    """The session's account and device; None if it is over or its account is shut (S-01, F-29)."""
    asked = (
        select(session.c.id.label("session_id"), session.c.account_id, session.c.device_id, account.c.role,
               account.c.state, func.coalesce(profile.c.language, account.c.language).label("language"))
        .join(account, account.c.id == session.c.account_id).outerjoin(profile, profile.c.id == account.c.id)
        .where(session.c.id == session_id, session.c.ended_at.is_(None), account.c.state.in_(OPEN))
    )
    row = (await reading.execute(asked)).one_or_none()
    return None if row is None else Standing(**row._mapping)


async def open_sessions(reading: Reading, session_ids: Collection[str]) -> set[str]:
    """Which of these are still open (S-09)."""
    asked = (
        select(session.c.id).join(account, account.c.id == session.c.account_id)
        .where(session.c.id.in_(list(session_ids)), session.c.ended_at.is_(None), account.c.state.in_(OPEN))
    )
    return set((await reading.execute(asked)).scalars())


async def sessions_of(reading: Reading, account_id: str, now: str) -> list[Listed]:
    """The account's live sessions, the last used first (S-08)."""
    asked = (
        select(session.c.id.label("session_id"), session.c.device_id, session.c.device_name, session.c.platform,
               session.c.created_at, session.c.last_used_at)
        .where(session.c.account_id == account_id, session.c.ended_at.is_(None),
               session.c.last_used_at > earlier(now, REFRESH_LIFE))
        .order_by(session.c.last_used_at.desc(), session.c.id).limit(MAX_LISTED)
    )
    return [Listed(**row._mapping) for row in await reading.execute(asked)]


async def end_session(writing: Writing, account_id: str, session_id: str, because: Ended, now: str) -> bool:
    """Ends one session of this account, its refresh tokens with it. False if there was none to end."""
    return bool(await _end(writing, and_(session.c.account_id == account_id, session.c.id == session_id), because, now))


async def end_user_sessions(writing: Writing, account_id: str, because: Ended, now: str) -> tuple[str, ...]:
    """Ends all sessions of an account (R-013, S-07); returns their ids, so that their sockets are cut."""
    return await _end(writing, session.c.account_id == account_id, because, now)


async def _end(writing: Writing, which: ColumnElement[bool], because: Ended, now: str) -> tuple[str, ...]:
    ended = await writing.execute(
        update(session).where(which, session.c.ended_at.is_(None))
        .values(ended_at=now, ended_because=because.value).returning(session.c.id)
    )
    ids = tuple(sorted(ended.scalars()))
    if ids:
        await writing.execute(update(refresh_token).where(refresh_token.c.session_id.in_(ids)).values(
            sealed=None, sealed_until=None))
    return ids
