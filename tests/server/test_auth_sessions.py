"""Sessions through the real door on both engines: refresh, logout, new password, locks, rates (F-29, I-25)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import uuid4

import pytest
from sqlalchemy import func, select

from server.passwords import Passwords
from storage.accounts import tables
from storage.accounts.accounts import keep_password
from tests.server import auth_stage
from tests.server.auth_stage import MINUTE_MS, PASSWORD, Doors, rows
from tests.storage.databases import migrated, migrated_postgres, migrated_sqlite  # noqa: F401 — fixtures


@pytest.fixture
async def doors(migrated: str) -> AsyncIterator[Doors]:  # noqa: F811
    async with auth_stage.opened(migrated) as one:
        yield one


async def test_i25_twenty_refreshes_at_once_leave_one_lineage_and_a_reuse_ends_it(doors: Doors) -> None:
    sokha = await doors.registered()
    replies = await asyncio.gather(*(doors.refreshed(sokha) for _ in range(20)))
    assert {reply.status for reply in replies} == {200}
    assert len({reply.body["refresh_token"] for reply in replies}) == 1
    successor = dict(replies[0].body)
    later = await doors.refreshed(successor)
    assert later.status == 200
    stolen = await doors.refreshed(sokha)
    assert (stolen.status, stolen.code) == (401, "session_ended")
    for tokens in (successor, later.body):
        assert (await doors.refreshed(tokens)).code == "session_ended"
    assert (await doors.ask("GET", "/auth/me", token=later.body["access_token"])).code == "session_ended"
    refused = [line for line in await rows(doors, tables.audit) if line["action"] == "refresh_refused"]
    assert [line["details"] for line in refused] == [{"because": "reused"}]


async def test_s20_refreshes_are_counted_by_family_and_guesses_by_address(doors: Doors) -> None:
    tokens = await doors.registered()
    for _ in range(30):
        reply = await doors.refreshed(tokens)
        assert reply.status == 200
        tokens = reply.body
    assert (await doors.refreshed(tokens)).status == 429
    guess = {"refresh_token": "x" * 43, "device_id": str(uuid4())}
    replies = [await doors.post("/auth/refresh-token", guess, address="203.0.113.7") for _ in range(6)]
    assert [reply.status for reply in replies] == [401] * 5 + [429]


async def test_f29_after_logout_every_token_of_the_session_is_dead(doors: Doors) -> None:
    await doors.registered()
    phone, tablet = await doors.logged_in(), await doors.logged_in()
    assert (await doors.post("/auth/logout", token=phone["access_token"])).status == 204
    assert (await doors.ask("GET", "/auth/me", token=phone["access_token"])).code == "session_ended"
    push = {"device_id": phone["device_id"], "batch_id": str(uuid4()), "changes": []}
    assert (await doors.post("/sync/push", push, token=phone["access_token"])).code == "session_ended"
    assert (await doors.refreshed(phone)).code == "session_ended"
    assert (await doors.ask("GET", "/auth/me", token=tablet["access_token"])).status == 200


async def test_f29_s07_a_new_password_ends_every_session_and_the_old_one_opens_nothing(doors: Doors) -> None:
    first = await doors.registered()
    phone = await doors.logged_in()
    body = {"old_password": PASSWORD, "new_password": "eight buffaloes swim"}

    async def changed(**more: str) -> auth_stage.Reply:
        return await doors.post("/auth/change-password", {**body, **more}, token=phone["access_token"])

    assert (await changed(old_password="not this one")).code == "wrong_credentials"
    assert (await changed(new_password="Sokha1990")).fields == {"new_password": "password.common"}
    assert (await changed()).status == 204
    for tokens in (first, phone):
        assert (await doors.ask("GET", "/auth/me", token=tokens["access_token"])).code == "session_ended"
        assert (await doors.refreshed(tokens)).code == "session_ended"
    assert (await doors.post("/auth/login", {"phone": "012345678", "password": PASSWORD})).code == "wrong_credentials"
    assert (await doors.post("/auth/login", {"phone": "012345678", "password": body["new_password"]})).status == 200


async def test_s08_own_sessions_are_listed_and_ended_from_another_device(doors: Doors) -> None:
    await doors.registered()
    vuthy = await doors.registered(phone="012 999 999")
    phone = await doors.logged_in()
    listed = await doors.ask("GET", "/auth/sessions", token=phone["access_token"])
    assert [one["current"] for one in listed.body["items"]].count(True) == 1
    other = next(one["session_id"] for one in listed.body["items"] if not one["current"])
    denied = await doors.ask("DELETE", f"/auth/sessions/{other}", token=vuthy["access_token"])
    assert (denied.status, denied.code) == (404, "not_found")
    assert (await doors.ask("DELETE", f"/auth/sessions/{other}", token=phone["access_token"])).status == 204
    left = await doors.ask("GET", "/auth/sessions", token=phone["access_token"])
    assert [one["current"] for one in left.body["items"]] == [True]


async def test_r005_a_locked_account_is_out_at_its_next_request_and_told_so_only_with_its_secret(doors: Doors) -> None:
    sokha = await doors.registered()
    async with doors.server.house.database.writing() as writing:
        await writing.execute(tables.account.update().values(state="locked"))
    assert (await doors.ask("GET", "/auth/me", token=sokha["access_token"])).code == "session_ended"
    assert (await doors.refreshed(sokha)).code == "session_ended"
    guess = await doors.post("/auth/login", {"phone": "012345678", "password": "not this one"})
    assert guess.code == "wrong_credentials"
    assert (await doors.post("/auth/login", {"phone": "012345678", "password": PASSWORD})).code == "locked"


async def test_r400_the_sixth_login_of_an_address_in_a_minute_waits_whoever_it_asks_for(doors: Doors) -> None:
    body = {"phone": "012 000 111", "password": PASSWORD}
    replies = [await doors.post("/auth/login", body, address="203.0.113.7") for _ in range(6)]
    assert [reply.status for reply in replies] == [401] * 5 + [429]
    assert replies[5].headers["X-RateLimit-Limit"] == "5" and int(replies[5].headers["Retry-After"]) <= 60
    async with doors.server.house.database.reading() as reading:
        tries = select(func.sum(tables.login_guard.c.tries))
        assert (await reading.execute(tries)).scalar_one() == 5, "a refused request costs nothing"


async def test_r011_an_access_token_expires_and_a_refresh_goes_on(doors: Doors) -> None:
    sokha = await doors.registered()
    doors.now_ms += 16 * MINUTE_MS
    assert (await doors.ask("GET", "/auth/me", token=sokha["access_token"])).code == "token_expired"
    again = await doors.refreshed(sokha)
    assert (await doors.ask("GET", "/auth/me", token=again.body["access_token"])).status == 200


class Meanwhile(Passwords):
    """Real hashing that counts how often it verified, and lets something happen right after."""

    verified = 0
    happens: Callable[[], Awaitable[None]] | None = None

    async def verify(self, password_hash: str | None, password: str) -> bool:
        right = await super().verify(password_hash, password)
        self.verified += 1
        happens, self.happens = self.happens, None
        if happens is not None:
            await happens()
        return right


async def test_s07_a_password_that_changed_while_the_old_one_was_checked_opens_nothing(migrated: str) -> None:  # noqa: F811
    hashing = Meanwhile()
    async with auth_stage.opened(migrated, hashing=hashing) as doors:
        sokha = await doors.registered()

        async def changed() -> None:
            async with doors.server.house.database.writing() as writing:
                await keep_password(writing, sokha["user_id"], await hashing.hash("eight buffaloes swim"))

        hashing.happens = changed
        login = {"phone": "012345678", "password": PASSWORD}
        first = await doors.post("/auth/login", login)
        assert (first.status, first.code) == (503, "busy")
        assert (await doors.post("/auth/login", login)).code == "wrong_credentials"
        assert len(await rows(doors, tables.session)) == 1


async def test_s30_an_unknown_name_costs_one_verification_as_a_wrong_secret_does(migrated: str) -> None:  # noqa: F811
    hashing = Meanwhile()
    async with auth_stage.opened(migrated, hashing=hashing) as doors:
        await doors.registered()
        for phone in ("012345678", "012999999"):
            before = hashing.verified
            await doors.post("/auth/login", {"phone": phone, "password": "not this one"})
            assert hashing.verified == before + 1
