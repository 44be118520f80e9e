"""How a secret is tried and a session opened: the chapters that registration, login and a new password share.

A try is counted before the secret is looked at (R-009), the hash is made outside any transaction, and whatever was
wrong takes the same time (S-30). Knows calls and accounts; no route.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from server.auth_bodies import DeviceBody
from server.call import Call
from storage.accounts import guard, sessions
from storage.accounts.accounts import Credentials, are_still, keep_password
from storage.accounts.audit import Deed, Origin, record
from storage.accounts.sealing import SECRET_BYTES
from storage.accounts.sessions import Ended, NewSession, Opened, open_session, opened_before
from storage.database import Writing
from sync.problem import Code, Refusal
from sync.values import ms_of, parse_instant


@dataclass(frozen=True, slots=True)
class Try:
    """A try that is counted. `credentials` is None where nobody has the name."""

    key: str
    credentials: Credentials | None


def origin(call: Call, device_id: str | None = None) -> Origin:
    return Origin(call.ip, device_id or (call.caller.device if call.caller else None))


def new_session(account_id: str, device: DeviceBody) -> NewSession:
    return NewSession(str(uuid4()), account_id, device.id, str(uuid4()), device.name, device.platform,
                      secrets.token_bytes(SECRET_BYTES))


async def take_try(writing: Writing, call: Call, key: str) -> None:
    """Counts a try. Raises Refusal(LOCKED) with the time to wait; that try is not counted."""
    until = await guard.take_try(writing, key, call.now)
    if until is not None:
        wait_ms = ms_of(parse_instant(until)) - call.now_ms
        raise Refusal(Code.LOCKED, retry_after_s=max(1, -(-wait_ms // 1000)))


async def refuse_wrong(call: Call, tried: Try, password: str) -> None:
    """Checks the secret of a counted try. Raises Refusal(WRONG_CREDENTIALS) after an audited failure."""
    held = tried.credentials
    known = held is not None and held.state != "deleted"
    if await call.house.passwords.verify(held.password_hash if held and known else None, password):
        return
    deed = Deed(held.account_id if held else None, held.role if held else "", "login_failed", "account",
                held.account_id if held else None)

    async def once() -> None:
        async with call.house.database.writing() as writing:
            await record(writing, deed, origin(call), call.now)

    await call.house.database.retrying(once)
    raise Refusal(Code.WRONG_CREDENTIALS)


async def refuse_changed(writing: Writing, held: Credentials) -> None:
    if not await are_still(writing, held):
        raise Refusal(Code.BUSY, retry_after_s=1)


async def renew_hash(call: Call, held: Credentials, password: str) -> str | None:
    """A hash with today's parameters, if the kept one has others."""
    outdated = held.password_hash is not None and call.house.passwords.is_outdated(held.password_hash)
    return await call.house.passwords.hash(password) if outdated else None


async def signed_in(
    writing: Writing, call: Call, held: Credentials, opening: NewSession, *, key: str, renewed: str | None
) -> Opened:
    """The right secret: earlier failures are forgotten, a session is open, and a line says so. Raises Refusal(BUSY) if
    the account changed while the secret was checked."""
    before = await opened_before(writing, opening)
    if before is not None:
        return before
    await refuse_changed(writing, held)
    await guard.forget_tries(writing, key)
    if renewed is not None:
        await keep_password(writing, opening.account_id, renewed)
    opened = await open_session(writing, opening, call.now)
    deed = Deed(opening.account_id, held.role, "login", "session", opened.session_id)
    await record(writing, deed, origin(call, opened.device_id), call.now)
    return opened


def tokens_body(call: Call, user: str, role: str, language: str, opened: Opened) -> Mapping[str, Any]:
    """What a device gets (TokensAnswer)."""
    minted = call.house.tokens.mint(
        user=user, session=opened.session_id, device=opened.device_id, role=role, language=language,
        jti=str(uuid4()), now_ms=call.now_ms,
    )
    return {
        "user_id": user, "patient_id": user if role == "patient" else None, "device_id": opened.device_id,
        "access_token": minted.token, "token_type": "Bearer", "expires_in": minted.expires_in,
        "refresh_token": opened.refresh_token,
    }


async def end_session(call: Call, session_id: str, because: Ended) -> bool:
    """Ends one of the caller's own sessions, with a line that says so. False if there is none such."""

    async def once() -> bool:
        async with call.house.database.writing() as writing:
            ended = await sessions.end_session(writing, call.user, session_id, because, call.now)
            if ended:
                deed = Deed(call.user, call.who.role, "session_ended", "session", session_id,
                            details={"because": str(because)})
                await record(writing, deed, origin(call), call.now)
        return ended

    ended = await call.house.database.retrying(once)
    if ended:
        await cut(call, (session_id,))
    return ended


async def cut(call: Call, session_ids: tuple[str, ...]) -> None:
    """After commit: their sockets are cut at once; where this fails, within 2 s by their own look-up (S-09)."""
    for session_id in session_ids:
        await call.house.live.end_session(session_id)
