"""Accounts, devices, sessions, guards and audit, on SQLite and on PostgreSQL alike."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import DBAPIError

from storage.accounts import accounts, guard, sessions, tables
from storage.accounts.audit import Deed, Origin, record
from storage.accounts.moments import later
from storage.accounts.sessions import Ended
from storage.database import Database
from tests.storage import accounts_stage as stage
from tests.storage.accounts_stage import NOW, added, logged_in, person, uid
from tests.storage.databases import migrated, migrated_postgres, migrated_sqlite  # noqa: F401 — fixtures


@pytest.fixture
async def database(migrated: str) -> AsyncIterator[Database]:  # noqa: F811
    async with stage.opened(migrated) as one:
        yield one


async def test_r006_a_phone_or_an_address_belongs_to_one_account(database: Database) -> None:
    sokha = person("+85512345678", "sokha@example.com")
    assert await added(database, sokha)
    assert not await added(database, person("+85512345678"))
    assert not await added(database, person(None, "sokha@example.com"))
    assert await added(database, person(None, "dara@example.com"))
    assert await added(database, person(None, "maly@example.com"))
    async with database.reading() as reading:
        for name in ("+85512345678", "sokha@example.com"):
            found = await accounts.credentials_of(reading, name)
            assert found is not None and found.account_id == sokha.id
        assert await accounts.credentials_of(reading, "+85512345679") is None
        account = await accounts.account_of(reading, sokha.id)
        assert await accounts.account_of(reading, uid()) is None
    assert account is not None and (account.state, account.phone_verified) == ("active", False)


async def test_r002_a_doctor_begins_pending(database: Database) -> None:
    lim = person(role="doctor")
    assert await added(database, lim)
    opened = await logged_in(database, lim.id)
    async with database.reading() as reading:
        holder = await sessions.standing(reading, opened.session_id)
    assert holder is not None and (holder.role, holder.state) == ("doctor", "pending_verification")


async def test_r015_a_second_account_on_a_phone_gets_a_device_id_of_its_own_and_always_the_same(
    database: Database,
) -> None:
    sokha, dara, phone = uid(), uid(), uid()
    first = await logged_in(database, sokha, phone)
    assert first.device_id == phone
    others = [await logged_in(database, dara, phone) for _ in range(2)]
    assert others[0].device_id == others[1].device_id != phone
    again = await logged_in(database, dara, others[0].device_id)
    assert again.device_id == others[0].device_id
    assert (await logged_in(database, sokha, phone)).device_id == phone


async def test_a_device_without_an_id_is_given_one(database: Database) -> None:
    sokha = uid()
    one, other = await logged_in(database, sokha), await logged_in(database, sokha)
    assert one.device_id != other.device_id
    assert not other.replaced


async def test_two_accounts_that_bring_one_device_id_at_once_never_share_it(database: Database) -> None:
    phone, people = uid(), [uid() for _ in range(6)]
    opened = await asyncio.gather(*(logged_in(database, one, phone) for one in people))
    assert len({one.device_id for one in opened}) == len(people)
    assert sum(one.device_id == phone for one in opened) == 1


async def test_a_device_has_one_live_session_and_other_devices_keep_theirs(database: Database) -> None:
    sokha = person()
    await added(database, sokha)
    phone, tablet = await logged_in(database, sokha.id, uid()), await logged_in(database, sokha.id, uid())
    anew = await logged_in(database, sokha.id, phone.device_id)
    assert anew.replaced == (phone.session_id,)
    async with database.reading() as reading:
        ids = [phone.session_id, tablet.session_id, anew.session_id, uid()]
        assert await sessions.open_sessions(reading, ids) == {tablet.session_id, anew.session_id}
        assert await sessions.standing(reading, phone.session_id) is None


async def test_f29_a_shut_account_has_no_standing_whatever_its_sessions_say(database: Database) -> None:
    sokha = person()
    await added(database, sokha)
    opened = await logged_in(database, sokha.id)
    for state, open_ in (("locked", False), ("deleted", False), ("active", True)):
        async with database.writing() as writing:
            await accounts.change_state(writing, sokha.id, state)
        async with database.reading() as reading:
            assert (await sessions.standing(reading, opened.session_id) is not None) is open_
            assert bool(await sessions.open_sessions(reading, [opened.session_id])) is open_


async def test_s08_a_person_lists_own_sessions_and_ends_one_but_nobody_elses(database: Database) -> None:
    sokha, vuthy = person(), person("+85512999999")
    await added(database, sokha)
    await added(database, vuthy)
    phone = await logged_in(database, sokha.id, uid())
    old = await logged_in(database, sokha.id, uid(), "2026-11-01T00:00:00+00:00")
    async with database.reading() as reading:
        listed = await sessions.sessions_of(reading, sokha.id, NOW)
    assert [one.session_id for one in listed] == [phone.session_id], "a week without refresh is no live session"
    assert old.session_id != phone.session_id
    async with database.writing() as writing:
        assert not await sessions.end_session(writing, vuthy.id, phone.session_id, Ended.USER, NOW)
        assert await sessions.end_session(writing, sokha.id, phone.session_id, Ended.USER, NOW)
        assert not await sessions.end_session(writing, sokha.id, phone.session_id, Ended.USER, NOW)


async def test_s07_all_sessions_of_a_user_end_at_once_and_nobody_elses(database: Database) -> None:
    sokha, dara = person(), person("+85512999999")
    await added(database, sokha)
    await added(database, dara)
    hers = [await logged_in(database, sokha.id, uid()) for _ in range(3)]
    his = await logged_in(database, dara.id, uid())
    async with database.writing() as writing:
        ended = await sessions.end_user_sessions(writing, sokha.id, Ended.PASSWORD, NOW)
    assert set(ended) == {one.session_id for one in hers}
    async with database.reading() as reading:
        assert await sessions.open_sessions(reading, [*ended, his.session_id]) == {his.session_id}
        reasons = select(tables.session.c.ended_because).where(tables.session.c.account_id == sokha.id)
        assert set((await reading.execute(reasons)).scalars()) == {"password"}


async def tried(database: Database, key: str, now: str = NOW) -> bool:
    async with database.writing() as writing:
        return await guard.take_try(writing, key, now) is None


@pytest.mark.parametrize("key", [guard.key_of_account("a"), guard.key_of_name("+85512345678")])
async def test_r009_the_sixth_try_is_refused_for_15_minutes_for_accounts_and_for_names_nobody_has(
    database: Database, key: str
) -> None:
    assert [await tried(database, key) for _ in range(7)] == [True] * 5 + [False] * 2
    assert not await tried(database, key, "2026-11-21T02:14:59.999999+00:00")
    assert await tried(database, key, "2026-11-21T02:15:00+00:00"), "refused tries do not prolong the wait"
    assert [await tried(database, key, "2026-11-21T02:15:00+00:00") for _ in range(5)] == [True] * 4 + [False]


async def test_r009_parallel_guesses_do_not_outrun_the_count(database: Database) -> None:
    allowed = await asyncio.gather(*(tried(database, "account:a") for _ in range(20)))
    assert sum(allowed) == 5


async def test_r009_the_right_secret_forgets_earlier_failures_and_so_does_a_day(database: Database) -> None:
    for _ in range(4):
        await tried(database, "account:a")
    async with database.writing() as writing:
        await guard.forget_tries(writing, "account:a")
    assert [await tried(database, "account:a") for _ in range(4)] == [True] * 4
    tomorrow = "2026-11-22T02:00:01+00:00"
    assert [await tried(database, "account:a", tomorrow) for _ in range(6)] == [True] * 5 + [False]


async def test_swept_guards_are_those_that_no_longer_matter(database: Database) -> None:
    await tried(database, "account:a", "2026-11-19T00:00:00+00:00")
    for _ in range(5):
        await tried(database, "account:b")
    async with database.writing() as writing:
        await guard.sweep_guards(writing, later(NOW, guard.LOCK / 2))
        left = (await writing.execute(select(tables.login_guard.c.key))).scalars().all()
    assert left == ["account:b"]


async def test_r380_an_audit_line_is_kept_with_its_origin_and_never_changes(database: Database) -> None:
    async with database.writing() as writing:
        deed = Deed(uid(), "patient", "login", "session", "s1", details={"by": "phone"})
        await record(writing, deed, Origin("203.0.113.7", uid()), NOW)
    for statement in (update(tables.audit).values(action="nothing"), delete(tables.audit)):
        with pytest.raises(DBAPIError, match="insert-only"):
            async with database.writing() as writing:
                await writing.execute(statement)
    async with database.reading() as reading:
        row = (await reading.execute(select(tables.audit))).one()
        assert (await reading.execute(select(func.count()).select_from(tables.audit))).scalar_one() == 1
    assert (row.action, row.details, row.ip, row.acted_at) == ("login", {"by": "phone"}, "203.0.113.7", NOW)


async def test_the_columns_that_the_push_asks_for_suffice_for_a_row(database: Database) -> None:
    """Accounts and sessions made with the columns of the session check alone are whole rows."""
    account_id = uid()
    async with database.writing() as writing:
        await writing.execute(insert(tables.account).values(
            id=account_id, role="patient", state="active", created_at=NOW))
        await writing.execute(insert(tables.session).values(
            id=uid(), account_id=account_id, device_id=uid(), created_at=NOW))
