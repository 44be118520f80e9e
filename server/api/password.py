"""A new password for somebody who is signed in and knows the old one (R-013, S-07, S-08)."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select

from server.auth_bodies import ChangePasswordBody, checked_password, words_of_names
from server.call import Answer, Call, Route
from server.limits import AUTH
from server.password_rules import check_new_password
from server.passwords import normal_password
from server.sign_in import Try, cut, origin, refuse_changed, refuse_wrong, take_try
from storage.accounts import guard, sessions
from storage.accounts.accounts import account_of, credentials_of_account, keep_password
from storage.accounts.audit import Deed, record
from storage.accounts.sessions import Ended
from storage.catalogue import table_of
from storage.database import Reading
from sync.problem import Code

NAMES = ("first_name", "last_name", "name_km")


async def change_password(call: Call) -> Answer:
    """Needs the old password and ends every session, this one too (R-013, S-07, S-08)."""
    body: ChangePasswordBody = call.body
    old = checked_password("old_password", normal_password, body.old_password)
    tried = await _counted_own(call)
    await refuse_wrong(call, tried, old)
    async with call.house.database.reading() as reading:
        own = await _own_words(reading, call.user)
    new = checked_password("new_password", lambda text: check_new_password(text, own), body.new_password)
    hashed = await call.house.passwords.hash(new)

    held = tried.credentials
    assert held is not None, "no hash matches nothing"

    async def once() -> tuple[str, ...]:
        async with call.house.database.writing() as writing:
            if await credentials_of_account(writing, call.user) == replace(held, password_hash=hashed):
                return ()  # done before: the answer of that COMMIT was lost
            await refuse_changed(writing, held)
            await guard.forget_tries(writing, tried.key)
            await keep_password(writing, call.user, hashed)
            ended = await sessions.end_user_sessions(writing, call.user, Ended.PASSWORD, call.now)
            await record(writing, Deed(call.user, call.who.role, "password_changed", "account", call.user),
                         origin(call), call.now)
        return ended

    await cut(call, await call.house.database.retrying(once))
    return Answer(204)


async def _counted_own(call: Call) -> Try:
    async def once() -> Try:
        key = guard.key_of_account(call.user)
        async with call.house.database.writing() as writing:
            await take_try(writing, call, key)
            return Try(key, await credentials_of_account(writing, call.user))

    return await call.house.database.retrying(once)


async def _own_words(reading: Reading, user: str) -> list[str]:
    profile = table_of("profile")
    names = (await reading.execute(select(*(profile.c[name] for name in NAMES)).where(profile.c.id == user))).first()
    account = await account_of(reading, user)
    return [*(names or ()), *(words_of_names(account.phone, account.email) if account else ())]


ROUTES = [
    Route(method="POST", path="/auth/change-password", handler=change_password, tag="auth", status=204,
          summary="A new password; every session ends", body=ChangePasswordBody, limit=AUTH.name,
          refuses=(Code.INVALID, Code.WRONG_CREDENTIALS, Code.LOCKED, Code.BUSY, Code.TOO_MANY_REQUESTS)),
]
