"""Accounts and sessions: register, log in, refresh, log out, who am I (rules.md 20).

Each handler is one story; what a try, a session or a token is, is told in server/sign_in.py and storage/accounts.
"""

from __future__ import annotations

import secrets
from dataclasses import asdict
from typing import Any
from uuid import uuid4

from server.auth_bodies import (
    AccountAnswer,
    LoginBody,
    RefreshBody,
    RegisterBody,
    TokensAnswer,
    checked_login,
    checked_person,
)
from server.call import Answer, Auth, Call, Handler, Route
from server.limits import AUTH, REFRESH, address_key
from server.outcome import refuse_losers
from server.rates import NONE
from server.sign_in import (
    Try,
    cut,
    end_session,
    new_session,
    origin,
    refuse_wrong,
    renew_hash,
    signed_in,
    take_try,
    tokens_body,
)
from storage.accounts import guard, refresh, sessions
from storage.accounts.accounts import (
    NewAccount,
    account_of,
    create_account,
    credentials_of,
)
from storage.accounts.audit import Deed, record
from storage.accounts.founding import found_rows
from storage.accounts.sealing import SECRET_BYTES
from storage.accounts.sessions import Ended, Opened
from storage.accounts.states import OPEN
from sync.problem import Code, Refusal


async def register(call: Call) -> Answer:
    """A new account, its rows and its first session, all or nothing (R-002, R-003, F-32, F-55).

    A phone or e-mail that is taken is told as such until a code by message can tell its owner instead (S-30): an
    account that is active at once cannot be pretended.
    """
    body: RegisterBody = call.body
    person = checked_person(body, call.now_ms)
    hashed = await call.house.passwords.hash(person.password)
    new = NewAccount(str(uuid4()), body.role, person.phone, person.email, hashed,
                     body.language or call.house.settings.default_language, call.now)
    opening = new_session(new.id, body.device)

    async def once() -> Opened:
        async with call.house.database.writing() as writing:
            if not await create_account(writing, new, call.now):
                return _repeated(await sessions.opened_before(writing, opening))
            opened = await sessions.open_session(writing, opening, call.now)
            deed = Deed(new.id, new.role, "register", "account", new.id)
            await record(writing, deed, origin(call, opened.device_id), call.now)
            settlement = await found_rows(
                call.house.ledger.join(writing), call.house.kinds, call.house.rules, new, device=opened.device_id,
                session=opened.session_id, profile=_profile(body, new), patient=_patient(body), now_ms=call.now_ms)
            refuse_losers(settlement, known=True)
        return opened

    opened = await call.house.database.retrying(once)
    return Answer(201, tokens_body(call, new.id, new.role, new.language, opened))


async def login(call: Call) -> Answer:
    """Five tries in a row, then 15 minutes of rest (R-009); a wrong secret and an unknown name are one (S-30)."""
    body: LoginBody = call.body
    name, password = checked_login(body)
    tried = await _counted(call, name)
    await refuse_wrong(call, tried, password)
    held = tried.credentials
    assert held is not None, "no hash matches nothing"
    if held.state not in OPEN:
        raise Refusal(Code.LOCKED)
    renewed = await renew_hash(call, held, password)
    opening = new_session(held.account_id, body.device)

    async def once() -> tuple[Opened, str]:
        async with call.house.database.writing() as writing:
            opened = await signed_in(writing, call, held, opening, key=tried.key, renewed=renewed)
            account = await account_of(writing, held.account_id)
        assert account is not None
        return opened, account.language

    opened, language = await call.house.database.retrying(once)
    await cut(call, opened.replaced)
    return Answer(200, tokens_body(call, held.account_id, held.role, language, opened))


async def rotate(call: Call) -> Answer:
    """The next pair of tokens; an old token that comes again ends the family (R-012, S-05, S-06)."""
    body: RefreshBody = call.body
    async with call.house.database.reading() as reading:
        family = await refresh.family_of(reading, body.refresh_token)
    limits = call.house.limits
    rate = await limits.check(*((AUTH, address_key(call.ip)) if family is None else (REFRESH, family)))
    secret = secrets.token_bytes(SECRET_BYTES)

    async def once() -> refresh.Rotated | refresh.Refused:
        async with call.house.database.writing() as writing:
            rotated = await refresh.rotate(writing, body.refresh_token, body.device_id, secret, call.now)
            if isinstance(rotated, refresh.Refused) and rotated.standing is not None and rotated.ended_family:
                held = rotated.standing
                deed = Deed(held.account_id, held.role, "refresh_refused", "session", held.session_id,
                            details={"because": str(rotated.because)})
                await record(writing, deed, origin(call, body.device_id), call.now)
        return rotated

    rotated = await call.house.database.retrying(once)
    if isinstance(rotated, refresh.Refused):
        if rotated.ended_family and rotated.standing is not None:
            await cut(call, (rotated.standing.session_id,))
        raise Refusal(Code.UNAUTHENTICATED if rotated.because is refresh.Dead.UNKNOWN else Code.SESSION_ENDED)
    held = rotated.standing
    opened = Opened(held.session_id, held.device_id, rotated.refresh_token, ())
    return Answer(200, tokens_body(call, held.account_id, held.role, held.language, opened), rate)


async def logout(call: Call) -> Answer:
    """Ends this session; its tokens are dead from the next request on (F-29)."""
    await end_session(call, call.session, Ended.LOGOUT)
    return Answer(204)


async def me(call: Call) -> Answer:
    """The account behind the token, as it stands now (R-005)."""
    async with call.house.database.reading() as reading:
        account = await account_of(reading, call.user)
    if account is None:
        raise Refusal(Code.SESSION_ENDED)
    words = asdict(account)
    user_id = words.pop("id")
    return Answer(200, {"user_id": user_id, "patient_id": user_id if account.role == "patient" else None, **words,
                        "session_id": call.session, "device_id": call.device})


def _repeated(opened: Opened | None) -> Opened:
    """The names are taken: by ourselves, if the answer of a COMMIT was lost, else by another account."""
    if opened is None:
        raise Refusal(Code.ALREADY_EXISTS)
    return opened


async def _counted(call: Call, name: str) -> Try:
    async def once() -> Try:
        async with call.house.database.writing() as writing:
            held = await credentials_of(writing, name)
            key = guard.key_of_name(name) if held is None else guard.key_of_account(held.account_id)
            await take_try(writing, call, key)
        return Try(key, held)

    return await call.house.database.retrying(once)


def _profile(body: RegisterBody, new: NewAccount) -> dict[str, str]:
    return {"first_name": body.first_name, "last_name": body.last_name, "language": new.language}


def _patient(body: RegisterBody) -> dict[str, str | None]:
    return {"first_name": body.first_name, "last_name": body.last_name, "gender": body.gender,
            "birth_date": body.birth_date}


def _open(path: str, handler: Handler, summary: str, body: type, *refuses: Code, **more: Any) -> Route:
    """A door for somebody who is not signed in."""
    return Route(method="POST", path=path, handler=handler, summary=summary, tag="auth", auth=Auth.NONE, body=body,
                 refuses=(Code.INVALID, Code.TOO_MANY_REQUESTS, *refuses), **{"limit": AUTH.name, **more})


_DEAD = (Code.UNAUTHENTICATED, Code.SESSION_ENDED)

ROUTES = [
    _open("/auth/register", register, "A new account", RegisterBody, Code.ALREADY_EXISTS, Code.ROLE_NOT_OFFERED,
          Code.BUSY, answer=TokensAnswer, status=201),
    _open("/auth/login", login, "Tokens for a phone or e-mail and its password", LoginBody, Code.WRONG_CREDENTIALS,
          Code.LOCKED, Code.BUSY, answer=TokensAnswer),
    # counted by family in the handler, which alone can tell the family (S-20)
    *(_open(path, rotate, "The next pair of tokens", RefreshBody, *_DEAD, answer=TokensAnswer, limit=NONE)
      for path in ("/auth/refresh", "/auth/refresh-token")),
    Route(method="POST", path="/auth/logout", handler=logout, summary="Ends this session", tag="auth", status=204),
    Route(method="GET", path="/auth/me", handler=me, summary="The account behind the token", tag="auth",
          answer=AccountAnswer),
]
